"""Mini-batches of whole trajectories: which of them an iteration solves, and what they are compared with.

Every measured value counts as much as in the loss of all trajectories, times the number of batches in an epoch, so that
the loss of a batch has that of all as its expectation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..graph import Graph, variable
from .cost import cost_terms
from .estimation_problem import EstimationProblem
from .losses import NoisyLikelihood
from .own_times import padded_values, real_times
from .program import Given, Integration, LossProgram
from .series import Series

__all__ = ["Targets", "TrajectoryBatches", "in_batches"]


@dataclass(frozen=True)
class Targets:
    """What trajectories are compared with.

    Attributes
    ----------
    arrays
        Array name → (trajectories, times, …): a variable's measured values, and as `share.NAME` the part that each of
        them has in the term; unmeasured places have none, and hold a measured value. The times' parts of a cost are
        in `share.`, and in `noise.NAME` the noise's parameter where each value has its own.
    """

    arrays: dict[str, np.ndarray]

    def __len__(self) -> int:
        return len(self.arrays["share."])

    @classmethod
    def of(cls, problem: EstimationProblem, series: Sequence[Series]) -> Targets:
        """Those of these trajectories."""
        arrays = {"share.": _shares(real_times([len(s.times) for s in series]))}
        for name in problem.observations.names:
            values = padded_values([s.values[name] for s in series])
            mask = np.isfinite(values)
            if mask.any():
                # No loss function meets a number outside its domain at unmeasured places.
                arrays |= {name: np.where(mask, values, values[mask][0]), f"share.{name}": _shares(mask)}
                loss = problem.loss.of_variable(name)
                own = loss.sigma.get(name) if isinstance(loss, NoisyLikelihood) else None
                if isinstance(own, str):
                    arrays[f"noise.{name}"] = np.where(mask, padded_values([s.beside[own] for s in series]), 1.0)
        return cls(arrays)

    def chosen(self, rows: np.ndarray) -> dict[str, np.ndarray]:
        """Those of some trajectories, whose shares make up for all."""
        more = len(self) / len(rows)
        return {n: v[rows] * more if n.startswith("share.") else v[rows] for n, v in self.arrays.items()}


def _shares(mask: np.ndarray) -> np.ndarray:
    return mask / mask.sum()


class TrajectoryBatches:
    """Trajectories in a new order every epoch, as an engine takes them; see `unideq.objective.program.Batches`."""

    follows_theta = False

    def __init__(self, targets: Targets, size: int, seed: Sequence[int]) -> None:
        self.targets, self.size, self.seed = targets, size, tuple(seed)

    def __call__(self, iteration: int, theta: np.ndarray | None = None) -> list[dict[str, np.ndarray]]:
        """The data of one iteration; none of its trajectories comes twice."""
        count = len(self.targets)
        epoch, place = divmod(iteration, count // self.size)
        order = np.random.default_rng([*self.seed, epoch]).permutation(count)
        rows = np.sort(order[place * self.size : (place + 1) * self.size])
        return [{"rows": rows.astype(float)}, self.targets.chosen(rows)]


def in_batches(problem: EstimationProblem, integration: Integration, targets: Targets, size: int) -> LossProgram:
    """The program that solves that many of an integration's trajectories at a time."""
    rows = np.arange(size)
    solved = replace(integration, data={"rows": rows.astype(float)})
    given = Given("target", targets.chosen(rows))
    theta = problem.theta()
    arrays: dict[str, Any] = {name: variable(name, shape) for name, shape in {**solved.shapes, **given.shapes}.items()}
    terms: dict[str, Any] = {}
    measured = [n for n in problem.observations.names if n in targets.arrays]
    for name in measured:
        predicted, target = arrays[f"solve.observed.{name}"], arrays[f"target.{name}"]
        cost = problem.misfits(name, predicted, target, theta, arrays.get(f"target.noise.{name}"))
        terms[name] = _sum(cost, arrays[f"target.share.{name}"])
    counts = {n: int(np.count_nonzero(targets.arrays[f"share.{n}"])) for n in measured}
    weights = problem.term_weights(counts)
    for name, goal in problem.costs.items():
        values = arrays[f"solve.cost.{name}"]
        if goal.over == "times":
            shares = arrays["target.share."]
            each = values.size // shares.size
            terms[name] = _sum(values, shares.reshape(*shares.shape, *(1,) * (values.ndim - 2)) * (1.0 / each))
        else:
            terms |= cost_terms(problem.costs, {name: values})
        weights[name] = goal.weight
    more, extra = problem.extra_terms(theta, {})
    loss = Graph((*arrays.values(), theta), {**terms, **more})
    return LossProgram((solved, given), loss, {**weights, **extra})


def _sum(values: Any, shares: Any) -> Any:
    return np.sum(np.where(shares > 0, values, 0.0) * shares)
