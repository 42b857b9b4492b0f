"""Measurements with a standard deviation of their own, and those beyond a limit: SciPy's densities and tails."""

import numpy as np
import pytest
import xarray as xr
from scipy.optimize import minimize
from scipy.stats import lognorm, norm

import unideq as ude
from objective.building import NAN, decay
from unideq.errors import DataError, OptionError
from unideq.graph import Graph, variable
from unideq.graph.derivative import gradient
from unideq.objective import EstimationProblem, MultipleShooting, Observations, SolverSettings, Trajectory
from unideq.objective.losses.normal_tail import log_normal_between, log_normal_cdf
from unideq.result.plot import plot_data

FAR = np.array([-1e3, -38.0, -5.0, -0.3, -1e-9, 1e-9, 0.7, 3.0, 9.0])
TIMES = np.arange(5.0)
VALUES = [1.0, 0.4, 0.05, 3.5, NAN]
DATA = xr.Dataset(
    {
        "x": ("time", VALUES, {"units": "g"}),
        "y": ("time", [2.0, NAN, 2.0, 2.0, 2.5]),
        "x_sd": ("time", [0.1, 0.2, 0.3, 0.4, NAN]),
        "x_top": ("time", [NAN, 0.6, NAN, NAN, NAN]),
    },
    {"time": TIMES},
)
PREDICTED = np.array([[1.1, 0.5, 0.2, 2.5, 9.0]])


def made(loss, data=DATA):
    kept = data.drop_vars([n for n in data.data_vars if n not in ("x", "y", *loss.beside)])
    observations = Observations.of(kept, decay(), beside=loss.beside)
    return EstimationProblem.make(decay(), observations, observations, loss, SolverSettings(), None, {})


def cost(loss, data=DATA):
    """Sum of the costs of x, the prediction made up."""
    problem = made(loss, data)
    program = Trajectory().build(problem)
    arrays = {"solve.observed.x": PREDICTED, "solve.observed.y": PREDICTED}
    return 4 * program.loss.evaluate({"theta": problem.initial_theta(0), **arrays})["x"], problem


def test_the_tail_is_scipys_however_far_out_and_so_is_its_slope():
    x = variable("x", FAR.shape)
    graph = Graph([x], {"y": log_normal_cdf(x)})
    np.testing.assert_allclose(graph.evaluate({"x": FAR})["y"], norm.logcdf(FAR), rtol=1e-12)
    slope = Graph([x], {"slope": gradient(np.sum(graph.outputs["y"]), [x])[0]}).evaluate({"x": FAR})["slope"]
    np.testing.assert_allclose(slope, np.exp(norm.logpdf(FAR) - norm.logcdf(FAR)), rtol=1e-10)


@pytest.mark.parametrize(("low", "high"), [(-1.0, 1.0), (-30.0, -29.0), (-1e-3, 1e-3), (2.0, 2.5), (-np.inf, 0.3)])
def test_what_lies_between_two_numbers_is_taken_in_its_tail(low, high):
    a, b = variable("a"), variable("b")
    found = Graph([a, b], {"y": log_normal_between(a, b)}).evaluate({"a": max(low, -99.0), "b": high})["y"]
    expected = norm.logcdf(high) + np.log1p(-np.exp(norm.logcdf(low) - norm.logcdf(high)))
    assert found == pytest.approx(expected, rel=1e-9)
    mirrored = Graph([a, b], {"y": log_normal_between(a, b)}).evaluate({"a": -high, "b": min(-low, 99.0)})["y"]
    assert mirrored == pytest.approx(found, rel=1e-14)


def test_each_measurement_has_a_standard_deviation_of_its_own():
    found, problem = cost(ude.GaussianLikelihood(sigma={"x": "x_sd"}))
    size = 4 * (np.log(problem.scales["x"]) + 0.5 * np.log(2 * np.pi))
    expected = -norm.logpdf(VALUES[:4], PREDICTED[0, :4], [0.1, 0.2, 0.3, 0.4]).sum()
    assert found + size == pytest.approx(expected, rel=1e-12)
    assert [e.name for e in problem.layout.of_kind("noise")] == ["noise.y"]


