"""Julia's Gauss–Newton steps go the way of the JAX engine's, report the same, and resume from each other's state."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import unideq as ude
from unideq.objective.program import LossProgram

from ..least_squares import BELLS_START, STARTS, bells, line, rosenbrock_residuals, run, sines
from ..problems import engine as jax_engine

pytestmark = pytest.mark.usefixtures("only_full_reports")


def compare(julia: Any, objective: LossProgram, start: Any, iterations: int = 10, **more: Any) -> None:
    """θ and logs along the iterations; the damping as long as the decreases aren't rounding errors: in six of them."""
    ours, ours_log = run(julia, objective, start, iterations, **more)
    theirs, theirs_log = run(jax_engine(), objective, start, iterations, **more)
    np.testing.assert_allclose(ours.last.theta, theirs.last.theta, rtol=1e-8, atol=1e-12)
    for name in ("total", "gradient_norm"):
        np.testing.assert_allclose(ours_log.log(name), theirs_log.log(name), rtol=1e-8, atol=1e-11, err_msg=name)
    damping, known = ours_log.log("learning_rate")[:, :6], theirs_log.log("learning_rate")[:, :6]
    np.testing.assert_allclose(damping, known, rtol=1e-5)
    np.testing.assert_array_equal(ours_log.log("rejected")[:, :6], theirs_log.log("rejected")[:, :6])
    for name, values in ours_log.reports[-1].terms.items():
        np.testing.assert_allclose(values, theirs_log.reports[-1].terms[name], rtol=1e-8, atol=1e-14, err_msg=name)


def poisson() -> tuple[ude.ResidualProblem, LossProgram]:
    """u″ = −sin x on (0, 1): a network with weights at each point, several sources, second derivatives."""
    problem = ude.ResidualProblem(
        {"x": (0.0, 1.0)},
        {"u": ude.nn.MLP(1, 1, hidden=(6, 6))},
        {
            "poisson": ude.Interior(lambda at, field: ude.d(field.u, at.x, 2) + np.sin(at.x), points=40),
            "ends": ude.Boundary(lambda at, field: field.u, points=2, weight=50.0),
        },
    )
    return problem, ude.Residual(sampler=ude.samplers.Uniform()).build(problem)


@pytest.mark.parametrize(
    ("objective", "start"),
    [
        (bells(), BELLS_START),
        (rosenbrock_residuals(), STARTS),
        (sines(points=5), np.linspace(0.2, 1.0, 9)),
        (sines(points=30), np.linspace(0.2, 1.0, 9)),
    ],
    ids=["bells", "rosenbrock", "fewer residuals", "more residuals"],
)
def test_ten_iterations_agree_with_jax(julia: Any, objective: LossProgram, start: Any) -> None:
    compare(julia, objective, start)


def test_ten_iterations_on_a_differential_equation_agree_with_jax(julia: Any) -> None:
    problem, objective = poisson()
    compare(julia, objective, problem.initial_theta(0), damping=1e-1)


def test_given_weights_and_fixed_entries_count(julia: Any) -> None:
    objective, _ = line()
    weights = np.array([[1.0, 30.0], [2.0, 0.1]])
    compare(julia, objective, [[5.0, -3.0], [1.0, 1.0]], weights=weights, iterations=3)
    compare(julia, bells(), BELLS_START, free=np.array([True, False, True, True, False, True]))


def test_runs_of_the_other_engine_go_on(julia: Any) -> None:
    whole, _ = run(jax_engine(), bells(), BELLS_START, iterations=8, report_every=4)
    half, _ = run(jax_engine(), bells(), BELLS_START, iterations=8, report_every=4, stop_after=1)
    resumed, _ = run(julia, bells(), BELLS_START, iterations=8, report_every=4, state=half.last.state)
    np.testing.assert_allclose(resumed.last.theta, whole.last.theta, rtol=1e-8)
