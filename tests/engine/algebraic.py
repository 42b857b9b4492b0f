"""Differential-algebraic systems of index 1 in closed form: what an engine that solves them must meet."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from unideq.graph import Graph, constant, variable
from unideq.objective.program import Integration, LossProgram, SolverSettings

TIMES = np.array([0.0, 0.4, 1.0, 1.7, 2.5])
THETA = np.array([0.7, 1.3, 0.9])


def smooth(t: Any, u: Any, theta: Any) -> list[Any]:
    """0 = x − z³ − z − c sin t beside x', of which z = b exp(−a t) is the solution."""
    (x, z), (a, _, c) = (u[0], u[1]), (theta[0], theta[1], theta[2])
    return [c * np.cos(t) - a * (3.0 * z**2 + 1.0) * z, x - z**3 - z - c * np.sin(t)]


def smooth_solution(theta: Any) -> Any:
    """(K, 2)."""
    a, b, c = theta
    z = b * np.exp(-a * TIMES)
    return np.stack([z**3 + z + c * np.sin(TIMES), z], axis=-1)


def smooth_start(theta: Any) -> Any:
    return theta[1] ** 3 + theta[1]


def jumping(t: Any, u: Any, theta: Any) -> list[Any]:
    """0 = z³ − b (1 or, from t = 1 on, 2) x beside x' = −a z³ / (1 or 2) = −a b x."""
    factor: Any = np.where(t < 1.0, 1.0, 2.0)
    return [-theta[0] * u[1] ** 3 / factor, u[1] ** 3 - theta[1] * factor * u[0]]


def jumping_solution(theta: Any) -> Any:
    """(K, 2); at the jump the state before it."""
    a, b, c = theta
    x = c * np.exp(-a * b * TIMES)
    return np.stack([x, (np.where(TIMES <= 1.0, 1.0, 2.0) * b * x) ** (1.0 / 3.0)], axis=-1)


def jumping_start(theta: Any) -> Any:
    return theta[2]


Part = Callable[..., Any]
PROBLEMS: dict[str, tuple[Part, Part, Part]] = {
    "smooth": (smooth, smooth_start, smooth_solution),
    "jumping": (jumping, jumping_start, jumping_solution),
}


def value(name: str, theta: Any) -> Any:
    """The sum of all squares."""
    return (PROBLEMS[name][2](theta) ** 2).sum()


def derivative(name: str) -> np.ndarray:
    """Of `value` at THETA, by complex steps."""
    return np.array([value(name, THETA + 1e-30j * np.eye(3)[i]).imag / 1e-30 for i in range(3)])


def program(problem: str, guess: float = 5.0, **solver: Any) -> LossProgram:
    """The squares' program, two trajectories of which the second observes as the first, from another guess of z."""
    rhs, start, _ = PROBLEMS[problem]
    t, u, theta = variable("t"), variable("u", (2,)), variable("theta", (3,))
    first: Any = start(theta)
    begun: Any = np.stack([np.stack([first, constant(guess)]), np.stack([first, constant(0.5)])])  # type: ignore[call-overload]
    solved = Integration(
        "sol",
        Graph([t, u, theta], {"du": np.stack(rhs(t, u, theta))}),
        Graph([theta], {"u0": begun}),
        np.zeros(2),
        np.tile(TIMES, (2, 1)),
        Graph([t, u, theta], {"u": u}),
        SolverSettings(**{"name": "rodas5p", "max_steps": 100_000, **solver}),
        algebraic=(1,),
    )
    found = variable("sol.u", (2, len(TIMES), 2))
    return LossProgram((solved,), Graph([found, theta], {"squares": 0.5 * np.sum(found * found)}), {})
