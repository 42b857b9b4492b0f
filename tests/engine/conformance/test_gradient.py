"""Gradients of objectives: against closed forms, finite differences and forward mode."""

from __future__ import annotations

from typing import Any

import numpy as np

from unideq.objective.program import LossProgram

from ..problems import integration, least_squares, rosenbrock, ude_objective


def decay_objective(**solver) -> LossProgram:
    """Squared distance of u' = −p u, u(0) = 2, from zero at t = 1 and 3."""
    source = integration(lambda t, u, p: [-p[0] * u[0]], [2.0], [1.0, 3.0], **solver)
    return least_squares(source, np.zeros((1, 2, 1)))


def differences(
    engine: Any, objective: LossProgram, theta: np.ndarray, direction: np.ndarray, step: float = 1e-5
) -> float:
    """Fourth-order central difference of the total along a direction."""
    totals = [float(engine.value(objective, theta + k * step * direction).total) for k in (-2, -1, 1, 2)]
    return float(np.dot([1.0, -8.0, 8.0, -1.0], totals) / (12 * step))


def test_the_gradient_of_a_decay_is_the_closed_form(engine):
    objective, p = decay_objective(rtol=1e-11, atol=1e-11), 0.7
    found = engine.value_and_gradient(objective, np.array([p]))
    squares = 4 * np.exp(-2 * p * np.array([1.0, 3.0]))
    np.testing.assert_allclose(found.terms["fit"], squares.mean(), rtol=1e-9)
    np.testing.assert_allclose(found.terms["ridge"], p**2, rtol=1e-14)
    np.testing.assert_allclose(found.total, squares.mean() + 1e-4 * p**2, rtol=1e-9)
    slope = np.mean(squares * -2 * np.array([1.0, 3.0])) + 2e-4 * p
    np.testing.assert_allclose(found.gradient, [slope], rtol=1e-8)


def test_reverse_mode_forward_mode_and_differences_agree(engine):
    check_modes(engine, 1e-10, 1e-6, rtol=1e-10, atol=1e-10)


def check_modes(engine: Any, forwards: float, against_differences: float, **solver: Any) -> None:
    """Reverse mode is forward mode and central differences, within these."""
    objective, theta = ude_objective(**solver)
    direction = np.random.default_rng(0).standard_normal(theta.shape)
    reverse = engine.value_and_gradient(objective, theta).gradient @ direction
    forward = float(engine.jacobian_vector(objective, theta, direction))
    np.testing.assert_allclose(reverse, forward, rtol=forwards)
    np.testing.assert_allclose(reverse, differences(engine, objective, theta, direction), rtol=against_differences)


def test_gradients_of_the_terms_add_up_to_the_totals(engine):
    objective, theta = ude_objective(rtol=1e-10, atol=1e-10)
    whole = engine.value_and_gradient(objective, theta)
    parts = engine.value_and_gradient(objective, theta, per_term=True)
    assert parts.gradient.shape == (2, len(theta))
    np.testing.assert_allclose(np.array([1.0, 1e-4]) @ parts.gradient, whole.gradient, rtol=1e-12)
    np.testing.assert_allclose(parts.gradient[1], 2 * theta, rtol=1e-12)
    np.testing.assert_allclose(parts.total, whole.total, rtol=1e-14)


def test_a_failing_seed_is_nan_and_leaves_the_others_as_they_are_alone(engine):
    # u' = p u² from u(0) = 1 blows up at t = 1/p.
    source = integration(lambda t, u, p: [p[0] * u[0] ** 2], [1.0], [0.5, 2.0], rtol=1e-6, atol=1e-6)
    objective = least_squares(source, np.zeros((1, 2, 1)))
    thetas = np.array([[-1.0], [2.0], [0.1]])
    together = engine.value_and_gradient(objective, thetas)
    assert np.isnan(together.total).tolist() == [False, True, False]
    assert np.isnan(together.gradient[:, 0]).tolist() == [False, True, False]
    for i in (0, 2):
        alone = engine.value_and_gradient(objective, thetas[i])
        np.testing.assert_allclose(together.total[i], alone.total, rtol=1e-12)
        np.testing.assert_allclose(together.gradient[i], alone.gradient, rtol=1e-10)


def test_results_are_owned_writable_and_double(engine):
    found = engine.value_and_gradient(rosenbrock(), np.zeros((2, 2)))
    assert found.gradient is not None
    for array in (found.total, found.gradient, *found.terms.values()):
        assert array.dtype == np.float64
        array += 1.0
