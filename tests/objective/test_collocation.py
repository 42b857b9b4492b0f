"""`Collocation`: derivatives of smoothed data, and what the right model costs."""

import re

import numpy as np
import pytest

from objective.building import NAN, dataset, decay, problem, ready
from unideq.errors import DataError, ModelError
from unideq.model import ODE, Parameter, State
from unideq.objective import Collocation, Holdout, SquaredError
from unideq.objective.collocation import smoothed


def raises(kind, *parts):
    return pytest.raises(kind, match=".*".join(re.escape(p) for p in parts))


def evaluated(program, theta):
    """All terms: the points' graph, then the loss."""
    (source,) = program.sources
    arrays = {}
    for name in source.shapes:
        key = name.removeprefix("points.")
        rows = [
            source.graph.evaluate({"t": t, "u": u, "theta": theta})[key]
            for t, u in zip(source.data["t"], source.data["u"], strict=True)
        ]
        arrays[name] = np.array(rows)
    return program.loss.evaluate({**arrays, "theta": theta})


# ---- smoothing --------------------------------------------------------------------------------------------------


def test_slope_of_a_sine():
    times, grid = np.linspace(0, 6, 41), np.linspace(0.5, 5.5, 30)
    value, slope = smoothed(times, np.sin(times), grid)
    np.testing.assert_allclose(value, np.sin(grid), atol=2e-4)
    np.testing.assert_allclose(slope, np.cos(grid), atol=2e-3)


def test_slope_of_a_noisy_sine_with_gaps():
    rng = np.random.default_rng(0)
    times = np.linspace(0, 6, 121)
    values = np.sin(times) + 0.02 * rng.normal(size=121)
    values[rng.random(121) < 0.2] = NAN
    _, slope = smoothed(times, values, np.linspace(0.5, 5.5, 30))
    rough = np.gradient(np.where(np.isfinite(values), values, np.sin(times)), times)
    error = np.abs(slope - np.cos(np.linspace(0.5, 5.5, 30))).max()
    assert error < 0.12 < 0.5 * np.abs(rough - np.cos(times)).max()


def test_a_parabola_is_found_without_smoothing_and_few_points_interpolate():
    times = np.linspace(0.0, 2.0, 9)
    value, slope = smoothed(times, 3 * times, np.array([0.3, 1.7]), smoothing=0.0)
    np.testing.assert_allclose(value, [0.9, 5.1], atol=1e-10)
    np.testing.assert_allclose(slope, [3.0, 3.0], atol=1e-9)
    value, slope = smoothed(np.array([0.0, 1.0, 3.0]), np.array([1.0, 3.0, 7.0]), np.array([0.5, 2.0]))
    np.testing.assert_allclose(value, [2.0, 5.0], atol=1e-12)
    np.testing.assert_allclose(slope, [2.0, 2.0], atol=1e-12)


# ---- the loss ---------------------------------------------------------------------------------------------------

TIMES = np.linspace(0.0, 2.0, 41)
X, Y = 3 * np.exp(-2 * TIMES), 1.5 * (1 - np.exp(-2 * TIMES))


def test_the_exact_model_costs_almost_nothing_and_a_wrong_rate_does_not():
    made, theta, program = ready(Collocation(), problem(decay(), dataset(TIMES, x=X, y=Y)))
    assert program.sources[0].data["u"].shape == (82, 2)
    exact = evaluated(program, theta)
    assert set(exact) == {"x", "y"} and max(exact.values()) < 1e-3
    wrong = evaluated(program, made.layout.pack({"rate": 3.0}, theta))
    # dx/dt is 1.5 times too large: the residual is half of dx/dt, in units of its standard deviation
    slope = -6 * np.exp(-2 * program.sources[0].data["t"])
    assert wrong["x"] == pytest.approx(np.mean((slope / 2) ** 2) / slope.var(), rel=0.05)
    assert wrong["y"] == pytest.approx(exact["y"])


def test_points_weights_and_term_names():
    loss = SquaredError(weights={"x": 3.0})
    _, _, program = ready(Collocation(points=7), problem(decay(), dataset(TIMES, x=X, y=Y), loss))
    np.testing.assert_allclose(program.sources[0].data["t"], np.linspace(0, 2, 7))
    assert program.weights == {"x": 3.0, "y": 1.0}


