"""Conditions and forcings of a trajectory's own: both engines against closed forms."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

import unideq as ude
from unideq.solvers import SOLVERS, stiff_solver

from .. import own_inputs
from ..switched import PULSES, forcing
from .cases import each, ours

TIGHT = {"rtol": 1e-10, "atol": 1e-10, "max_steps": 100_000}


@pytest.mark.parametrize("interpolation", ["linear", "previous"])
@each(lambda engine: ["tsit5", stiff_solver(engine)])
def test_each_trajectory_follows_its_own_input(engine, name: str, interpolation: str):
    found = own_inputs.model(interpolation).solve(
        own_inputs.TIMES,
        conditions={"w": own_inputs.WEIGHTS},
        forcings={"inflow": own_inputs.inflows(interpolation)},
        solver=SOLVERS[name](rtol=1e-9, atol=1e-9),
        engine=engine,
    )
    exact = np.stack([own_inputs.exact(i, linear=interpolation == "linear")[:, 0] for i in range(3)])
    np.testing.assert_allclose(found["x"], exact, atol=1e-6)
    np.testing.assert_allclose(found["weighted"], own_inputs.WEIGHTS[:, None] * exact, atol=2e-6)
    assert found.dataset["trajectory"].values.tolist() == ["a", "b", "c"]


@each(ours("tsit5", "rodas5p"))
def test_a_pulse_is_seen_and_costs_the_others_nothing(engine, name: str):
    quiet = forcing([0.0, 100.0], [0.0, 0.0], "previous")
    pulse = forcing(*PULSES["rectangle"])
    both = xr.concat([quiet, pulse], dim="trajectory", join="outer")
    model = ude.ODE(lambda t, s, p, net, forcing: {"x": forcing.input}, ["x"], forcings=["input"], initial={"x": 0.0})
    solver = SOLVERS[name](rtol=1e-6, atol=1e-6)
    found = model.solve([0.0, 100.0], forcings={"input": both}, solver=solver, engine=engine)
    alone = model.solve([0.0, 100.0], forcings={"input": quiet}, solver=solver, engine=engine)
    np.testing.assert_allclose(found["x"][:, -1], [0.0, 10.0], rtol=1e-9)
    assert found.statistics["steps"][0] == alone.statistics["steps"][0] < found.statistics["steps"][1]


@each(ours("tsit5", "rodas5p"))
def test_the_moment_of_a_switch_may_be_a_condition(engine, name: str):
    model = ude.ODE(
        lambda t, s, p: {"x": np.where(t < p.until, 1.0, 0.0)}, ["x"], {"until": ude.Condition()}, initial={"x": 0.0}
    )
    until = np.array([1.0 / 3.0, 7.7, 50.0])
    found = model.solve([0.0, 20.0], conditions={"until": until}, solver=name, engine=engine)
    np.testing.assert_allclose(found["x"][:, -1], np.minimum(until, 20.0), rtol=1e-12)


@each(ours("rk4"))
def test_fixed_steps_see_their_own_interval(engine, name: str):
    levels = np.array([[1.0, 2.0, 0.0], [0.0, 5.0, 1.0]])
    steps = xr.DataArray(levels, {"time": [0.0, 0.5, 1.0]}, ("trajectory", "time"), attrs={"interpolation": "previous"})
    model = ude.ODE(lambda t, s, p, net, forcing: {"x": forcing.q}, ["x"], forcings=["q"], initial={"x": 0.0})
    found = model.solve([0.0, 0.5, 1.0], forcings={"q": steps}, solver=SOLVERS[name](dt=0.1), engine=engine)
    np.testing.assert_allclose(found["x"], [[0.0, 0.5, 1.5], [0.0, 0.0, 2.5]], atol=1e-13)


@pytest.mark.parametrize("interpolation", ["linear", "previous"])
def test_gradients_go_through_constants_that_are_estimated(engine, interpolation: str):
    program, theta, value, derivative = own_inputs.squares(interpolation, **TIGHT)
    found = engine.value_and_gradient(program, theta)
    np.testing.assert_allclose(found.total, value, rtol=1e-8)
    np.testing.assert_allclose(np.asarray(found.gradient), derivative, rtol=1e-6)
    along = np.array([0.3, -0.8])
    np.testing.assert_allclose(engine.jacobian_vector(program, theta, along), derivative @ along, rtol=1e-6)


def test_many_values_a_time_in_many_states(engine):
    n, rate = 90, 0.4  # more than what becomes straight-line code
    knots = np.array([0.0, 1.0, 2.5, 4.0])
    values = np.random.default_rng(2).normal(size=(2, 4, n))
    series = xr.DataArray(values, {"time": knots}, ("trajectory", "time", "place"), attrs={"interpolation": "previous"})
    model = ude.ODE(
        lambda t, s, p, net, forcing: {"x": forcing.q - p.rate * p.w * s.x},
        {"x": n},
        {"rate": rate, "w": ude.Condition(1.0)},
        forcings={"q": ude.Forcing(shape=(n,))},
        initial={"x": 0.0},
    )
    w = np.array([1.0, 2.5])
    found = model.solve(knots, conditions={"w": w}, forcings={"q": series}, engine=engine)["x"].values
    x = np.zeros((2, n))
    for k, span in enumerate(np.diff(knots)):
        fall = np.exp(-rate * w * span)[:, None]
        x = fall * x + values[:, k] * (1 - fall) / (rate * w[:, None])
        np.testing.assert_allclose(found[:, k + 1], x, atol=1e-7)


@pytest.mark.parametrize("objective", [ude.MultipleShooting(4), ude.Trajectory()], ids=["shooting", "trajectory"])
def test_a_fit_of_runs_with_inputs_of_their_own_finds_the_rate(engine, objective):
    data = own_inputs.measurements("previous")
    start = own_inputs.model("previous").with_values({"k": 0.3})
    fit = ude.fit(start, data, objective=objective, phases=[ude.BFGS(40)], engine=engine, progress=False)
    np.testing.assert_allclose(fit.parameters["k"], own_inputs.RATE, rtol=1e-4)
    assert fit.tree["/solution"]["w"].values.tolist() == own_inputs.WEIGHTS.tolist()
    other = fit.predict(
        [0.0, 9.0], {"x": 0.0}, conditions={"w": 2.0}, forcings={"inflow": own_inputs.inflows("previous")[0]}
    )
    fall = np.cumprod(np.exp(-1.4 * np.diff(own_inputs.KNOTS[0]))[::-1])[::-1]  # from each knot's next to the end
    weights = np.concatenate([fall[1:], [1.0]]) * (1 - np.exp(-1.4 * np.diff(own_inputs.KNOTS[0]))) / 1.4
    np.testing.assert_allclose(other["x"][-1], own_inputs.LEVELS[0][:-1] @ weights, rtol=1e-3)
