"""What tests of moving weights share: small problems, starts, settings of every rule."""

from __future__ import annotations

import numpy as np
import pytest

from unideq.graph import Graph, variable
from unideq.objective.program import LossProgram, Pointwise

from .linear import Linear

POINTS = {"pde": 5, "walls": 3, "start": 4}
RULES = ("annealing", "gradient_norm", "ntk", "config", "pcgrad")
each_rule = pytest.mark.parametrize("rule", RULES)


def starts(seeds: int, size: int) -> np.ndarray:
    return np.random.default_rng(7).normal(size=(seeds, size))


def settings_of(rule: str) -> dict:
    return {"reference": ("pde",)} if rule == "annealing" else {}


def wavy_objective(rng: np.random.Generator, points: dict[str, int], size: int):
    """Residuals (sin a·θ, (a·θ)²/2), two a point, and their Jacobian."""
    theta, a = variable("theta", (size,)), variable("a", (size,))
    product = np.sum(a * theta)
    graph = Graph([theta, a], {"residual": np.stack([np.sin(product), 0.5 * product * product])})
    data = {name: rng.normal(size=(count, size)) for name, count in points.items()}
    values = {name: variable(f"{name}.residual", (count, 2)) for name, count in points.items()}
    terms = {name: np.sum(v * v) * (1 / points[name]) for name, v in values.items()}
    objective = LossProgram(
        tuple(Pointwise(n, graph, {"a": rows}) for n, rows in data.items()),
        Graph(tuple(values.values()), terms),
        {},
        {n: f"{n}.residual" for n in terms},
    )

    def jacobian(name: str, at: np.ndarray) -> np.ndarray:
        """(M, 2, P)."""
        along = data[name] @ at
        return np.stack([np.cos(along)[:, None] * data[name], along[:, None] * data[name]], axis=1)

    return objective, jacobian


class Draws:
    """Other right-hand sides in every iteration."""

    follows_theta = False

    def __init__(self, problem: Linear) -> None:
        self.problem = problem

    def __call__(self, iteration: int, theta: np.ndarray | None = None) -> list[dict[str, np.ndarray]]:
        return [{"b": b + 0.1 * iteration} for _, b in self.problem.data.values()]
