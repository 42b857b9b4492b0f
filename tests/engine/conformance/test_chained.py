"""Sources that read the arrays of earlier ones: solutions that begin where an encoder says."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from unideq.errors import ModelError
from unideq.graph import Graph, variable
from unideq.objective.program import Given, Integration, LossProgram, Pointwise, SolverSettings

from .test_gradient import differences

ROWS = np.array([2.0, 0.0])
"""Those of three known problems that are solved."""
X, NOISE = np.array([[0.5, -1.0], [2.0, 0.3]]), np.array([[0.2], [-0.4]])
TIMES = np.array([[0.5, 1.0], [0.4, 0.8], [1.0, 1.5]])
POINT = np.array([0.7, -0.3, 0.2, 0.6])


def encoded(rows: np.ndarray | None = ROWS) -> LossProgram:
    """u' = −θ₃u from u(0) = m + e^θ₂ ε, where m = θ₀ Σx + θ₁ is the encoder's; the mean of u² and that of m²."""
    t, u, theta, x = variable("t"), variable("u", (1,)), variable("theta", (4,)), variable("x", (2,))
    total: Any = np.sum(x, keepdims=True)  # type: ignore[call-overload]
    points = Pointwise("encode", Graph([theta, x], {"mean": theta[0] * total + theta[1]}), {"x": X})
    noise = Given("noise", {"draw": NOISE})
    mean, draw = variable("encode.mean", (2, 1)), variable("noise.draw", (2, 1))
    solve = Integration(
        "solve",
        Graph([t, u, theta], {"du": -theta[3] * u}),
        Graph([theta, mean, draw], {"u0": mean + np.exp(theta[2]) * draw}),
        np.zeros(3 if rows is not None else 2),
        TIMES if rows is not None else TIMES[[2, 0]],
        Graph([t, u, theta], {"u": u}),
        SolverSettings("tsit5", rtol=1e-10, atol=1e-10),
        data={} if rows is None else {"rows": rows},
    )
    found = variable("solve.u", (2, 2, 1))
    squares: dict[str, Any] = {"fit": np.mean(found * found), "prior": np.mean(mean * mean)}
    loss = Graph([found, mean, theta], squares)
    return LossProgram((points, noise, solve), loss, {"fit": 2.0, "prior": 0.5})


def expected(theta: np.ndarray) -> tuple[float, float]:
    mean = theta[0] * X.sum(axis=1, keepdims=True) + theta[1]
    u = (mean + np.exp(theta[2]) * NOISE) * np.exp(-theta[3] * TIMES[[2, 0]])
    return float(np.mean(u**2)), float(np.mean(mean**2))


@pytest.mark.parametrize("rows", [ROWS, None])
def test_solutions_begin_where_an_earlier_source_says(engine, rows):
    found = engine.value_and_gradient(encoded(rows), POINT)
    fit, prior = expected(POINT)
    np.testing.assert_allclose(found.terms["fit"], fit, rtol=1e-8)
    np.testing.assert_allclose(found.terms["prior"], prior, rtol=1e-13)
    step = 1e-6
    slopes = [
        (np.dot([2.0, 0.5], expected(POINT + step * e)) - np.dot([2.0, 0.5], expected(POINT - step * e))) / (2 * step)
        for e in np.eye(4)
    ]
    np.testing.assert_allclose(found.gradient, slopes, rtol=1e-7)


def test_forward_mode_goes_through_what_is_read(engine):
    program, along = encoded(), np.array([0.3, -1.0, 0.5, 0.8])
    forward = float(engine.jacobian_vector(program, POINT, along))
    np.testing.assert_allclose(forward, engine.value_and_gradient(program, POINT).gradient @ along, rtol=1e-8)
    np.testing.assert_allclose(forward, differences(engine, program, POINT, along), rtol=1e-6)


def test_gradients_term_by_term_reach_the_encoder(engine):
    program = encoded()
    parts = engine.value_and_gradient(program, POINT, per_term=True).gradient
    whole = engine.value_and_gradient(program, POINT).gradient
    np.testing.assert_allclose(np.array([2.0, 0.5]) @ parts, whole, rtol=1e-11)
    assert parts[1][2] == parts[1][3] == 0.0 and np.all(parts[0] != 0.0)


def test_what_no_earlier_source_makes_cannot_be_read():
    points, noise, solve = encoded().sources
    with pytest.raises(ModelError, match=r"`solve` reads `encode\.mean`, which no source before it makes"):
        replace(encoded(), sources=(noise, solve, points))
