"""`Residual`: the mean square of every term's residual over its points, as a program that engines run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..graph import Expression, Graph, variable
from ..objective.base import Evaluate, ObjectiveSpecification, register_objective
from ..objective.program import Batches, Objective, Pointwise
from .domain import Points
from .problem import ResidualProblem
from .samplers import Sampler, Uniform
from .terms import Term

__all__ = ["PointBatches", "Residual"]


@register_objective
@dataclass(frozen=True)
class Residual(ObjectiveSpecification):
    """Σ weight · mean of squared residuals, one term a residual.

    Parameters
    ----------
    points
        Points in an iteration: one number for all terms, or term → number; terms left out keep their own.
    sampler
        How points are drawn where a term doesn't say; default `Uniform()`, redrawn in every iteration.
    seed
        Of the points. Those of an iteration depend on it and on the iteration alone.
    """

    kind: ClassVar[str] = "residual"
    points: int | Mapping[str, int] | None = None
    sampler: Sampler | None = None
    seed: int = 0

    def count(self, name: str, term: Term) -> int:
        """Points of a term in an iteration."""
        if isinstance(self.points, Mapping):
            return int(self.points.get(name, term.points))
        return int(self.points or term.points)

    def draw(self, problem: ResidualProblem, name: str, iteration: int, salt: int = 0) -> Points:
        """Points of a term in an iteration."""
        term = problem.terms[name]
        sampler = term.sampler or self.sampler or Uniform()
        which = list(problem.terms).index(name)
        generator = np.random.default_rng([self.seed, salt, which, sampler.number(iteration)])
        unit = sampler.draw(self.count(name, term), term.dimensions(problem.domain), generator)
        placed = term.place(problem.domain, unit)
        return {n: placed[n] for n in problem.residuals[name].input_names if n != "theta"}

    def build(self, problem: Any) -> Objective:
        """The program at the first draw."""
        terms: dict[str, Expression] = {}
        weights: dict[str, float] = {}
        residuals: dict[str, str] = {}
        sources: list[Pointwise] = []
        for name, graph in problem.residuals.items():
            source = Pointwise(name, graph, self.draw(problem, name, 0))
            sources.append(source)
            for key, shape in source.shapes.items():
                output = key.removeprefix(f"{name}.")
                label = name if output == "residual" else key
                terms[label] = mean_square(variable(key, shape))
                weights[label] = float(problem.terms[name].weight)
                residuals[label] = key
        inputs = tuple(variable(key, shape) for s in sources for key, shape in s.shapes.items())
        return Objective(tuple(sources), Graph(inputs, terms), weights, residuals)

    def batches(self, problem: Any, evaluate: Evaluate, salt: int = 0) -> Batches | None:
        """Fresh points for every iteration; None where all are fixed."""
        samplers = [t.sampler or self.sampler or Uniform() for t in problem.terms.values()]
        return None if all(s.redraw is None for s in samplers) else PointBatches(self, problem, salt)


class PointBatches:
    """Points as an engine takes them; see `unideq.objective.program.Batches`."""

    follows_theta = False

    def __init__(self, objective: Residual, problem: ResidualProblem, salt: int = 0) -> None:
        self.objective, self.problem, self.salt = objective, problem, salt

    def __call__(self, iteration: int, theta: np.ndarray | None = None) -> list[dict[str, np.ndarray]]:
        """The points of one iteration, one dict a term."""
        return [self.objective.draw(self.problem, name, iteration, self.salt) for name in self.problem.residuals]


def mean_square(residual: Expression) -> Expression:
    """Mean over points (the first axis) of the sum of squares."""
    squares: Any = residual * residual
    return np.sum(squares) * (1.0 / residual.shape[0])  # type: ignore[return-value]
