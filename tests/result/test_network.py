"""Learned functions called at one's own points, and drawn against known ones."""

import numpy as np
import pytest
import xarray as xr

import unideq as ude
from unideq.errors import DataError, OptionError

TIMES = np.linspace(0.0, 2.0, 9)


@pytest.fixture(scope="module")
def fitted():
    """Two networks: one argument and one output, two arguments and two outputs."""
    data = xr.Dataset({"x": ("time", np.exp(-TIMES)), "y": ("time", 1 + TIMES)}, {"time": TIMES})

    def rhs(t, s, p, net):
        a, b = net.pair(s.x, s.y)
        return {"x": net.one(s.x) + 0.1 * a, "y": b}

    networks = {"one": ude.nn.MLP(1, 1, (3,)), "pair": ude.nn.MLP(2, 2, (3,))}
    model = ude.ODE(rhs, ["x", "y"], networks=networks)
    return ude.fit(model, data, phases=ude.Adam(1e-2, 3), seeds=2, progress=False)


def by_hand(fit, name, x, seed):
    values = fit.record.layout.unpack(fit.theta_of(seed))
    w1, b1, w2, b2 = (values[f"{name}.layer_{k}.{part}"] for k in (1, 2) for part in ("weight", "bias"))
    return np.tanh(x @ w1.T + b1) @ w2.T + b2


def test_a_network_of_one_argument_keeps_its_shape(fitted):
    x = np.linspace(-1, 1, 6).reshape(2, 3)
    f = fitted.network("one")
    np.testing.assert_allclose(f(x), by_hand(fitted, "one", x[..., None], fitted.best_seed)[..., 0], rtol=1e-12)
    assert f(0.5).shape == () and f([0.5]).shape == (1,)
    every = fitted.network("one", seed="all")(x)
    assert every.shape == (2, 2, 3)
    np.testing.assert_array_equal(every[1], fitted.network("one", seed=1)(x))


def test_arguments_broadcast_and_several_outputs_come_last(fitted):
    x, y = np.linspace(0, 1, 4)[:, None], np.linspace(1, 2, 3)
    expected = by_hand(fitted, "pair", np.stack(np.broadcast_arrays(x, y), -1), 0)
    f = fitted.network("pair", seed=0)
    np.testing.assert_allclose(f(x, y), expected, rtol=1e-12)
    np.testing.assert_allclose(f(np.stack(np.broadcast_arrays(x, y), -1)), expected, rtol=1e-12)


def test_a_network_on_a_grid_takes_fields():
    grid = ude.Grid(ude.Axis("x", 0.0, 1.0, 8))
    net = ude.nn.CNN(1, 1, (2,), kernel=3, dimensions=1)
    model = ude.PDE(lambda t, s, p, net: 0.1 * net.f(s.u), grid, ["u"], networks={"f": net})
    u = np.sin(2 * np.pi * grid.coordinates("x"))
    data = xr.Dataset({"u": (("time", "x"), np.stack([u, 0.9 * u]))}, {"time": [0.0, 0.1], "x": grid.coordinates("x")})
    fit = ude.fit(model, data, phases=ude.Adam(1e-3, 1), progress=False)
    term = fit.tree["/learned_term"]["f_output"].values
    found = fit.network("f")(fit.tree["/learned_term"]["f_argument_0"].values)
    np.testing.assert_allclose(found, term, rtol=1e-9, atol=1e-12)


def test_against_a_known_function_the_picture_has_both(fitted):
    ax = fitted.network("one", seed="all").plot(known=lambda x: -x)
    lines = {line.get_label(): line for line in ax.lines}
    np.testing.assert_array_equal(lines["known"].get_ydata(), -lines["known"].get_xdata())
    x = lines["learned one"].get_xdata()
    np.testing.assert_allclose(lines["learned one"].get_ydata(), fitted.network("one")(x))
    assert len(ax.lines) == 3
    pair = fitted.network("pair").plot(known=lambda x, y: np.stack([x, y], axis=-1))
    assert [line.get_label() for line in pair.lines] == ["pair[0]", "pair[1]", "equal"]
    assert fitted.network("one").plot().get_title(loc="left").startswith("learned")


@pytest.mark.parametrize(
    ("call", "kind", "words"),
    [
        (lambda f: f.network("two"), OptionError, "Unknown network `two`"),
        (lambda f: f.network("one", seed=9), OptionError, "There is no seed 9"),
        (lambda f: f.network("pair")(1.0), DataError, "`pair` has 2 inputs, and was called with 1"),
        (lambda f: f.network("pair")([1.0, 2.0, 3.0], [1.0, 2.0]), DataError, "don't broadcast"),
        (lambda f: f.network("one")("x"), DataError, "argument 0"),
        (lambda f: f.network("one").plot(known=3), OptionError, "`known` needs a function"),
    ],
)
def test_bad_calls_say_why(fitted, call, kind, words):
    with pytest.raises(kind, match=words):
        call(fitted)
