"""What training can't do or didn't is said: unknowns without a gradient, values at bounds, noise that is none."""

import warnings
from dataclasses import replace

import numpy as np
import pytest
import xarray as xr

import unideq as ude
from unideq.errors import UnideqWarning
from unideq.model import Entry, Layout, Parameter
from unideq.objective import EstimationProblem, Observations
from unideq.objective.losses import SquaredError
from unideq.objective.program import SolverSettings
from unideq.training.concerns import concerns_after, concerns_before, slow

TIMES = np.linspace(0.0, 10.0, 21)
RISE = 1.0 - np.exp(-TIMES)
ON_AND_OFF = np.where(TIMES < 6.0, RISE, (1.0 - np.exp(-6.0)) * np.exp(6.0 - TIMES))


def _data(values, times=TIMES):
    return xr.Dataset({"x": ("time", values)}, coords={"time": times})


@pytest.fixture(scope="module")
def switched():
    """A fit of a switching time, right 6, and what was warned of on the way."""
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        model = ude.ODE(
            lambda t, state, p: {"x": np.where(t < p.T, 1.0, 0.0) - p.k * state.x}, ["x"], {"T": 3.0, "k": 1.2}
        )
        fit = ude.fit(model, _data(ON_AND_OFF), phases=[ude.Adam(1e-2, 5)], solver="tsit5", progress=False)
    return fit, [str(w.message) for w in found if issubclass(w.category, UnideqWarning)]


def test_a_switching_time_is_told_before_and_after_the_fit(switched):
    fit, said = switched
    assert float(fit.parameters["T"]) == 3.0
    assert any(m.startswith("Parameter `T` can't be trained") for m in said)
    assert any(m.startswith("`T` can't be trained and stays as it is: it acts through `t < T` alone") for m in said)
    assert any("gradient check failed" in m and "`t < T` switches" in m for m in said)
    assert any("`T` can't be trained" in event for event in fit.events)
    assert not any("never moved" in m for m in said)  # once is enough


def test_a_failing_gradient_check_names_the_comparison_and_no_tolerance(switched):
    check = switched[0].check_gradient(directions=4)
    assert not check.passed
    assert check.switches == ("t < T",)
    assert "move the moment at which `t < T` switches" in check.verdict
    assert "rtol" not in check.verdict


def _problem(model, data):
    observations = Observations.of(data, model)
    return EstimationProblem.make(model, observations, observations, SquaredError(), SolverSettings(), None, {})


def _before(model, data):
    problem = _problem(model, data)
    return concerns_before(problem, problem.initial_theta(0, {}))


def test_parameters_of_what_isnt_measured_are_told_before():
    model = ude.ODE(
        lambda t, state, p: {"x": -p.k * state.x, "y": p.c * state.x - state.y},
        ["x", "y"],
        {"k": 1.0, "c": 2.0},
        initial={"y": 0.0},
    )
    (found,) = _before(model, _data(np.exp(-TIMES)))
    assert found.startswith("`c` can't be trained and stays as it is: nothing that is measured (`x`) depends on it")


def test_a_penalty_feels_what_isnt_measured():
    model = ude.ODE(
        lambda t, state, p: {"x": -p.k * state.x, "y": p.c * state.x - state.y},
        ["x", "y"],
        {"k": 1.0, "c": 2.0},
        initial={"y": 0.0},
    )
    problem = _problem(model, _data(np.exp(-TIMES)))
    cost = ude.Cost(lambda t, state: state.y**2).traced(model)
    problem = EstimationProblem(**{**problem.__dict__, "costs": {"small": cost}})
    assert concerns_before(problem, problem.initial_theta(0, {})) == []


@pytest.mark.parametrize("layout", ["pointwise", "vector"])
def test_a_network_of_unscaled_time_is_told_with_the_scale_that_it_needs(layout):
    def rhs(t, state, p, net):
        joined = np.stack([t, state.x])
        return {"x": net.f(t, state.x) if layout == "pointwise" else net.f(joined)[0]}

    network = ude.nn.MLP(2, 1, (4,))
    data = _data(np.sin(TIMES), 1900.0 + 10.0 * TIMES)
    (found,) = _before(ude.ODE(rhs, ["x"], networks={"f": network}), data)
    assert found.startswith("argument 1 of network `f` is about 1.95e+03 at the measurements")
    assert "input_shift=1950, input_scale=30" in found
    scaled = replace(network, input_shift=(1950.0, 0.0), input_scale=(30.0, 1.0))
    assert _before(ude.ODE(rhs, ["x"], networks={"f": scaled}), data) == []
    assert _before(ude.ODE(rhs, ["x"], networks={"f": replace(network, activation="relu")}), data) == []


def _after(record, start, final, entries):
    layout = Layout(entries)
    theta = layout.pack({k: np.asarray(v) for k, v in final.items()})[None]
    begun = layout.pack({k: np.asarray(v) for k, v in start.items()})[None]
    made = replace(record, layout=layout, theta=theta, best_theta=theta, best_total=np.ones(1), status="finished")
    return concerns_after(made, begun)


