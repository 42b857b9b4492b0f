"""A network of two layers whose gradients have full rank, for the tests of SOAP on both engines.

The first gradient makes SOAP's bases, in which it is diagonal. Seen again, its other entries are rounding, over which
the step divides: two runs agree to many digits only where the points are redrawn.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from unideq.graph import Graph, variable
from unideq.objective.program import LossProgram, Pointwise

SIZE = 4
PARAMETERS = 2 * SIZE**2 + SIZE
BLOCKS = [[0, SIZE, SIZE], [SIZE**2 + SIZE, SIZE, SIZE]]
SETTINGS: dict[str, Any] = {"learning_rate": 0.01, "iterations": 25, "precondition_every": 5}


def points(seed: int, count: int = 24) -> dict[str, np.ndarray]:
    """Inputs x and targets y of that many points."""
    x = np.random.default_rng(seed).standard_normal((count, SIZE))
    return {"x": x, "y": np.sin(x @ np.random.default_rng(7).standard_normal((SIZE, SIZE)))}


def two_layers(u: np.ndarray | None = None, v: np.ndarray | None = None, seed: int = 0) -> LossProgram:
    """Mean squared error of B tanh(uᵀ A v x + a) with θ = (A, a, B)."""
    eye = np.eye(SIZE)
    u, v = eye if u is None else u, eye if v is None else v
    theta, x, y = variable("theta", (PARAMETERS,)), variable("x", (SIZE,)), variable("y", (SIZE,))
    n = SIZE**2
    first, last = theta[:n].reshape(SIZE, SIZE), theta[n + SIZE :].reshape(SIZE, SIZE)
    inner = u.T @ (first @ (v @ x)) + theta[n : n + SIZE]
    residual: Any = last @ np.tanh(inner) - y
    outputs: dict[str, Any] = {"error": np.sum(residual * residual)}
    given = points(seed)
    errors = variable("p.error", (len(given["x"]),))
    source = Pointwise("p", Graph([theta, x, y], outputs), given)
    return LossProgram((source,), Graph([errors, theta], {"fit": errors.mean()}), {"fit": 1.0})


def start(seed: int = 1) -> np.ndarray:
    """θ (1, P) to begin with."""
    return 0.5 * np.random.default_rng(seed).standard_normal((1, PARAMETERS))


def gradient(theta: np.ndarray, given: dict[str, np.ndarray]) -> np.ndarray:
    """Of `two_layers` with these points, at θ (P,), by hand."""
    n, x = SIZE**2, given["x"]
    first, bias, last = theta[:n].reshape(SIZE, SIZE), theta[n : n + SIZE], theta[n + SIZE :].reshape(SIZE, SIZE)
    hidden = np.tanh(x @ first.T + bias)
    residual = 2 * (hidden @ last.T - given["y"]) / len(x)
    inner = (residual @ last) * (1 - hidden**2)
    return np.concatenate([(inner.T @ x).ravel(), inner.sum(axis=0), (residual.T @ hidden).ravel()])


class Redrawn:
    """Other points at every iteration; the one called `broken` has none that are numbers."""

    follows_theta = False

    def __init__(self, broken: int | None = None) -> None:
        self.broken = broken

    def __call__(self, iteration: int, theta: np.ndarray | None = None) -> list[dict[str, np.ndarray]]:
        """The points of an iteration."""
        new = points(100 + iteration)
        return [{**new, "x": np.nan * new["x"]} if iteration == self.broken else new]
