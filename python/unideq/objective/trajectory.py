"""`Trajectory`: solve from the initial state to the last measurement, compare everywhere."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from ..errors import DataError, OptionError
from ..graph import Graph, variable
from .base import ObjectiveSpecification, register_objective
from .problem import Problem
from .program import Integration, Objective

__all__ = ["Trajectory", "padded"]


def padded(rows: list[np.ndarray]) -> np.ndarray:
    """Rows of times as one array; shorter rows repeat their last time."""
    width = max(len(r) for r in rows)
    return np.stack([np.concatenate([r, np.full(width - len(r), r[-1])]) for r in rows])


def padded_values(rows: list[np.ndarray]) -> np.ndarray:
    """Rows of values as one array; shorter rows end in NaN."""
    width = max(len(r) for r in rows)
    return np.stack([np.concatenate([r, np.full((width - len(r), *r.shape[1:]), np.nan)]) for r in rows])


@register_objective
@dataclass(frozen=True)
class Trajectory(ObjectiveSpecification):
    """Misfit of whole solutions from the (estimated) initial state.

    Parameters
    ----------
    horizon
        Only measurements up to this time after each trajectory's start count; None: all.
    curriculum
        Growing horizons, as pairs (horizon, iterations): they take their iterations from the first phases that use this
        objective, then the full horizon follows.
    """

    kind: ClassVar[str] = "trajectory"
    horizon: float | None = None
    curriculum: tuple[tuple[float, int], ...] = ()

    def __post_init__(self) -> None:
        if self.horizon is not None and not self.horizon > 0:
            raise OptionError(f"`Trajectory` needs a positive horizon, not {self.horizon!r}.")
        stages = tuple((float(h), int(n)) for h, n in self.curriculum)
        if any(h <= 0 or n < 1 for h, n in stages):
            raise OptionError(f"`curriculum` needs pairs (horizon > 0, iterations >= 1), not {self.curriculum!r}.")
        object.__setattr__(self, "curriculum", stages)

    def stages(self, iterations: int) -> list[tuple[Trajectory, int]]:
        """How a phase of that many iterations divides between horizons; what remains runs on the full one."""
        result, left = [], iterations
        for horizon, count in self.curriculum:
            count = min(count, left)
            if count:
                result.append((Trajectory(horizon=horizon), count))
            left -= count
        if left:
            result.append((replace(self, curriculum=()), left))
        return result

    def build(self, problem: Problem) -> Objective:
        times, values = [], {n: [] for n in problem.observations.names}
        for s in problem.observations.series:
            keep = np.ones(len(s.times), bool) if self.horizon is None else s.times <= s.start + self.horizon + 1e-12
            chosen = s.times[keep]
            times.append(chosen if len(chosen) else np.array([s.start]))
            for n, v in values.items():
                picked = s.values[n][keep]
                v.append(picked if len(chosen) else np.full((1, *picked.shape[1:]), np.nan))
        observed = {n: padded_values(v) for n, v in values.items()}
        if not any(np.isfinite(v).any() for v in observed.values()):
            raise DataError(f"A horizon of {self.horizon:g} leaves no measurement. Lengthen it.")
        theta = problem.theta()
        integration = Integration(
            "solve",
            problem.rebased(problem.model.vector_field),
            Graph((theta,), {"u0": problem.initial_states(theta)}),
            np.array([s.start for s in problem.observations.series]),
            padded(times),
            problem.observe_graph(with_states=False),
            problem.solver,
        )
        arrays = {name: variable(name, shape) for name, shape in integration.shapes.items()}
        predicted = {n: arrays[f"solve.observed.{n}"] for n in observed}
        terms, weights = problem.data_terms(predicted, observed, theta)
        more, extra = problem.extra_terms(theta, {n: arrays[f"solve.penalty.{n}"] for n in problem.penalties})
        loss = Graph((*arrays.values(), theta), {**terms, **more})
        return Objective((integration,), loss, {**weights, **extra})
