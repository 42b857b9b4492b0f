"""`Trajectory`: solve (or roll out) from the initial state to the last measurement, compare everywhere."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import ClassVar

import numpy as np

from ..checks import known_arguments, number, refused, settle, whole
from ..errors import DataError, OptionError
from ..graph import Graph, variable
from ..stored import stored
from .alternatives import with_rankings
from .curriculum import stages
from .encoded import EncodedBatches, encoded_program
from .estimation_problem import EstimationProblem
from .full_rollout import full_rollout
from .objective import Evaluate, Objective
from .own_times import padded, real_times
from .program import Batches, LossProgram
from .series import Series
from .trajectory_batches import Targets, TrajectoryBatches, in_batches

__all__ = ["Trajectory"]


@stored
@known_arguments
@dataclass(frozen=True)
class Trajectory(Objective):
    """Misfit of whole solutions from the (estimated) initial state; of a stepper, of rollouts from the first snapshot.

    Parameters
    ----------
    horizon
        Only measurements up to this time after each trajectory's start count; None: all.
    curriculum
        Growing horizons, as pairs (horizon, iterations): they take their iterations from the first phases that use this
        objective, then the full horizon follows.
    batch
        Trajectories a mini-batch, for Adam, AdamW and SOAP; None: all in every iteration.
    seed
        Of the order of the mini-batches: the trajectories of an iteration depend on it and on the iteration alone.

    Notes
    -----
    In expectation over batches, their loss and its gradient are those of all trajectories. What counts as best is
    judged at reports, on all of them, or on what is held out. Those of an epoch that fill no batch wait for the next.
    """

    kind: ClassVar[str] = "trajectory"
    horizon: float | None = None
    curriculum: tuple[tuple[float, int], ...] = ()
    batch: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        settle(self, whole, "batch", least=1, none=True)
        settle(self, whole, "seed", least=0)
        settle(self, number, "horizon", above=0, none=True)
        words = (partial(number, name="horizon", above=0), partial(whole, name="iterations", least=1))
        needs = "pairs (horizon > 0, iterations >= 1), such as `[(1.0, 200), (5.0, 200)]`"
        settle(self, stages, "curriculum", words=words, needs=needs)
        if self.horizon is not None and any(h > self.horizon for h, _ in self.curriculum):
            needs = f"horizons that grow up to its `horizon`, {self.horizon:g}"
            raise refused(self.curriculum, "curriculum", "Trajectory", needs)

    def stages(self, iterations: int) -> list[tuple[Trajectory, int]]:
        """How a phase of that many iterations divides between horizons; what remains runs on the full one."""
        result, left = [], iterations
        for horizon, count in self.curriculum:
            count = min(count, left)
            if count:
                result.append((replace(self, horizon=horizon, curriculum=()), count))
            left -= count
        if left:
            result.append((replace(self, curriculum=()), left))
        return result

    def _within(self, s: Series) -> Series:
        """The part of a trajectory that lies within the horizon."""
        if self.horizon is None:
            return s
        # A measurement at the horizon itself counts, whatever rounding did to its time.
        slack = 1e-9 * max(abs(s.start), self.horizon)
        return s.select(s.times <= s.start + self.horizon + slack)

    def check(self, problem: EstimationProblem) -> None:
        """Models of all kinds have trajectories; whole ones are solved, so they must be in memory."""
        if problem.loss.whole and self.horizon is not None:
            raise OptionError("`SeriesLoss` sees whole series: take `Trajectory()` without `horizon` and `curriculum`.")
        if problem.observations.stream is not None:
            raise OptionError(
                "`Trajectory` needs all data in memory, and these are a `Stream`. Use `Unrolled(...)`, or load them: "
                "`data.load()`."
            )
        if self.batch is not None and not problem.model.continuous_in_time:
            raise OptionError(
                f"`Trajectory(batch={self.batch})` is for models continuous in time. Mini-batches of a stepper are "
                f"windows: `Unrolled(batch={self.batch})`."
            )
        if self.batch is not None and problem.loss.whole:
            raise OptionError(
                f"`Trajectory(batch={self.batch})` compares measurements one by one, and `SeriesLoss` is of whole "
                "series. Leave out `batch`, or take another loss."
            )

    def _rows(self, problem: EstimationProblem) -> list[tuple[int, Series]]:
        """(index, compared part) of what is solved: no trajectory without a measurement, be it held out altogether."""
        rows = [(i, s) for i, s in enumerate(map(self._within, problem.observations.series)) if len(s.times)]
        if not rows:
            raise DataError(f"A horizon of {self.horizon:g} leaves no measurement. Lengthen it.")
        if self.horizon is not None and not any((s.times > s.start).any() for _, s in rows):
            later = [s.times[s.times > s.start] - s.start for s in problem.observations.series]
            first = min((float(t[0]) for t in later if len(t)), default=np.inf)
            raise DataError(
                f"A horizon of {self.horizon:g} reaches no measurement after a trajectory's start, so nothing but "
                f"initial values could be trained. The first comes {first:g} later: lengthen the horizon."
            )
        return rows

    def batches(self, problem: EstimationProblem, evaluate: Evaluate, salt: int = 0) -> Batches | None:
        encoded, drawn = problem.rows_read is not None, getattr(problem.model, "variational", False)
        rows = self._rows(problem) if self.batch is not None or drawn else []
        size = min(self.batch or len(rows), len(rows))
        if not drawn and size == len(rows):
            return None
        if encoded:
            return EncodedBatches(problem, rows, size, (self.seed, salt))
        return TrajectoryBatches(Targets.of(problem, rows), size, (self.seed, salt))

    def build(self, problem: EstimationProblem) -> LossProgram:
        rows = self._rows(problem)
        if not problem.model.continuous_in_time:
            return full_rollout(problem, rows)
        if problem.rows_read is not None:
            return encoded_program(problem, rows, self.batch)
        kept = [s for _, s in rows]
        theta = problem.theta()
        initial = problem.initial_states(theta)
        if len(rows) < len(problem.observations):
            initial = initial[[i for i, _ in rows]]
        integration = problem.integration(
            "`Trajectory`",
            initial,
            [i for i, _ in rows],
            np.array([s.start for s in kept]),
            padded([s.times for s in kept]),
        )
        if self.batch is not None and self.batch < len(rows):
            return in_batches(problem, integration, Targets.of(problem, rows), self.batch)
        arrays = {name: variable(name, shape) for name, shape in integration.shapes.items()}
        predicted = {n: arrays[f"solve.observed.{n}"] for n in problem.observations.names}
        terms, weights = problem.data_terms(predicted, kept, theta)
        counted = real_times([len(s.times) for s in kept])
        more, extra = problem.extra_terms(theta, {n: arrays[f"solve.cost.{n}"] for n in problem.costs}, counted)
        loss = Graph((*arrays.values(), theta), {**terms, **more})
        return with_rankings(problem, LossProgram((integration,), loss, {**weights, **extra}), rows)
