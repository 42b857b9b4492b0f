"""`APriori`: subgrid terms fitted at measured snapshots, alone and before `Unrolled`, turned, by spectra."""

from dataclasses import replace

import numpy as np
import pytest
import xarray as xr

import unideq as ude
from unideq.closure.symmetry import odd_fields, turns_of
from unideq.graph import Graph, variable
from unideq.grid.spectrum import Shells
from unideq.objective import EstimationProblem, Observations, SolverSettings, loss_of
from unideq.objective.spectral import FLOOR, spectral_misfit

FINE = ude.problems.Burgers(points=64, viscosity=0.1, dt=0.02)
COARSE = replace(FINE, points=16).model()
GRID = COARSE.grid
DATA = ude.coarsen(FINE.data(trajectories=3, steps=12, every=2), COARSE)


def eddy(t, state, p):
    return p.eddy * GRID.laplacian(state.u)


def viscous():
    return COARSE.closed(eddy, {"eddy": 0.5})


@pytest.fixture(scope="module")
def known():
    """Data whose subgrid term is an eddy viscosity of 0.2."""
    return DATA.assign(u_subgrid=(DATA.u.dims, 0.2 * GRID.laplacian(DATA.u.values)))


def problem(model, data, holdout=None, **settings):
    everything = Observations.of(data, model)
    train, _ = everything.split(holdout)
    return EstimationProblem.make(
        model, train, everything, loss_of(settings.pop("loss", None)), SolverSettings(), None, {}
    )


@pytest.mark.parametrize("stepped", [False, True])
def test_a_known_term_is_found_without_a_solve(known, stepped):
    model = ude.Stepper(viscous(), 0.04, "etdrk4") if stepped else viscous()
    fit = ude.fit(model, known, objective=ude.APriori(), phases=[ude.BFGS(30)], progress=False)
    assert fit.parameters["eddy"] == pytest.approx(0.2, rel=1e-6)
    assert fit.record.best_total[0] < 1e-15


def test_the_loss_is_the_misfit_in_units_of_the_datas_spread(known):
    made = problem(viscous(), known)
    found = ude.get_engine("jax").value_and_gradient(ude.APriori(spectral=0.5).build(made), made.initial_theta(0))
    apart = np.mean((0.3 * GRID.laplacian(known.u.values)) ** 2) / float(known.u_subgrid.std()) ** 2
    assert float(found.terms["u_subgrid"]) == pytest.approx(apart, rel=1e-10)
    # A factor of 2.5 between all modes is one of 6.25 between energies, and less where the floor lies above them.
    assert 0.5 * np.log(6.25) ** 2 < float(found.terms["u_subgrid_spectrum"]) < np.log(6.25) ** 2
    assert float(found.total) == pytest.approx(apart + 0.5 * float(found.terms["u_subgrid_spectrum"]), rel=1e-10)


def test_both_in_order(known, tmp_path):
    """A fit a priori goes on coupled, from batches, resumes, and is judged by snapshots that it hasn't seen."""
    closure = ude.closures.Learned(ude.nn.CNN(1, 1, channels=(3,), kernel=3), form="flux")
    stepper = ude.Stepper(COARSE.closed(closure.scaled(COARSE, DATA)), 0.04, "etdrk4")
    phases = [
        ude.Adam(1e-2, 20, objective=ude.APriori(batch=4, spectral=0.1, augment=True)),
        ude.Adam(1e-3, 3, objective=ude.Unrolled(steps=2, batch=4, spectral=0.1)),
    ]
    settings = {"phases": phases, "holdout": 0.2, "report_every": 10, "progress": False}
    fit = ude.fit(stepper, DATA, **settings)
    assert [s.label for s in fit.record.settings.stages()] == ["Adam on APriori", "Adam on Unrolled(2)"]
    terms = fit.tree["training"]["term"].values.tolist()
    assert {"u_subgrid", "u_subgrid_spectrum"} <= set(terms)
    totals = fit.record.history.joined(1)["total"][0]
    assert np.isfinite(totals).all() and np.isfinite(fit.record.held_best).all()
    fit.save(tmp_path / "fit.nc")
    again = ude.Fit.load(tmp_path / "fit.nc")
    assert again.record.settings.stages()[0].objective == phases[0].objective
    assert "APriori(batch=4" in repr(again.record.settings.stages()[0].objective)


def test_an_interrupted_training_goes_on_with_the_same_snapshots(known, tmp_path):
    stepper = ude.Stepper(viscous(), 0.04, "etdrk4")
    settings = {"phases": [ude.Adam(1e-2, 8)], "report_every": 4, "progress": False}
    settings["objective"] = ude.APriori(batch=4, augment=True, spectral=0.1)
    whole = ude.fit(stepper, known, **settings)

    def interrupt(report):
        raise KeyboardInterrupt

    part = ude.fit(stepper, known, callback=interrupt, **settings)
    part.save(tmp_path / "part.nc")
    rest = ude.resume(tmp_path / "part.nc", progress=False)
    for name in ("total", "gradient_norm", "judged_total"):
        np.testing.assert_array_equal(rest.record.history.joined(1)[name], whole.record.history.joined(1)[name])
    assert rest.record.history.iterations == 8 > part.record.history.iterations


def test_streams_and_lone_snapshots_serve_steppers(known):
    stepper = ude.Stepper(viscous(), 0.04, "etdrk4")
    settings = {"phases": [ude.Adam(0.1, 60)], "objective": ude.APriori(batch=6), "progress": False}
    for data in (ude.Stream(known), known.isel(time=[0, 1, 4]), known.isel(time=[2])):
        assert ude.fit(stepper, data, **settings).parameters["eddy"] == pytest.approx(0.2, abs=0.02)


