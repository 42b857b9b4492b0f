"""Transfer: what isn't named keeps its values bit for bit, and the result remembers where it comes from."""

import numpy as np
import pytest
import xarray as xr

import unideq as ude
from unideq.errors import DataError, ModelError, OptionError, UnideqWarning
from unideq.result.member import member_of

TIMES = np.linspace(0.0, 2.0, 9)
SHORT = ude.Adam(1e-2, 3)


def decay(start=3.0, rate=0.7):
    return xr.Dataset({"x": ("time", start * np.exp(-rate * TIMES))}, {"time": TIMES})


@pytest.fixture(scope="module")
def base():
    rate = ude.Parameter(0.5, positive=True)
    known = ude.Parameter(0.1, free=False)
    net = ude.nn.MLP(1, 1, (3,))
    model = ude.ODE(
        lambda t, s, p, net: {"x": -p.k * s.x + p.c * net.f(s.x)}, ["x"], {"k": rate, "c": known}, {"f": net}
    )
    settings = {"objective": ude.Collocation(), "phases": ude.Adam(1e-2, 6)}
    return ude.fit(model, decay(), **settings, seeds=2, progress=False)


@pytest.fixture(scope="module")
def moved(base):
    return base.transfer(decay(3.5, 0.6), ["f.layer_2"], SHORT, progress=False)


def bits(fit, name):
    layout = fit.record.layout
    return fit.record.chosen_theta[:, layout.window(name)].tobytes()


def test_what_is_not_named_keeps_its_values_bit_for_bit(base, moved):
    own = base.record.model.layout.names
    assert {n for n in own if bits(base, n) != bits(moved, n)} == {"f.layer_2.weight", "f.layer_2.bias"}
    for name in ("k", "c"):
        assert float(moved.parameters[name]) == float(base.parameters[name])


def test_single_precision_rounds_nothing_that_is_kept(base):
    single = ude.Adam(1e-2, 3, rates={"f.layer_2.bias": 0.5}, precision="float32")
    fit = base.transfer(decay(3.5, 0.6), ["f.layer_2"], single, progress=False)
    moved = {n for n in base.record.model.layout.names if bits(base, n) != bits(fit, n)}
    assert moved == {"f.layer_2.weight", "f.layer_2.bias"}


def test_all_is_every_network_and_the_parameters_that_were_trained(base):
    fit = base.transfer(decay(3.5, 0.6), "all", SHORT, progress=False)
    own = base.record.model.layout.names
    assert {n for n in own if bits(base, n) == bits(fit, n)} == {"c"}
    assert fit.transferred.retrained == ("f", "k")


def test_a_parameter_that_was_fixed_is_trained_where_it_is_named(base):
    fit = base.transfer(decay(3.5, 0.6), ["c"], SHORT, progress=False)
    assert {n for n in base.record.model.layout.names if bits(base, n) != bits(fit, n)} == {"c"}


def test_layers_share_compiled_code(base, moved, monkeypatch):
    from unideq.engine.cache import CompiledCache

    made = []
    get = CompiledCache.get
    monkeypatch.setattr(
        CompiledCache, "get", lambda self, key, make: get(self, key, lambda: made.append(key) or make())
    )
    base.transfer(decay(3.5, 0.6), ["f.layer_1"], SHORT, progress=False)
    assert not made


def test_the_result_and_its_file_remember(base, moved, tmp_path):
    moved.save(tmp_path / "moved.nc")
    for fit in (moved, ude.Fit.load(tmp_path / "moved.nc")):
        assert fit.transferred.retrained == ("f.layer_2",)
        assert fit.transferred.origin["fingerprint"] == base.record.fingerprint
        np.testing.assert_array_equal(fit.transferred.start[:, :-1], base.record.chosen_theta[:, :-1])
        assert "f.layer_2 retrained" in repr(fit)
    assert base.transferred is None and "transfer" not in repr(base)
    again = moved.transfer(decay(3.2, 0.5), ["f.layer_1"], SHORT, progress=False)
    assert again.transferred.origin["transferred"]["retrained"] == ["f.layer_2"]
    # The first transfer is no longer what training goes on from: a plain one forgets nothing of θ, and has no origin.
    assert again.train(SHORT, progress=False).transferred is None


