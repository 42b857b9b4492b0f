"""Kinks and jumps of forcings on the Julia engine: every solver and every adjoint against closed forms."""

from __future__ import annotations

import numpy as np
import pytest

import unideq as ude
from unideq.solvers import SOLVERS

from .. import switched

TIGHT = {"rtol": 1e-10, "atol": 1e-10, "max_steps": 100_000}


@pytest.mark.filterwarnings("ignore:The equations jump within steps")
@pytest.mark.parametrize("name", ["euler", "heun", "rk4"])
def test_fixed_steps_off_the_knots_are_the_same_on_both_engines(julia, name: str):
    model = switched.decaying(switched.forcing(switched.KNOTS, switched.LEVELS, "previous"), 0.7)
    times = 0.22 * np.arange(41)  # between steps the engines interpolate in ways of their own
    ours, theirs = (model.solve(times, solver=SOLVERS[name](dt=0.22), engine=e)["x"] for e in (julia, "jax"))
    np.testing.assert_allclose(ours, theirs, rtol=1e-12)


@pytest.mark.parametrize("interpolation", ["linear", "previous"])
@pytest.mark.parametrize(
    ("name", "adjoint"),
    [
        *(("tsit5", a) for a in ("discrete", "forward", "gauss", "interpolating", "quadrature", "backsolve")),
        *((n, "discrete") for n in ("bs3", "vern7", "dopri5", "rodas5p", "rodas4")),
        ("rodas5p", "gauss"),
    ],
)
def test_gradients_across_kinks_are_those_of_the_closed_form(julia, name: str, adjoint: str, interpolation: str):
    objective, theta, value, derivative = switched.squares(interpolation, name=name, adjoint=adjoint, **TIGHT)
    found = julia.value_and_gradient(objective, theta)
    np.testing.assert_allclose(found.total, value, rtol=1e-7)
    np.testing.assert_allclose(np.asarray(found.gradient), [derivative], rtol=1e-6)


@pytest.mark.parametrize("name", ["tsit5", "rodas5p", "rk4"])
def test_forward_and_reverse_mode_are_transposes_across_jumps(julia, name: str):
    step = {"dt": 0.1} if name == "rk4" else {}
    objective, theta, *_ = switched.squares("previous", name=name, **{**TIGHT, "rtol": 1e-4, **step})
    gradient = np.asarray(julia.value_and_gradient(objective, theta).gradient)
    np.testing.assert_allclose(julia.jacobian_vector(objective, theta, np.ones(1)), gradient[0], rtol=1e-8)


def test_steps_that_end_at_knots_do_not_count_towards_the_limit(julia):
    hours = np.arange(501.0)
    for interpolation in ("linear", "previous"):
        series = switched.forcing(hours, np.random.default_rng(1).uniform(size=501), interpolation)
        assert switched.decaying(series).solve([0.0, 500.0], solver=ude.Auto(max_steps=100), engine=julia).success


def test_a_fit_on_rain_in_three_storms_finds_the_rate(julia):
    model, data = switched.rainy_basin()
    fit = ude.fit(model, data, phases=[ude.BFGS(30)], engine=julia)
    np.testing.assert_allclose(fit.parameters["k"], 0.002, rtol=1e-5)


def test_clocks_start_late(julia):
    late = 1.7e9
    fast = ude.ODE(lambda t, state, p: {"x": -p.rate * state.x}, ["x"], {"rate": 1e6})
    times = late + np.array([0.0, 2**-20, 2**-19])
    solution = fast.solve(times, {"x": 1.0}, engine=julia)
    np.testing.assert_allclose(solution["x"], np.exp(-1e6 * (times - late)), rtol=1e-6)
    knots = 0.25 * np.arange(31)
    forced = switched.decaying(switched.forcing(late + knots, switched.LEVELS), 0.7)
    exact = switched.decayed(knots, switched.LEVELS, 0.7, True)
    np.testing.assert_allclose(forced.solve(late + knots, engine=julia)["x"], exact[:, 0], atol=2e-8)
