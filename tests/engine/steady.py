"""Trajectories that begin at rest, in closed form: what both engines must meet."""

from __future__ import annotations

from typing import Any

import numpy as np

from unideq.graph import Graph, constant, variable
from unideq.objective.program import Integration, LossProgram, SolverSettings

WEIGHTS = np.array([0.5, 1.0, 2.0])
TIMES = np.array([0.0, 0.5, 1.5, 3.0])
THETA = np.array([1.3, 0.8, 1.1])


def courses(theta: Any, before: float) -> tuple[Any, Any]:
    """x of x' = a b w − k x + (0 before t = 1, then 1) and its integral: (3, K) each.

    x begins at the steady state of x' = before a b w − k x.
    """
    a, k, b = theta
    level = (a * b * WEIGHTS / k)[:, None]
    since, left = np.maximum(TIMES - 1.0, 0.0), (before - 1.0) * level
    x = level + left * np.exp(-k * TIMES) + (1.0 - np.exp(-k * since)) / k
    gone = left * (1.0 - np.exp(-k * TIMES)) / k
    return x, level * TIMES + gone + since / k - (1.0 - np.exp(-k * since)) / k**2


def value(theta: Any, before: float = 1.0) -> Any:
    """The sum of all squares."""
    x, q = courses(theta, before)
    return (x**2).sum() + (q**2).sum()


def derivative(before: float = 1.0) -> np.ndarray:
    """Of `value` at THETA, by complex steps."""
    return np.array([value(THETA + 1e-30j * np.eye(3)[i], before).imag / 1e-30 for i in range(3)])


def program(guess: float = 5.0, before: float | None = None, **solver: Any) -> LossProgram:
    """The squares' program: x begins at rest, its integral beside it at zero; b w is a trajectory's own constant.

    `before`: what the input is times while it rests; None: it is what it is.
    """
    t, u, c, theta = variable("t"), variable("u", (2,)), variable("c", (1,)), variable("theta", (3,))
    rate: Any = theta[0] * c[0] - theta[1] * u[0] + np.where(t < 1.0, 0.0, 1.0)
    field: Any = np.stack([rate, u[0]])
    still: Any = None if before is None else np.stack([before * theta[0] * c[0] - theta[1] * u[0], u[0]])
    own: Any = (constant(WEIGHTS) * theta[2]).reshape(3, 1)
    started = constant(np.tile([guess, 0.0], (3, 1)))
    solved = Integration(
        "sol",
        Graph([t, u, c, theta], {"du": field}),
        Graph([theta], {"u0": started, "c": own}),
        np.zeros(3),
        np.tile(TIMES, (3, 1)),
        Graph([t, u, c, theta], {"u": u}),
        SolverSettings(**{"name": "tsit5", **solver}),
        steady=1,
        rest=None if still is None else Graph([t, u, c, theta], {"du": still}),
    )
    found = variable("sol.u", (3, len(TIMES), 2))
    return LossProgram((solved,), Graph([found, theta], {"squares": np.sum(found * found)}), {})