def test_the_grid_lies_where_all_states_were_measured():
    x, y = X.copy(), Y.copy()
    x[:5], y[-10:] = NAN, NAN
    _, _, program = ready(Collocation(points=5), problem(decay(), dataset(TIMES, x=x, y=y)))
    np.testing.assert_allclose(program.sources[0].data["t"][[0, -1]], [TIMES[5], TIMES[-11]])


def test_penalties_are_evaluated_at_the_collocation_points():
    made = problem(decay(), dataset(TIMES, x=X, y=Y), cost={"size": lambda t, s, p: p.rate * s.x + t})
    _, theta, program = ready(Collocation(points=9), made)
    points = program.sources[0].data
    assert program.sources[0].shapes == {"points.du": (9, 2), "points.cost.size": (9,)}
    assert evaluated(program, theta)["size"] == pytest.approx(np.mean(2.0 * points["u"][:, 0] + points["t"]))
    assert program.weights["size"] == 1.0


def test_several_trajectories_are_pooled_and_short_ones_left_out():
    short = dataset([0.0, 1.0], x=[1.0, 2.0], y=[1.0, 2.0])
    _, _, program = ready(
        Collocation(points=10), problem(decay(), [dataset(TIMES, x=X, y=Y), short, dataset(TIMES, x=X, y=Y)])
    )
    assert len(program.sources[0].data["t"]) == 20


def test_constant_data_have_a_finite_scale():
    model = ODE(lambda t, s, p: {"x": p.k + 0.0 * s.x}, ["x"], {"k": 3.0})
    _, theta, program = ready(Collocation(points=4), problem(model, dataset(np.arange(5.0), x=[2.0] * 5)))
    # the slope is 0; its scale is the state's size over the time span, 2 / 4
    assert evaluated(program, theta)["x"] == pytest.approx((3.0 / 0.5) ** 2)


def test_array_and_renamed_states():
    import xarray as xr

    model = ODE(lambda t, s, p: {"u": -p.k * s.u}, {"u": 2}, {"k": 2.0}, observe=lambda t, s: {"seen": s.u})
    values = np.stack([X, 2 * X], axis=1)
    data = xr.Dataset({"seen": (("time", "x"), values)}, coords={"time": TIMES})
    _, theta, program = ready(Collocation(), problem(model, data))
    value = evaluated(program, theta)
    assert set(value) == {"u"} and value["u"] < 1e-3


def test_positive_states_stay_positive_when_smoothed():
    model = ODE(lambda t, s, p: -p.k * np.log(s.a) * s.a, [State("a", positive=True)], {"k": Parameter(1.0)})
    values = [1e-9, 1e-9, 1e-9, 1.0, 1e-9, 1e-9, 1e-9, 1e-9]
    _, theta, program = ready(Collocation(points=50), problem(model, dataset(np.arange(8.0), a=values)))
    assert (program.sources[0].data["u"] > 0).all()
    assert np.isfinite(evaluated(program, theta)["a"])


def test_trajectories_held_out_altogether_are_left_out():
    data = [dataset(TIMES, x=X, y=Y), dataset(TIMES, x=X, y=Y)]
    _, _, program = ready(Collocation(points=6), problem(decay(), data, holdout=Holdout(trajectories=[0])))
    assert len(program.sources[0].data["t"]) == 6


def test_what_cannot_be_collocated():
    with raises(ModelError, "needs every state measured; `y` isn't. Use `MultipleShooting` instead."):
        ready(Collocation(), problem(decay(initial={"y": 0.0}), dataset(TIMES, x=X)))
    with raises(DataError, "needs a trajectory with at least 3 measured times"):
        ready(Collocation(), problem(decay(), dataset([0.0, 1.0], x=[1.0, 2.0], y=[1.0, 2.0])))
    few = np.full(41, NAN)
    few[:2] = 1.0
    with raises(DataError, "at least 3 measurements of `y` in each trajectory; trajectory 0 has 2"):
        ready(Collocation(), problem(decay(), dataset(TIMES, x=X, y=few)))
    early, late = X.copy(), Y.copy()
    early[20:], late[:20] = NAN, NAN
    with raises(DataError, "states of trajectory 0 are never measured in the same period"):
        ready(Collocation(), problem(decay(), dataset(TIMES, x=early, y=late)))