def test_conditions_and_values_by_group_are_each_trajectorys_own(known):
    factors = xr.DataArray([1.0, 2.0, 4.0], dims="trajectory")
    data = known.assign(u_subgrid=factors * known.u_subgrid).assign_coords(strength=factors)

    def own(t, state, p):
        return p.strength * eddy(t, state, p)

    conditioned = COARSE.closed(own, {"eddy": 0.5, "strength": ude.Condition(1.0)})
    grouped = COARSE.closed(eddy, {"eddy": ude.Parameter(0.5, per="trajectory")})
    settings = {"objective": ude.APriori(), "phases": [ude.BFGS(20)], "progress": False}
    assert ude.fit(conditioned, data, **settings).parameters["eddy"] == pytest.approx(0.2, rel=1e-6)
    found = ude.fit(ude.Stepper(grouped, 0.04, "etdrk4"), data.drop_vars("strength"), **settings)
    np.testing.assert_allclose(found.tree["parameters"]["eddy"][0], 0.2 * factors, rtol=1e-5)


def test_snapshots_are_drawn_by_seed_and_iteration_alone():
    model = ude.Stepper(viscous(), 0.04)
    made = problem(model, DATA)
    objective = ude.APriori(batch=4, augment=True, seed=3)
    first, again = (objective.batches(made, None, 1) for _ in range(2))
    other, stage = ude.APriori(batch=4, augment=True, seed=4).batches(made, None, 1), objective.batches(made, None, 2)
    for k in (0, 7):
        for a, b in zip(first(k), again(k), strict=True):
            assert all(np.array_equal(a[n], b[n]) for n in a)
    assert not np.array_equal(first(0)[0]["u"], first(1)[0]["u"])
    assert not np.array_equal(first(0)[0]["u"], other(0)[0]["u"]) and not np.array_equal(
        first(0)[0]["u"], stage(0)[0]["u"]
    )


def test_turned_snapshots_are_turned_terms():
    """What is turned and reflected obeys the same closure, where that turns with the flow; all elements are drawn."""
    flow = ude.problems.KolmogorovFlow(points=12, forcing=2).model()
    model = flow.closed(ude.closures.Learned(ude.nn.CNN(2, 1, (2,), 3, 2), equivariant=True))
    rng = np.random.default_rng(0)
    fields = rng.standard_normal((40, 1, 12, 12))
    theta = model.initial_theta()
    given = {"t": 0.0, "theta": theta, "c": np.array([600.0])}
    exact = [model.observation.evaluate({**given, "u": f.ravel()})["vorticity_subgrid"] for f in fields]
    dims = ("trajectory", "time", "x", "y")
    places = {n: flow.grid.coordinates(n) for n in "xy"} | {"time": [0.0]}
    data = xr.Dataset({"vorticity": (dims, fields), "vorticity_subgrid": (dims, np.array(exact)[:, None])}, places)
    made = problem(ude.Stepper(model, 0.1), data)
    objective = ude.APriori(batch=40, augment=True)
    points, targets = objective.batches(made, None)(0)
    plain = objective.data(made, objective.windows(made).take(0, 40))
    seen = set()
    for u, term, before in zip(points["u"], targets["vorticity_subgrid"], plain[0]["u"], strict=True):
        found = model.observation.evaluate({**given, "u": u})["vorticity_subgrid"]
        np.testing.assert_allclose(term, found, atol=1e-12 * np.abs(found).max())
        turns = turns_of(flow.grid, "")
        signs = [-1.0 if t.mirrors else 1.0 for t in turns]
        same = [k for k, (t, s) in enumerate(zip(turns, signs, strict=True))
                if np.array_equal(u, (s * t.of(before.reshape(12, 12))).ravel())]  # fmt: skip
        assert len(same) == 1
        seen.add(same[0])
    assert seen == set(range(8)) and odd_fields(model, None, "") == {"vorticity"}


@pytest.mark.parametrize(("shape", "lengths"), [((16,), (2.0,)), ((8, 12), (3.0, 5.0))])
def test_spectral_misfits_are_those_of_shells(shape, lengths):
    axes = [ude.Axis(n, 0.0, length, points) for n, length, points in zip("xy", lengths, shape, strict=False)]
    grid, rng, scale = ude.Grid(*axes), np.random.default_rng(1), 3.0
    a, b = rng.standard_normal((2, 5, *shape))
    x, y = variable("a", a.shape), variable("b", b.shape)
    found = Graph((x, y), {"misfit": spectral_misfit(grid, x, y, scale)}).evaluate({"a": a, "b": b})["misfit"]
    shells = Shells(shape, lengths)
    energies = [shells.product(f, f)[:, shells.resolved] / scale**2 + FLOOR for f in (a, b)]
    assert found == pytest.approx(np.mean(np.log(energies[0] / energies[1]) ** 2), rel=1e-12)


WALLED = ude.Grid(ude.Axis("x", 0.0, 1.0, 16, boundary=ude.Dirichlet(0.0)))


def test_spectra_need_periodic_fields(known):
    walled = ude.PDE(lambda t, s: WALLED.laplacian(s.u), WALLED, ["u"]).closed(lambda t, s, p: p.k * s.u, {"k": 1.0})
    data = xr.Dataset({n: (("time", "x"), np.random.default_rng(0).normal(size=(3, 16))) for n in ("u", "u_subgrid")},
                      {"time": [0.0, 0.1, 0.2], "x": WALLED.coordinates("x")})  # fmt: skip
    with pytest.raises(ude.OptionError, match="periodic"):
        ude.fit(walled, data, objective=ude.APriori(spectral=1.0), progress=False)
    with pytest.raises(ude.OptionError, match="boundary"):
        ude.fit(walled, data, objective=ude.APriori(augment=True, batch=2), phases=ude.Adam(1e-3, 1), progress=False)
