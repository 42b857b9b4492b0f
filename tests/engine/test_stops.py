"""Kinks and jumps of forcings: which of them are stops, and that solves across them are right."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import xarray as xr

import unideq as ude
from unideq.engine import get_engine
from unideq.engine.clock import clocked
from unideq.engine.stops import Stops, stops_of
from unideq.objective.program import Integration, SolverSettings

from . import switched


def stops(times, values, interpolation="linear", rtol=1e-6) -> Stops:
    model = switched.decaying(switched.forcing(times, values, interpolation))
    return stops_of(model.vector_field, rtol)


# ---- which knots are stops -----------------------------------------------------------------------------------------


def test_a_pulse_is_stopped_at_wherever_it_bends():
    times, values, _ = switched.PULSES["triangle"]
    np.testing.assert_array_equal(stops(times, values).times, [50.0, 50.5, 51.0])


def test_every_change_of_a_stepwise_forcing_is_a_jump():
    found = stops([0.0, 1.0, 2.0, 3.0, 4.0], [1.0, 1.0, 2.0, 2.0, 2.0 + 1e-6], "previous", rtol=1e-3)
    np.testing.assert_array_equal(found.times, [2.0, 4.0])
    np.testing.assert_array_equal(found.jumps, [2.0, 4.0])


@pytest.mark.parametrize(("samples", "rtol"), [(50, 1e-4), (200, 1e-6), (1000, 1e-8)])
def test_a_densely_sampled_sine_stops_nobody_but_at_its_ends(samples: int, rtol: float):
    times = np.linspace(0.0, 10.0, 10 * samples + 1)
    assert set(stops(times, np.sin(2 * np.pi * times), rtol=rtol).times) <= {0.0, 10.0}


def test_a_sine_of_few_samples_is_a_polygon():
    times = np.linspace(0.0, 10.0, 121)
    assert len(stops(times, np.sin(2 * np.pi * times)).times) > 80


def test_three_storms_are_few_stops_among_a_thousand_hours():
    model, _ = switched.rainy_basin()
    found = stops_of(model.vector_field, 1e-6).times
    assert len(found) < 50
    for first in (137, 480, 790):
        assert set(range(first - 1, first + 6)) <= set(found)


def test_rounding_and_constants_are_no_kinks():
    times = np.linspace(0.0, 1.0, 1001)
    assert len(stops(times, np.full(1001, 3.0)).times) == 0
    stored = np.float32(300.0 + 10.0 * np.sin(2 * np.pi * times))
    assert len(stops(times, stored, rtol=1e-6).times) <= 2
    assert len(stops(times, stored, rtol=1e-8).times) < 100


def test_forcings_that_jump_at_the_same_time_but_for_rounding_share_a_stop():
    early, late = 0.1 * np.arange(11), np.arange(11) / 10
    model = ude.ODE(
        lambda t, state, p, net, forcing: {"x": forcing.a + forcing.b},
        ["x"],
        forcings={n: switched.forcing(k, np.arange(11), "previous") for n, k in (("a", early), ("b", late))},
    )
    found = stops_of(model.vector_field, 1e-6)
    assert len(found.times) == len(found.jumps) == 10
    solution = model.solve(np.arange(11) / 10, {"x": 0.0}, engine="jax")
    np.testing.assert_allclose(solution["x"][-1], 2 * 0.1 * np.arange(10).sum(), rtol=1e-12)


def test_equations_that_compare_the_time_with_numbers_switch_there():
    model = ude.ODE(
        lambda t, state: {
            "x": np.where((t >= 50.0) & (2.0 * t - 2.0 < 100.0), 10.0, 0.0),
            "y": np.maximum(3.0 - 0.5 * t, 0.0),
        },
        ["x", "y"],
    )
    found = stops_of(model.vector_field, 1e-6)
    np.testing.assert_array_equal(found.jumps, [50.0, 51.0])
    np.testing.assert_array_equal(found.times, [6.0, 50.0, 51.0])
    solution = model.solve([0.0, 100.0], {"x": 0.0, "y": 0.0}, engine="jax")
    np.testing.assert_allclose([solution["x"][-1], solution["y"][-1]], [10.0, 9.0], rtol=1e-9)


# ---- solves --------------------------------------------------------------------------------------------------------


def test_a_jump_within_a_fixed_step_is_told():
    model = switched.decaying(switched.forcing([0.0, 0.25, 1.0], [1.0, 3.0, 0.0], "previous"), 0.7)
    with pytest.warns(ude.UnideqWarning, match=r"jump within steps of `rk4` \(t = 0.25\).*`dt` \(now 0.1\)"):
        model.solve([0.0, 1.0], solver=ude.RK4(dt=0.1), engine="jax")
    data = xr.Dataset({"x": ("time", [0.0, 1.6])}, {"time": [0.0, 1.0]})
    settings = {"phases": ude.Adam(1e-3, 1), "engine": "jax", "progress": False}
    with pytest.warns(ude.UnideqWarning, match="jump within steps of `heun`"):
        fit = ude.fit(model, data, solver=ude.Heun(dt=0.1), **settings)
    assert "jump within steps" in fit.record.events[-1]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.solve([0.0, 1.0], solver=ude.RK4(dt=0.05), engine="jax")
        model.solve([0.0, 1.0], solver="tsit5", engine="jax")


def test_fixed_steps_are_of_the_size_that_was_asked_for():
    # x' = −x by Euler: three whole steps and half a one.
    model = ude.ODE(lambda t, state: {"x": -state.x}, ["x"])
    solution = model.solve([0.0, 0.35], {"x": 1.0}, solver=ude.Euler(dt=0.1), engine="jax")
    np.testing.assert_allclose(solution["x"][-1], 0.9**3 * 0.95, rtol=1e-14)


def test_steps_that_end_at_knots_do_not_count_towards_the_limit():
    hours = np.arange(501.0)
    model = switched.decaying(switched.forcing(hours, np.random.default_rng(1).uniform(size=501)))
    assert model.solve([0.0, 500.0], solver=ude.Auto(max_steps=100), engine="jax").success


# ---- gradients and fits --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("interpolation", ["linear", "previous"])
@pytest.mark.parametrize("adjoint", ["auto", "backsolve"])
def test_gradients_across_kinks_are_those_of_the_closed_form(adjoint: str, interpolation: str):
    objective, theta, value, derivative = switched.squares(interpolation, adjoint=adjoint)
    found = get_engine("jax").value_and_gradient(objective, theta)
    np.testing.assert_allclose(found.total, value, rtol=1e-7)
    np.testing.assert_allclose(np.asarray(found.gradient), [derivative], rtol=1e-6)


def test_forward_mode_goes_across_jumps():
    objective, theta, _, derivative = switched.squares("previous")
    found = get_engine("jax").jacobian_vector(objective, theta, np.ones(1))
    np.testing.assert_allclose(found, derivative, rtol=1e-6)


def test_a_fit_on_rain_in_three_storms_finds_the_rate():
    model, data = switched.rainy_basin()
    fit = ude.fit(model, data, phases=[ude.BFGS(30)], engine="jax")
    np.testing.assert_allclose(fit.parameters["k"], 0.002, rtol=1e-5)


# ---- clocks --------------------------------------------------------------------------------------------------------

LATE = 1.7e9
"""Seconds from 1970 to 2023; doubles are 2.4e-7 apart there."""


def test_fast_dynamics_far_from_time_zero_are_solved_in_time_since_the_start():
    model = ude.ODE(lambda t, state, p: {"x": -p.rate * state.x}, ["x"], {"rate": 1e6})
    times = LATE + np.array([0.0, 2**-20, 2**-19])
    solution = model.solve(times, {"x": 1.0}, engine="jax")
    np.testing.assert_allclose(solution["x"], np.exp(-1e6 * (times - LATE)), rtol=1e-6)
    np.testing.assert_array_equal(solution.dataset["time"], times)


@pytest.mark.parametrize("interpolation", ["linear", "previous"])
def test_knots_move_with_the_clock(interpolation: str):
    knots = 0.25 * np.arange(31)  # multiples of a quarter are doubles, also late
    series = switched.forcing(LATE + knots, switched.LEVELS, interpolation)
    model = switched.decaying(series, 0.7)
    exact = switched.decayed(knots, switched.LEVELS, 0.7, interpolation == "linear")
    solution = model.solve(LATE + knots, engine="jax")
    np.testing.assert_allclose(solution["x"], exact[:, 0], atol=2e-8)
    early = switched.decaying(switched.forcing(knots, switched.LEVELS, interpolation), 0.7).solve(knots, engine="jax")
    np.testing.assert_array_equal(solution.statistics["steps"], early.statistics["steps"])
    np.testing.assert_array_equal(solution["x"], early["x"])


def test_equations_that_read_the_time_keep_it():
    model = ude.ODE(lambda t, state: {"x": np.cos(t - LATE)}, ["x"], observe=lambda t, state: {"x": state.x, "at": t})
    times = LATE + np.array([0.0, 1.0, 2.0])
    solution = model.solve(times, {"x": 0.0}, engine="jax")
    np.testing.assert_allclose(solution["x"], np.sin(times - LATE), atol=1e-6)
    np.testing.assert_array_equal(solution["at"], times)


def test_trajectories_have_their_own_zero():
    model = ude.ODE(lambda t, state, p: {"x": -p.rate * state.x}, ["x"], {"rate": 0.5})
    starts = (0.0, 100.0, LATE)
    runs = [model.solve(s + np.linspace(0, 2, 5), {"x": 1.0}, engine="jax").dataset for s in starts]
    for run in runs[1:]:
        np.testing.assert_array_equal(run["x"], runs[0]["x"])
    fit = ude.fit(model, runs, phases=[ude.BFGS(20)], engine="jax", solver=ude.Auto(rtol=1e-8, atol=1e-8))
    np.testing.assert_allclose(fit.parameters["rate"], 0.5, rtol=1e-6)


def test_the_same_objective_keeps_its_moved_graph():
    model = switched.decaying(switched.forcing(LATE + switched.KNOTS, switched.LEVELS))
    field = model.vector_field
    program = Integration("a", field, field, np.array([LATE]), LATE + np.ones((1, 2)), field, SolverSettings("tsit5"))
    first, second = clocked(program), clocked(program)
    assert first.vector_field is second.vector_field
    assert first.vector_field is not field
