"""Delay differential equations in closed form: what an engine that solves them must meet."""

from __future__ import annotations

from math import factorial
from typing import Any

import numpy as np

from unideq.graph import Graph, variable
from unideq.objective.program import Integration, LossProgram, SolverSettings

TIMES = np.array([0.0, 0.4, 1.0, 1.7, 2.5, 3.0, 4.3])
STARTS = np.array([0.0, 2.0])
THETA = np.array([0.7, 1.3, 0.4])


def solution(theta: Any) -> Any:
    """(K, 2): x' = −a x(t − 1) with x = b before the start, by the method of steps; and y' = c x(t − 1/2), y(0) = 0."""
    a, b, c = theta

    def x(t: Any) -> Any:
        terms = [(-a) ** k * max(t - k + 1.0, 0.0) ** k / factorial(k) for k in range(7) if t > k - 1]
        return b * sum(terms) if t > 0 else b + 0.0 * a

    def y(t: Any) -> Any:
        past = min(t, 0.5)  # as long as what is read lies before the start
        terms = [(-a) ** k * max(t - 0.5 - k + 1.0, 0.0) ** (k + 1) / factorial(k + 1) for k in range(7)]
        after = sum(term for k, term in enumerate(terms) if t - 0.5 > k - 1) - 1.0 if t > 0.5 else 0.0
        return c * b * (past + after)

    return np.array([[x(t), y(t)] for t in TIMES])


def value(theta: Any) -> Any:
    """The sum of all squares."""
    return (solution(theta) ** 2).sum()


def derivative() -> np.ndarray:
    """Of `value` at THETA, by complex steps."""
    return np.array([value(THETA + 1e-30j * np.eye(3)[i]).imag / 1e-30 for i in range(3)])


def program(**solver: Any) -> LossProgram:
    """The squares' program, two trajectories of which the second starts later and is half of the loss."""
    t, u, theta = variable("t"), variable("u", (2,)), variable("theta", (3,))
    one, half = variable("past.0", (2,)), variable("past.1", (2,))
    slopes: Any = np.stack([-theta[0] * one[0], theta[2] * half[0]])  # type: ignore[call-overload]
    row: Any = np.stack([theta[1], 0.0 * theta[1]])  # type: ignore[call-overload]
    solved = Integration(
        "sol",
        Graph([t, u, one, half, theta], {"du": slopes + 0.0 * u}),
        Graph([theta], {"u0": np.stack([row, row])}),  # type: ignore[call-overload]
        STARTS,
        STARTS[:, None] + TIMES,
        Graph([t, u, theta], {"u": u}),
        SolverSettings(**{"name": "tsit5", "max_steps": 100_000, **solver}),
        delays=(1.0, 0.5),
    )
    found = variable("sol.u", (2, len(TIMES), 2))
    return LossProgram((solved,), Graph([found, theta], {"squares": 0.5 * np.sum(found * found)}), {})