def test_a_long_training_is_told_what_would_be_quicker(switched):
    model = ude.ODE(lambda t, state, p: {"x": -p.k * state.x}, ["x"], {"k": 1.0})
    observations = Observations.of(_data(np.exp(-TIMES)), model)
    words = slow([ude.Trajectory()], observations, model, 1800.0)
    assert words is not None and "30 minutes more" in words and "`ude.Collocation()`" in words
    assert slow([ude.Trajectory()], observations, model, 60.0) is None
    assert slow([ude.Collocation(), ude.Trajectory()], observations, model, 1800.0) is None
    two = ude.ODE(lambda t, state: {"x": -state.x, "y": state.x}, ["x", "y"], initial={"y": 0.0})
    assert slow([ude.Trajectory()], Observations.of(_data(np.exp(-TIMES)), two), two, 1800.0) is None


def test_values_at_their_bounds_are_told(switched):
    entries = [Entry.of_parameter("k", Parameter(0.3, lower=0.0, upper=0.4)), Entry.of_parameter("c", Parameter(1.0))]
    record = switched[0].record
    (found,) = _after(record, {"k": 0.3, "c": 1.0}, {"k": 0.39999, "c": 2.0}, entries)
    assert found.startswith("`k` ended at its upper bound 0.4")
    assert _after(record, {"k": 0.3, "c": 1.0}, {"k": 0.35, "c": 2.0}, entries) == []
    positive = [Entry.of_parameter("k", Parameter(0.3, positive=True))]
    (found,) = _after(record, {"k": 0.3}, {"k": 1e-7}, positive)
    assert found.startswith("`k` ended at its lower bound 0")
    assert _after(record, {"k": 0.3}, {"k": 0.01}, positive) == []


def test_noise_that_vanishes_is_told(switched):
    entries = [Entry("noise.x", (), "noise", True, 0.0)]
    (found,) = _after(switched[0].record, {"noise.x": 0.1}, {"noise.x": 1e-9}, entries)
    assert found.startswith("the estimated noise of `x` went to 1e-09")
    assert "sigma=" in found
    assert _after(switched[0].record, {"noise.x": 0.1}, {"noise.x": 0.01}, entries) == []


def test_numbers_that_never_moved_are_told(switched):
    record = switched[0].record
    entries = [Entry("a", ()), Entry("b", (3,)), Entry("fixed", (), free=False), Entry("initial.x", (), "initial")]
    start = {"a": 1.0, "b": [1.0, 2.0, 3.0], "fixed": 1.0, "initial.x": 1.0}
    found = _after(record, start, {**start, "b": [1.0, 2.5, 3.5], "initial.x": 2.0}, entries)
    assert [f.partition(":")[0] for f in found] == [
        "`a` never moved from its start",
        "`b` never moved from its start in 1 of 3 values",
    ]
    (found,) = _after(record, start, start, entries)
    assert found.startswith("no parameter moved")


def test_a_saturated_network_is_told(switched):
    entries = [Entry("f.layer_1.weight", (1, 4), "network"), Entry("f.layer_2.weight", (4, 1), "network")]
    start = {"f.layer_1.weight": np.ones((1, 4)), "f.layer_2.weight": np.ones((4, 1))}
    final = {**start, "f.layer_2.weight": 2.0 * np.ones((4, 1))}
    (found,) = _after(switched[0].record, start, final, entries)
    assert found.startswith("4 of the 8 weights of network `f` never moved: it is saturated")


def test_coefficients_that_no_residual_feels_are_told():
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        problem = ude.ResidualProblem(
            {"x": (0, 1)},
            {"u": ude.nn.MLP(1, 1, (4,))},
            {"equation": ude.Interior(lambda at, field, p: field.u - np.where(at.x < p.c, 1.0, 0.0), points=8)},
            {"c": 0.3},
        )
        fit = ude.fit(problem, phases=ude.Adam(1e-2, 3), progress=False)
    said = [str(w.message) for w in found]
    assert any(m.startswith("Parameter `c` can't be trained") for m in said)
    assert any(m.startswith("`c` never moved from its start") for m in fit.events)


def test_a_training_that_found_nothing_better_than_its_start_says_so():
    model = ude.ODE(lambda t, state, p: {"x": 1.0 - p.k * state.x}, ["x"], {"k": 1.0})
    data = _data(RISE * (1.0 + 1e-3 * np.sin(TIMES)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        near = ude.fit(model, data, phases=ude.BFGS(20), progress=False)
    with pytest.warns(UnideqWarning, match="None of 6 iterations found a lower loss than the start's.*learning rate"):
        again = near.train(ude.Adam(0.5, 6), progress=False)
    assert float(again.parameters["k"]) == float(near.parameters["k"])