def test_measurements_beyond_limits_cost_their_probability():
    limits = {"below": {"x": 0.1}, "above": {"x": 3.0}, "between": {"x": "x_top"}}
    found, problem = cost(ude.GaussianLikelihood(sigma={"x": 0.5}, **limits))
    size = np.log(problem.scales["x"]) + 0.5 * np.log(2 * np.pi)
    z = (np.array([0.4, 0.6]) - 0.5) / 0.5
    expected = -norm.logpdf(1.0, 1.1, 0.5) - norm.logcdf(0.1, 0.2, 0.5) - norm.logsf(3.0, 2.5, 0.5)
    assert found + size == pytest.approx(expected - np.log(np.diff(norm.cdf(z))[0]), rel=1e-12)


def test_limits_of_positive_quantities_are_those_of_their_logarithms():
    loss = ude.LogNormalLikelihood(sigma={"x": "x_sd"}, below={"x": 0.5})
    found, _ = cost(loss)
    y, s = np.array([1.0, 3.5]), np.array([0.1, 0.4])
    exact = -lognorm.logpdf(y, s, scale=[1.1, 2.5]) - np.log(y) - 0.5 * np.log(2 * np.pi)
    beyond = lognorm.logcdf(0.5, [0.2, 0.3], scale=[0.5, 0.2])
    assert found == pytest.approx(exact.sum() - beyond.sum(), rel=1e-12)
    zero = DATA.assign(x=DATA.x.where(DATA.time != 2, 0.0))  # what lies below may be recorded as anything
    assert made(loss, zero).observations.exact(loss).pooled("x")[[1, 2]].tolist() == pytest.approx(
        [NAN, NAN], nan_ok=True
    )


def test_what_stands_beside_is_kept_with_the_data_and_cut_with_them():
    loss = ude.GaussianLikelihood(sigma={"x": "x_sd"}, below={"x": "limit"})
    data = DATA.drop_vars("x_top").assign_coords(limit=0.2)
    found = Observations.of([data, data.isel(time=[0, 3])], decay(), beside=loss.beside)
    again = Observations.of(found.dataset, decay(), beside=loss.beside)
    for one in (found, again):
        assert one.series[1].beside["x_sd"].tolist() == [0.1, 0.4]
        assert one.series[0].beside["limit"].tolist() == [0.2] * 5
    held = found.split(ude.Holdout(fraction=0.4))[1]
    assert held.series[0].beside["x_sd"][:1].tolist() == [0.4]
    problem = made(loss, data)
    pieces = MultipleShooting(3).build(problem.extended(MultipleShooting(3).entries(problem))).loss
    assert "continuity" in pieces.outputs


def test_two_variables_may_share_what_stands_beside_them():
    _, problem = cost(ude.GaussianLikelihood(sigma={"x": "sd", "y": "sd"}), DATA.assign(sd=0.3))
    assert not problem.layout.of_kind("noise")


def test_a_level_below_the_limit_in_part_is_scipys_tobit_estimate(tmp_path):
    values = np.random.default_rng(1).normal(1.0, 0.5, 40)
    recorded = np.where(values < 0.8, 0.0, values)
    model = ude.ODE(lambda t, state: {"x": 0.0 * state.x}, ["x"], initial={"x": ude.Parameter(2.0)})
    data = xr.Dataset({"x": ("time", recorded)}, {"time": np.arange(40.0)})
    fit = ude.fit(model, data, loss=ude.GaussianLikelihood(below={"x": 0.8}), phases=ude.BFGS(60), progress=False)

    def minus_log(p):
        out = recorded <= 0.8
        exact = norm.logpdf(recorded[~out], p[0], np.exp(p[1])).sum()
        return -exact - out.sum() * norm.logcdf(0.8, p[0], np.exp(p[1]))

    best = minimize(minus_log, [1.0, -1.0], method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-12}).x
    assert float(np.ravel(fit.parameters["initial.x"])[0]) == pytest.approx(best[0], rel=1e-4)
    assert float(fit.parameters["noise.x"]) == pytest.approx(np.exp(best[1]), rel=1e-4)
    level = float(np.ravel(fit.parameters["initial.x"])[0])
    rmse = fit.tree["/diagnostics"]["rmse_training"].values.item()  # of what was measured exactly
    assert rmse == pytest.approx(np.sqrt(np.mean((recorded[recorded > 0.8] - level) ** 2)), rel=1e-9)
    fit.save(tmp_path / "tobit.nc")
    assert ude.Fit.load(tmp_path / "tobit.nc").record.settings.loss == fit.record.settings.loss
    assert "measured: beyond a limit" in [t.get_text() for t in plot_data(fit).get_legend().get_texts()]