def test_a_member_remembers_where_it_began_itself(moved):
    alone = member_of(moved, 1)
    np.testing.assert_array_equal(alone.transferred.start, moved.transferred.start[1:])


def test_a_checkpoint_belongs_to_what_is_retrained(base, tmp_path):
    path = tmp_path / "moved.nc"
    done = base.transfer(decay(3.5, 0.6), ["f.layer_2"], SHORT, checkpoint=path, progress=False)
    again = base.transfer(decay(3.5, 0.6), ["f.layer_2"], SHORT, checkpoint=path, progress=False)
    np.testing.assert_array_equal(again.theta, done.theta)
    assert again.transferred.retrained == done.transferred.retrained
    with pytest.raises(OptionError, match="belongs to another call"):
        base.transfer(decay(3.5, 0.6), ["f.layer_1"], SHORT, checkpoint=path, progress=False)


def test_data_of_another_size_are_told(base):
    with pytest.warns(UnideqWarning, match="`x` varies 4.* times as much as in the fit's"):
        fit = base.transfer(decay(12.0), ["k"], SHORT, progress=False)
    assert fit.transferred.scales["x"][0] == pytest.approx(4.0)
    assert any("4 times as much" in e for e in fit.events)


def test_rates_by_layer(base):
    phase = ude.Adam(1e-2, 1, rates={"f": 0.5, "f.layer_2": 0.1})
    fit = base.transfer(decay(3.5, 0.6), "all", phase, progress=False)
    for name, most in (("k", 1e-2), ("f.layer_1.weight", 5e-3), ("f.layer_2.weight", 1e-3)):
        window = fit.record.layout.window(name)
        change = np.abs(fit.record.theta[:, window] - base.record.chosen_theta[:, window])
        np.testing.assert_allclose(change, most, rtol=1e-3)


@pytest.mark.parametrize(
    ("train", "more", "kind", "words"),
    [
        ([], {}, OptionError, "Nothing is left to train"),
        (["f.layer_3"], {}, ModelError, "Did you mean `f.layer_2`"),
        (["kk"], {}, ModelError, "Did you mean `k`"),
        (3, {}, OptionError, "`train` needs names"),
        (["k"], {"freeze": "f"}, OptionError, "takes no `freeze`"),
        (["k"], {"seeds": 2}, OptionError, "goes on with the seeds"),
        (["k"], {"data": None}, DataError, "needs the data"),
        (["k"], {"data": decay(rate=0.0)}, DataError, "`x` is 3 throughout"),
        (["k"], {"data": decay().where(TIMES < 0)}, DataError, "nothing but NaN"),
        (["k"], {"phases": ude.Adam(1e-2, 3, rates={"f.layer_5": 2.0})}, OptionError, "Unknown.*`f.layer_5`"),
    ],
)  # fmt: skip
def test_what_transfer_cant_do_is_told(base, train, more, kind, words):
    given = {"data": decay(3.5), "phases": SHORT, **more}
    with pytest.raises(kind, match=words):
        base.transfer(train=train, progress=False, **given)


def test_residual_fits_and_groups_are_refused_by_name():
    problem = ude.ResidualProblem(
        ude.Domain({"t": (0.0, 1.0)}),
        {"u": ude.Field(ude.nn.MLP(1, 1, (4,)))},
        {"decay": ude.Interior(lambda at, f, p: ude.d(f.u, at.t) + p.k * f.u, points=8)},
        {"k": 0.5},
    )
    fit = ude.fit(problem, phases=ude.Adam(1e-2, 1), progress=False)
    with pytest.raises(OptionError, match=r"isn't for residual problems.*initialised_from"):
        fit.transfer(decay(), ["u"])
    own = ude.Parameter(0.5, per="trajectory")
    model = ude.ODE(lambda t, s, p: {"x": -p.k * s.x}, ["x"], {"k": own})
    two = xr.concat([decay(), decay(2.0)], xr.Variable("trajectory", ["a", "b"]))
    with pytest.raises(OptionError, match=r"fit\.adapted\(data\)"):
        ude.fit(model, two, objective=ude.Collocation(), phases=SHORT, progress=False).transfer(two, ["k"])
