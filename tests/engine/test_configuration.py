"""JAX's global switches, set by other libraries in the process, neither reach the engine nor are changed by it."""

from __future__ import annotations

import contextlib

import jax
import numpy as np
import pytest

from unideq.engine import Minimisation
from unideq.objective.program import LossProgram

from .problems import engine, integration, least_squares, phase_of

pytestmark = pytest.mark.usefixtures("only_full_reports")

SWITCHES = {
    "half the precision": lambda: jax.enable_x64(False),
    "double precision": lambda: jax.enable_x64(True),
    "errors at NaN": lambda: jax.debug_nans(True),
    "errors at infinity": lambda: jax.debug_infs(True),
    "strict promotion": lambda: jax.numpy_dtype_promotion("strict"),
    "no promotion of ranks": lambda: jax.numpy_rank_promotion("raise"),
}
TIMES = np.linspace(0.0, 1.0, 4)


def decay() -> LossProgram:
    """x' = −θ x² against 1 / (1 + t): exact for θ = 1; at θ = −1 it blows up at t = 1."""
    problem = integration(lambda t, u, theta: [-theta[0] * u[0] ** 2], [1.0], TIMES)
    return least_squares(problem, (1.0 / (1.0 + TIMES))[None, :, None])


@pytest.mark.parametrize("switch", SWITCHES)
def test_every_call_computes_as_ever_whatever_the_switches(switch: str):
    objective, theta = decay(), np.array([1.0])
    (problem,) = objective.sources
    usual = engine().value_and_gradient(objective, theta)
    solution = engine().integrate(problem, theta).arrays["sol.u"]
    with SWITCHES[switch]():
        found = engine().value_and_gradient(objective, theta)
        again = engine().integrate(problem, theta).arrays["sol.u"]
        failed = engine().value_and_gradient(objective, np.array([-1.5]))
        run, data = engine().compiled_value_and_gradient(objective)
        compiled = run(theta, data)[0]
    assert found.total == usual.total
    np.testing.assert_array_equal(found.gradient, usual.gradient)
    np.testing.assert_array_equal(again, solution)
    np.testing.assert_allclose(again[0, :, 0], 1.0 / (1.0 + TIMES), rtol=1e-7)
    assert np.isnan(failed.total)
    assert compiled == usual.total


@pytest.mark.parametrize("switch", ["half the precision", "errors at NaN"])
def test_training_rejects_a_step_that_fails_whatever_the_switches(switch: str):
    settings = phase_of("adam", {"learning_rate": 3.0, "iterations": 12})
    run = Minimisation(decay(), np.array([[1.2]]), settings)

    def train() -> tuple[np.ndarray, np.ndarray]:
        last = engine().minimise(run, lambda report: True).last
        return last.total, last.rejected

    usual, rejected = train()
    assert rejected.any()  # the first steps jump to where the solution blows up
    with SWITCHES[switch]():
        total, _ = train()
    np.testing.assert_array_equal(total, usual)


def test_the_switches_stay_as_they_were():
    before = {name: getattr(jax.config, name) for name in ("jax_enable_x64", "jax_debug_nans")}
    engine().value(decay(), np.array([1.0]))
    with contextlib.suppress(Exception):
        engine().value(decay(), np.ones((1, 1, 1)))
    assert before == {name: getattr(jax.config, name) for name in before}


def test_a_callback_sees_the_users_own_configuration():
    seen = []

    def look(report: object) -> bool:
        seen.append(bool(jax.config.jax_enable_x64))
        return True

    settings = phase_of("adam", {"learning_rate": 0.1, "iterations": 2})
    with jax.enable_x64(False):
        engine().minimise(Minimisation(decay(), np.ones((1, 1)), settings), look)
    assert seen and not any(seen)
