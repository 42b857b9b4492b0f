"""Training that goes on from a fit: the same as in one go, on other data, with parts that keep their values."""

import numpy as np
import pytest
import xarray as xr

import unideq as ude
from unideq.errors import DataError, ModelError, OptionError, UnideqWarning

TIMES = np.linspace(0.0, 2.0, 9)


def decay(start=3.0, rate=0.7):
    return xr.Dataset({"x": ("time", start * np.exp(-rate * TIMES))}, {"time": TIMES})


def model():
    net = ude.nn.MLP(1, 1, (3,))
    return ude.ODE(lambda t, s, p, net: {"x": -p.k * s.x + 0.1 * net.f(s.x)}, ["x"], {"k": 0.5}, {"f": net})


@pytest.fixture(scope="module")
def first():
    return ude.fit(model(), decay(), phases=ude.Adam(1e-2, 6), seeds=2, progress=False)


def values(fit, seed, name):
    return fit.record.layout.unpack(fit.theta_of(seed))[name]


def test_every_seed_goes_on_from_where_it_stood(first):
    lasted = first.train(ude.Adam(1e-2, 1), progress=False)
    for seed in first.seeds:
        start = first.theta_of(seed)
        # One step of Adam moves every number by the learning rate at most.
        assert 0 < np.abs(lasted.record.theta[seed] - start).max() <= 1.0001e-2
    assert first.record.history.iterations == 6 and lasted.record.history.iterations == 1


def test_gradient_descent_in_two_parts_is_one_descent():
    """Adam's first step is sign(g): the second training's first total is the first one's at its end."""
    one = ude.fit(model(), decay(), phases=ude.Adam(1e-2, 6), progress=False)
    more = one.train(ude.BFGS(3), progress=False)
    again = ude.fit(model(), decay(), phases=[ude.Adam(1e-2, 6), ude.BFGS(3)], progress=False)
    np.testing.assert_allclose(more.theta, again.theta, rtol=1e-9)


def test_frozen_parts_keep_their_values_and_thawed_ones_move(first):
    held = first.train(ude.Adam(1e-2, 3), freeze=["f"], progress=False)
    for name in ("f.layer_1.weight", "f.layer_2.bias"):
        np.testing.assert_array_equal(values(held, 0, name), values(first, 0, name))
    assert values(held, 0, "k") != values(first, 0, "k")
    moved = held.train(ude.Adam(1e-2, 3), thaw="f", freeze="k", progress=False)
    assert (values(moved, 0, "f.layer_1.weight") != values(held, 0, "f.layer_1.weight")).any()
    assert values(moved, 0, "k") == values(held, 0, "k")


def test_a_layer_goes_before_its_network(first):
    moved = first.train(ude.Adam(1e-2, 3), freeze=["k", "f", "f.layer_2.bias"], thaw="f.layer_2", progress=False)
    free = {e.name for e in moved.record.layout.entries if e.free}
    assert free == {"f.layer_2.weight", "initial.x"}
    for name in ("k", "f.layer_1.weight", "f.layer_1.bias", "f.layer_2.bias"):
        np.testing.assert_array_equal(values(moved, 0, name), values(first, 0, name))
    assert (values(moved, 0, "f.layer_2.weight") != values(first, 0, "f.layer_2.weight")).all()


def test_other_data_start_at_their_own_first_measurements(first):
    other = first.train(ude.Adam(1e-12, 1), decay(start=5.0, rate=0.4), progress=False)
    assert values(other, 0, "initial.x") == pytest.approx(5.0)
    np.testing.assert_allclose(values(other, 0, "k"), values(first, 0, "k"), rtol=1e-9)


def test_settings_are_the_fits_own_unless_others_are_given():
    begun = ude.fit(
        model(), decay(), phases=ude.Adam(1e-2, 2), loss="gaussian", holdout=0.25, solver=ude.Tsit5(rtol=1e-7),
        regularise=1e-3, cost=lambda t, s: s.x**2, progress=False,
    )  # fmt: skip
    lasted = begun.train(ude.Adam(1e-3, 2), loss="huber", progress=False).record.settings
    assert lasted.loss == ude.Huber() and lasted.solver.rtol == 1e-7
    assert lasted.holdout == ude.Holdout(0.25) and lasted.regulariser == ude.L2(1e-3)
    assert lasted.costs["cost"].weight == 1.0


def test_a_residual_fit_goes_on():
    domain = ude.Domain({"t": (0.0, 1.0)})
    problem = ude.ResidualProblem(
        domain,
        {"u": ude.Field(ude.nn.MLP(1, 1, (4,)))},
        {
            "decay": ude.Interior(lambda at, f, p: ude.d(f.u, at.t) + p.k * f.u, points=8),
            "start": ude.Initial(lambda at, f: f.u - 1.0, points=1),
        },
        {"k": ude.Parameter(0.5, free=False)},
    )
    begun = ude.fit(problem, phases=ude.Adam(1e-2, 3), balance={"start": 5.0}, progress=False)
    lasted = begun.train(ude.Adam(1e-2, 1), progress=False)
    assert 0 < np.abs(lasted.record.theta - begun.theta).max() <= 1.0001e-2
    assert lasted.record.settings.balance == begun.record.settings.balance


