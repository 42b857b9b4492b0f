"""Fresh points for every iteration, fast enough to be drawn while an engine trains."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .domain import Points
from .points import Draws, stratified

if TYPE_CHECKING:
    from .objective import Residual
    from .problem import ResidualProblem

__all__ = ["PointBatches"]

BLOCK = 64
"""Draws that are placed at a time."""


class PointBatches:
    """Points as an engine takes them; see `unideq.objective.program.Batches`.

    Those of `ResidualAdaptive` are the first ones, which depend on no residual; training chooses the others.

    Parameters
    ----------
    objective
        Its settings draw the points.
    problem
        Whose terms.
    salt
        Number of the stage.
    """

    follows_theta = False

    def __init__(self, objective: Residual, problem: ResidualProblem, salt: int = 0) -> None:
        self._sources = [
            None if objective.is_fixed(problem, name) else _Redrawn(objective, problem, name, salt)
            for name in problem.residuals
        ]

    def __call__(self, iteration: int, theta: np.ndarray | None = None) -> list[Points]:
        """The points of one iteration, one dict a term; empty where they never change."""
        return [{} if source is None else source(iteration) for source in self._sources]


class _Redrawn:
    """Points that depend on the iteration alone; the bits of `Residual.draw`, many draws placed at once."""

    def __init__(self, objective: Residual, problem: ResidualProblem, name: str, salt: int) -> None:
        self.objective, self.problem, self.name = objective, problem, name
        self.draws = Draws(objective.seed, salt, list(problem.terms).index(name))
        term = problem.terms[name]
        self.term, self.sampler = term, objective.sampler_of(term)
        self.count = objective.count(problem, name)
        self.chunks = objective.chunks(problem, name)
        self.one_by_one = term.cut(problem.domain)  # rejection needs as many candidates as it takes
        self._number, self._block = -1, -1
        self._points: Points = {}
        self._placed: Points = {}

    def __call__(self, iteration: int) -> Points:
        number = self.sampler.number(iteration)
        if number != self._number:
            self._number = number
            if self.one_by_one:
                self._points = self.objective.draw_from(self.problem, self.name, self.draws.generator(number))
            else:
                self._points = self._from_block(number)
        return self._points

    def _from_block(self, number: int) -> Points:
        block, at = divmod(number, BLOCK)
        if block != self._block:
            domain, dimensions = self.problem.domain, self.term.dimensions(self.problem.domain)
            unit = [
                stratified(domain, self.sampler.draw(self.count, dimensions, self.draws.generator(k)), self.chunks)
                for k in range(block * BLOCK, (block + 1) * BLOCK)
            ]
            placed = self.term.place(domain, np.concatenate(unit))
            self._placed, self._block = self.problem.read_by(self.name, placed), block
        rows = slice(at * self.count, (at + 1) * self.count)
        return {n: values[rows] for n, values in self._placed.items()}
