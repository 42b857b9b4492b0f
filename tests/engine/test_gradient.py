"""Gradients on JAX: its own ways through a solver, and what isn't compiled again."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from .conformance.test_gradient import check_modes, decay_objective
from .problems import engine, rosenbrock


@pytest.mark.parametrize(
    ("settings", "tolerance"),
    [
        ({"adjoint": "direct", "max_steps": 256}, 1e-7),
        ({"adjoint": "backsolve"}, 1e-6),
        ({"name": "rk4", "dt": 0.01}, 1e-7),
    ],
    ids=["direct", "backsolve", "rk4"],
)
def test_every_way_through_the_solver_gives_the_same_gradient(settings: dict, tolerance: float):
    found = engine().value_and_gradient(decay_objective(**settings), np.array([0.7])).gradient
    squares = 4 * np.exp(-1.4 * np.array([1.0, 3.0]))
    np.testing.assert_allclose(found, [np.mean(squares * [-2.0, -6.0]) + 1.4e-4], rtol=tolerance)


def test_weights_change_without_compiling_again():
    objective = rosenbrock()
    theta = np.array([0.3, -0.2])
    first = engine().value_and_gradient(objective, theta)
    before = len(engine()._cache)
    heavy = replace(objective, weights={"valley": 3.0, "slope": 0.0})
    found = engine().value_and_gradient(heavy, theta)
    assert len(engine()._cache) == before
    np.testing.assert_allclose(found.total, 3 * first.terms["valley"], rtol=1e-14)
    np.testing.assert_allclose(found.total, engine().value(heavy, theta).total, rtol=1e-14)


def test_all_ways_through_an_implicit_solver_agree():
    check_modes(engine(), 1e-6, 1e-4, name="kvaerno5", rtol=1e-8, atol=1e-8)