def test_a_checkpoint_belongs_to_the_fit_that_it_goes_on_from(first, tmp_path):
    path = tmp_path / "further.nc"
    done = first.train(ude.Adam(1e-2, 2), checkpoint=path, progress=False)
    again = first.train(ude.Adam(1e-2, 2), checkpoint=path, progress=False)
    np.testing.assert_array_equal(again.theta, done.theta)
    with pytest.raises(OptionError, match="belongs to another call"):
        done.train(ude.Adam(1e-2, 2), checkpoint=path, progress=False)


@pytest.mark.parametrize(
    ("given", "kind", "words"),
    [
        ({"freeze": "g"}, ModelError, "Unknown parameter or network `g`"),
        ({"thaw": "f.layer_9"}, ModelError, r"Unknown layer of the network `f` `f.layer_9`.*`f.layer_1`, `f.layer_2`"),
        ({"freeze": "f", "thaw": ["f"]}, OptionError, "`freeze` and `thaw` both name `f`"),
        ({"freeze": 3}, OptionError, "`freeze` needs names"),
        ({"thaw": [3]}, OptionError, "`thaw`"),
        ({"seeds": 3}, OptionError, "goes on with the seeds of the fit"),
        ({"losss": "huber"}, OptionError, "`losss`"),
        ({"phases": "adam"}, OptionError, "adam"),
        ({"data": xr.Dataset({"y": ("time", TIMES)}, {"time": TIMES})}, DataError, "`x`"),
    ],
)
def test_what_train_cant_do_is_told(first, given, kind, words):
    with pytest.raises(kind, match=words):
        first.train(progress=False, **given)


# ---- values of another model ------------------------------------------------------------------------------------


def test_a_model_takes_what_it_shares_with_another(first):
    more = ude.ODE(
        lambda t, s, p, net: {"x": -p.k * s.x + net.f(s.x) - p.c * net.g(s.x)},
        ["x"], {"k": 2.0, "c": 1.0}, {"f": ude.nn.MLP(1, 1, (3,)), "g": ude.nn.MLP(1, 1, (2,))},
    ).initialised_from(first.model)  # fmt: skip
    assert more.parameters["k"].value == pytest.approx(float(first.parameters["k"]))
    one, two = (more.layout.unpack(more.initial_theta(s)) for s in (0, 1))
    np.testing.assert_array_equal(one["f.layer_1.weight"], values(first, first.best_seed, "f.layer_1.weight"))
    assert (one["g.layer_1.weight"] != two["g.layer_1.weight"]).any()
    again = ude.ODE.from_json(more.frozen("f", "k").to_json())
    free = {e.name: e.free for e in again.layout.entries}
    assert not free["k"] and not free["f.layer_1.bias"] and free["c"] and free["g.layer_1.bias"]
    assert not again.parameters["k"].free and again.thawed("k").parameters["k"].free


def test_models_that_share_nothing_or_other_shapes_are_told(first):
    wide = ude.ODE(lambda t, s, p, net: {"x": net.f(s.x)}, ["x"], {}, {"f": ude.nn.MLP(1, 1, (5,))})
    with pytest.raises(ModelError, match=r"`f.layer_1.weight` has shape \(5, 1\).*\(3, 1\)"):
        wide.initialised_from(first.model)
    with pytest.raises(ModelError, match="share no parameter or trained network"):
        ude.ODE(lambda t, s, p: {"x": -p.r * s.x}, ["x"], {"r": 1.0}).initialised_from(first.model)
    bounded = ude.ODE(lambda t, s, p: {"x": -p.k * s.x}, ["x"], {"k": ude.Parameter(0.1, lower=0.0, upper=0.2)})
    with pytest.raises(ModelError, match="Parameter `k`"):
        bounded.initialised_from(first.model)
    with pytest.raises(ModelError, match="needs a model"):
        bounded.initialised_from(first)


def test_all_frozen_leaves_nothing_to_train(first):
    with pytest.warns(UnideqWarning, match="Nothing is free"):
        first.train(ude.Adam(1e-2, 1), freeze=["k", "f"], estimate_initial=False, progress=False)


def test_a_stepper_cant_free_what_its_scheme_is_made_of():
    grid = ude.Grid(ude.Axis("x", 0.0, 1.0, 16), scheme=ude.schemes.Fourier())
    fixed = {"nu": ude.Parameter(0.1, free=False)}
    pde = ude.PDE(lambda t, s: -(s.u**3), grid, ["u"], fixed, linear=lambda d, p: p.nu * d.x**2)
    with pytest.raises(ModelError, match=r"model\.thawed"):
        ude.Stepper(pde, 0.01).thawed("nu")
