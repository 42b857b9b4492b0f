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
from .alternatives import Alternatives
from .cost import cost_terms
from .estimation_problem import EstimationProblem
from .losses import NoisyLikelihood
from .own_times import padded_values, real_times
from .program import Given, Integration, LossProgram, Source
from .series import Series

__all__ = ["Targets", "TrajectoryBatches", "in_batches"]


@dataclass(frozen=True)
class Targets:
    """What trajectories are compared with.

    Attributes
    ----------
    arrays
        Array name → (trajectories, times, …): of a variable, and of each kind of its measured values (`exact`, or
        beyond a limit), what is known of them, `KIND.PLACE.NAME`, and as `share.KIND.NAME` the part that each has in
        the term; other places have none, and hold a value of that kind. The times' parts of a cost are in `share.`, and
        in `noise.NAME` the noise's parameter where each value has its own. Of rankings, `share.NAME` (trajectories,) is
        what each trajectory counts, `mean.` (trajectories, times) what a time counts in its mean.
    kinds
        Variable → its kinds, and how many arrays each has.
    counts
        Variable → number of measured values.
    alternatives
        What is solved besides; None: nothing.
    """

    arrays: dict[str, np.ndarray]
    kinds: dict[str, dict[str, int]]
    counts: dict[str, int]
    alternatives: Alternatives | None = None

    def __len__(self) -> int:
        return len(self.arrays["share."])

    @classmethod
    def of(cls, problem: EstimationProblem, rows: Sequence[tuple[int, Series]]) -> Targets:
        """Those of these trajectories, (index, part that counts)."""
        series = [s for _, s in rows]
        arrays = {"share.": _shares(real_times([len(s.times) for s in series]))}
        kinds: dict[str, dict[str, int]] = {}
        counts = {}
        for name in problem.observations.names:
            values = padded_values([s.values[name] for s in series])
            mask = np.isfinite(values)
            if not mask.any():
                continue
            loss = problem.loss.of_variable(name)
            beside = {
                n: padded_values([s.beside[n] for s in series]) for n, of in problem.loss.beside.items() if name in of
            }
            counts[name], kinds[name] = int(mask.sum()), {}
            for kind, (kept, known) in loss.kinds_of(name, values, beside).items():
                kinds[name][kind] = len(known)
                arrays[f"share.{kind}.{name}"] = kept / mask.sum()
                # No loss function meets a number outside its domain at other places.
                arrays |= {f"{kind}.{k}.{name}": np.where(kept, a, a[kept][0]) for k, a in enumerate(known)}
            own = loss.sigma.get(name) if isinstance(loss, NoisyLikelihood) else None
            if isinstance(own, str):
                arrays[f"noise.{name}"] = np.where(mask, beside[own], 1.0)
        trained = {n: r for n, r in problem.rankings.items() if r.weight}
        if not trained:
            return cls(arrays, kinds, counts)
        alternatives = Alternatives.of(problem, rows, trained, alike=True)
        arrays |= {f"share.{n}": alternatives.share(n) for n in trained}
        return cls({**arrays, "mean.": alternatives.counted()}, kinds, counts, alternatives)

    def chosen(self, rows: np.ndarray) -> dict[str, np.ndarray]:
        """Those of some trajectories, whose shares make up for all."""
        more = len(self) / len(rows)
        return {n: v[rows] * more if n.startswith("share.") else v[rows] for n, v in self.arrays.items()}

    def solves(self, rows: np.ndarray) -> list[dict[str, np.ndarray]]:
        """Which alternatives are solved for these trajectories: the data of their source, where there is one."""
        if self.alternatives is None:
            return []
        each = self.alternatives.each
        return [{"rows": (rows[:, None] * each + np.arange(each)).ravel().astype(float)}]


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
        return [{"rows": rows.astype(float)}, self.targets.chosen(rows), *self.targets.solves(rows)]


def in_batches(
    problem: EstimationProblem, integration: Integration, targets: Targets, size: int, before: Sequence[Source] = ()
) -> LossProgram:
    """The program that solves that many of an integration's trajectories at a time; `before`: sources that it reads."""
    rows = np.arange(size)
    solved = replace(integration, data={"rows": rows.astype(float)})
    given = Given("target", targets.chosen(rows))
    theta = problem.theta()
    besides = [
        replace(targets.alternatives.integration(), data=d) for d in targets.solves(rows) if targets.alternatives
    ]
    shapes = {n: shape for source in (*before, solved, given, *besides) for n, shape in source.shapes.items()}
    arrays: dict[str, Any] = {name: variable(name, shape) for name, shape in shapes.items()}
    terms: dict[str, Any] = {}
    for name, kinds in targets.kinds.items():
        predicted, own = arrays[f"solve.observed.{name}"], arrays.get(f"target.noise.{name}")
        noise = problem.noise(theta, name) if own is None else own
        loss, scale, total = problem.loss.of_variable(name), problem.scales[name], None
        for kind, count in kinds.items():
            known = [arrays[f"target.{kind}.{k}.{name}"] for k in range(count)]
            part = _sum(loss.cost_of_kind(kind, predicted, known, scale, noise), arrays[f"target.share.{kind}.{name}"])
            total = part if total is None else total + part
        terms[name] = total
    weights = problem.term_weights(targets.counts)
    for name, goal in problem.costs.items():
        values = arrays[f"solve.cost.{name}"]
        if goal.over == "times":
            shares = arrays["target.share."]
            each = values.size // shares.size
            terms[name] = _sum(values, shares.reshape(*shares.shape, *(1,) * (values.ndim - 2)) * (1.0 / each))
        else:
            terms |= cost_terms(problem.costs, {name: values})
        weights[name] = goal.weight
    if (made := targets.alternatives) is not None:
        shares = np.repeat(arrays["target.mean."], made.each, axis=0)  # type: ignore[call-overload]
        found = made.effects({f"effect.{n}": arrays[f"{besides[0].name}.effect.{n}"] for n in made.rankings}, shares)
        terms |= made.terms(found, {n: arrays[f"target.share.{n}"] for n in made.rankings})
        weights |= {n: r.weight for n, r in made.rankings.items()}
    more, extra = problem.extra_terms(theta, {})
    loss = Graph((*arrays.values(), theta), {**terms, **more})
    return LossProgram((*before, solved, given, *besides), loss, {**weights, **extra})


def _sum(values: Any, shares: Any) -> Any:
    return np.sum(np.where(shares > 0, values, 0.0) * shares)
