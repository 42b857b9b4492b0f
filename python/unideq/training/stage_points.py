"""The points of a stage: drawn for every iteration, or chosen where the residuals are large."""

from __future__ import annotations

import numpy as np

from ..engine import Engine
from ..residual import PointBatches, Residual, ResidualProblem
from ..residual.domain import Points
from ..residual.points import Draws, drawn
from ..residual.samplers import ResidualAdaptive

__all__ = ["StagePoints"]

CANDIDATES = 1_000_003
"""Salt of candidates, above any number of stages."""


class StagePoints:
    """Points of every term in every iteration of one stage; see `unideq.objective.program.Batches`.

    Parameters
    ----------
    objective, problem
        Whose points.
    stage
        Number of the stage: each draws its own points, but for those of fixed samplers.
    chosen
        Term → adaptive points; `resample` puts the new ones here.

    Attributes
    ----------
    adaptive
        Terms whose points follow the residuals, and their samplers.
    redrawn
        Whether iterations differ in their points.
    """

    follows_theta = False

    def __init__(
        self, objective: Residual, problem: ResidualProblem, stage: int, chosen: dict[str, Points] | None = None
    ) -> None:
        self.objective, self.problem, self.stage = objective, problem, stage
        self.chosen = {} if chosen is None else chosen
        samplers = {name: objective.sampler_of(term) for name, term in problem.terms.items()}
        self.adaptive = {
            name: s
            for name, s in samplers.items()
            if isinstance(s, ResidualAdaptive) and problem.terms[name].given(problem.domain) is None
        }
        self.redrawn = not all(objective.is_fixed(problem, name) for name in problem.terms)
        self._quick = None if self.adaptive else PointBatches(objective, problem, salt=stage)

    def __call__(self, iteration: int, theta: np.ndarray | None = None) -> list[Points]:
        """The points of one iteration, one dict a term; empty where they never change."""
        if self._quick is not None:
            return self._quick(iteration)
        return list(self.at(iteration).values())

    def of(self, name: str, iteration: int) -> Points:
        """The points of one term in one iteration."""
        if name in self.chosen:
            return self.chosen[name]
        fixed = self.objective.is_fixed(self.problem, name)
        return self.objective.draw(self.problem, name, iteration, 0 if fixed else self.stage)

    def at(self, iteration: int) -> dict[str, Points]:
        """The points of every term in one iteration."""
        return {name: self.of(name, iteration) for name in self.problem.residuals}

    def keep_adaptive(self) -> None:
        """Forget points that an earlier stage chose for terms whose points are drawn now."""
        for name in [n for n in self.chosen if n not in self.adaptive]:
            del self.chosen[name]

    # ---- points that follow the residuals ---------------------------------------------------------------------

    def next_choice(self, iteration: int, last: int) -> int:
        """The next iteration after this one at which points are chosen anew, `last` at most."""
        return min([last, *((iteration // s.every + 1) * s.every for s in self.adaptive.values())])

    def resample(self, engine: Engine, theta: np.ndarray, iteration: int) -> None:
        """Choose the adaptive terms' points anew where this is the iteration for it.

        Parameters
        ----------
        theta
            Where the ensemble stands (S, P): its members train on the same points, chosen by their mean residual.
        """
        for name, sampler in self.adaptive.items():
            if iteration % sampler.every:
                continue
            problem, count = self.problem, self.objective.count(self.problem, name)
            # A salt that tells the draws of candidates from those of points.
            draws = Draws(self.objective.seed, self.stage + CANDIDATES, list(problem.terms).index(name))
            generator = draws.generator(iteration // sampler.every)
            wanted = sampler.candidate_count(count)
            placed = drawn(problem.terms[name], problem.domain, sampler, wanted, generator)
            candidates = problem.read_by(name, placed)
            size = residual_size(engine, problem, name, candidates, theta)
            kept = sampler.choose(size, count, generator)
            self.chosen[name] = {column: values[kept] for column, values in candidates.items()}


def residual_size(engine: Engine, problem: ResidualProblem, name: str, points: Points, theta: np.ndarray) -> np.ndarray:
    """|r| (M,) of a term at points, the mean over the seeds of θ (S, P); components are added in squares."""
    graph = problem.residuals[name]
    norms = []
    for one in theta:
        values = engine.evaluate(graph, {**points, "theta": one}, list(points))
        squares = [np.reshape(v, (len(v), -1)) ** 2 for v in values.values()]
        norms.append(np.sqrt(sum(s.sum(axis=1) for s in squares)))
    return np.mean(norms, axis=0)
