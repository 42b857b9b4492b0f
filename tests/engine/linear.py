"""Terms with gradients in closed form: L_i = mean (A_i θ − b_i)², and rules of balancing written out in NumPy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from unideq.engine import Minimisation, Minimised
from unideq.graph import Expression, Graph, variable
from unideq.objective.program import Balancing, LossProgram, Pointwise

from . import runs
from .problems import phase_of


@dataclass
class Linear:
    """Term → (A (M, P), b (M,)) and its weight (1 where it isn't named)."""

    data: dict[str, tuple[np.ndarray, np.ndarray]]
    weights: dict[str, float] = field(default_factory=dict)

    @classmethod
    def random(cls, seed: int, points: Mapping[str, int], size: int, **weights: float) -> Linear:
        """Terms of very different sizes."""
        rng = np.random.default_rng(seed)
        return cls(
            {n: (10.0**k * rng.normal(size=(m, size)), rng.normal(size=m)) for k, (n, m) in enumerate(points.items())},
            weights,
        )

    @property
    def size(self) -> int:
        return next(iter(self.data.values()))[0].shape[1]

    def base(self) -> np.ndarray:
        return np.array([self.weights.get(name, 1.0) for name in self.data])

    def objective(self) -> LossProgram:
        """Every term's residuals come from a source of its own."""
        size = self.size
        theta, a, b = variable("theta", (size,)), variable("a", (size,)), variable("b", ())
        residual = Graph([theta, a, b], {"residual": np.sum(a * theta) - b})
        sources = tuple(Pointwise(n, residual, {"a": own, "b": right}) for n, (own, right) in self.data.items())
        values = {n: variable(f"{n}.residual", (len(right),)) for n, (_, right) in self.data.items()}
        terms: dict[str, Expression] = {n: np.mean(v * v) for n, v in values.items()}
        return LossProgram(
            sources, Graph(tuple(values.values()), terms), dict(self.weights), {n: f"{n}.residual" for n in terms}
        )

    def terms(self, theta: np.ndarray) -> np.ndarray:
        return np.array([np.mean((a @ theta - b) ** 2) for a, b in self.data.values()])

    def gradients(self, theta: np.ndarray) -> np.ndarray:
        """(T, P)."""
        return np.array([2.0 * a.T @ (a @ theta - b) / len(b) for a, b in self.data.values()])

    def balancing(self, rule: str, **more: Any) -> Balancing:
        settings = {"terms": tuple(self.data), "counted": np.ones(self.size), "every": 10, **more}
        return Balancing(rule, **settings)


class Recorder(runs.Recorder):
    """With the weights that were logged."""

    def weights(self) -> np.ndarray:
        """(S, k, T)."""
        return np.concatenate([np.stack(list(r.weights.values()), axis=-1) for r in self.reports], axis=1)


def minimise(
    engine: Any,
    objective: LossProgram,
    theta: np.ndarray,
    iterations: int,
    name: str = "adam",
    settings: Mapping[str, Any] | None = None,
    stop_after: int | None = None,
    report_every: int = 1000,
    **more: Any,
) -> tuple[Minimised, Recorder]:
    """`Engine.minimise`, and the reports that it made."""
    record = Recorder(stop_after)
    default = {"learning_rate": 0.01} if name in ("adam", "adamw") else {}
    chosen = phase_of(name, {**default, **(settings or {}), "iterations": iterations})
    return engine.minimise(Minimisation(objective, theta, chosen, report_every=report_every, **more), record), record


def directions(gradients: np.ndarray, coefficients: np.ndarray) -> np.ndarray:
    """Σ cᵢ∇Lᵢ."""
    return coefficients @ gradients


def pcgrad(gradients: np.ndarray, iteration: int) -> np.ndarray:
    """Yu et al. (2020), algorithm 1, on the vectors themselves, with the cyclic order that we document."""
    count = len(gradients)
    total = np.zeros(gradients.shape[1])
    for i in range(count):
        own = gradients[i].copy()
        first = iteration % (count - 1)
        for k in range(count - 1):
            other = gradients[(i + 1 + (first + k) % (count - 1)) % count]
            if own @ other < 0:
                own -= (own @ other) / (other @ other) * other
        total += own
    return total