def test_what_cannot_stand_beside_measurements_is_told():
    own = ude.GaussianLikelihood(sigma={"x": "x_sd"})
    for change, words in [
        (DATA.drop_vars("x_sd"), "lack `x_sd`.*beside `x`"),
        (DATA.assign(x_sd=DATA.x_sd * 0.0), "`x_sd`.* is 0 at time 0 of trajectory 0"),
        (DATA.assign(x_sd=DATA.x_sd.where(DATA.time != 2)), "`x_sd`.* is nan at time 2"),
        (DATA.assign(x_sd=DATA.x_sd.expand_dims(place=2)), "`x_sd` has dimensions.*place"),
        (DATA.assign(x_sd=DATA.x_sd.assign_attrs(units="mg")), "`x_sd` is in `mg`, `x` in `g`"),
        (DATA.assign(x_sd=DATA.x_sd.astype(str)), "`x_sd`.*not numbers"),
    ]:
        with pytest.raises(DataError, match=words):
            made(own, change)
    with pytest.raises(OptionError, match=r"reads `y` beside `x`.*own variable"):
        made(ude.GaussianLikelihood(sigma={"x": "y"}))
    with pytest.raises(DataError, match="All 4 measurements of `x` lie beyond a limit"):
        made(ude.GaussianLikelihood(below={"x": 5.0}))
    with pytest.raises(DataError, match=r"`between`, ends at 0.6 where it begins at 3.5 at time 3"):
        made(ude.GaussianLikelihood(between={"x": "x_top"}), DATA.assign(x_top=DATA.x_top.shift(time=2)))
    with pytest.raises(DataError, match="`x` or its limit is -1 at time 0"):
        made(ude.LogNormalLikelihood(above={"x": "low"}), DATA.assign(low=("time", [-1.0] * 5)))


@pytest.mark.parametrize("make", [ude.GaussianLikelihood, ude.LogNormalLikelihood])
def test_batches_have_the_loss_of_all_trajectories_as_their_mean(make):
    rows = [[1.0, 0.4, 0.05, 3.5, NAN], [0.0, 0.7, NAN, 0.2, 4.0], [2.0, 2.5, 0.3, NAN, NAN], [0.9, 0.0, 0.0, 0.6, 5.0]]
    tops = np.full((4, 5), NAN)
    tops[0, 1] = 0.6
    data = xr.Dataset(
        {"x": (("trajectory", "time"), rows), "y": (("trajectory", "time"), np.ones((4, 5)))}, {"time": TIMES}
    ).assign(x_top=(("trajectory", "time"), tops), x_sd=(("trajectory", "time"), 0.1 + 0.1 * np.abs(rows)))
    limits = {"below": {"x": 0.1}, "above": {"x": 3.0}, "between": {"x": "x_top"}}
    problem = made(make(sigma={"x": "x_sd"}, **limits), data)
    theta, predicted = problem.initial_theta(0), 0.3 + np.random.default_rng(0).random((4, 5))

    def terms(program, at, **more):
        arrays = {f"solve.observed.{n}": predicted[at] for n in "xy"}
        return np.array([program.loss.evaluate({"theta": theta, **arrays, **more})[n] for n in "xy"])

    objective = Trajectory(batch=2)
    program, batches = objective.build(problem), objective.batches(problem, None)
    found = []
    for iteration in range(2):
        chosen, targets = batches(iteration)
        given = {f"target.{n}": v for n, v in targets.items()}
        found.append(terms(program, chosen["rows"].astype(int), **given))
    whole = Trajectory().build(problem)
    np.testing.assert_allclose(np.mean(found, axis=0), terms(whole, np.arange(4)), rtol=1e-12)
    assert program.weights == whole.weights
    place = program.loss.input("solve.observed.x")
    slope = Graph(program.loss.inputs, {"slope": gradient(program.loss.outputs["x"], [place])[0]})
    arrays = {f"solve.observed.{n}": predicted[:2] for n in "xy"}
    assert np.isfinite(slope.evaluate({"theta": theta, **arrays, **given})["slope"]).all()
