"""What objectives on short windows of the data share: which windows there are, mini-batches of them, and programs."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import replace
from typing import ClassVar

import numpy as np

from ..errors import DataError
from .estimation_problem import EstimationProblem
from .objective import Evaluate, Objective
from .observations import Observations
from .program import Batches, LossProgram
from .windows import Shuffled, Snapshots, WindowBatch, WindowSource

__all__ = ["Variation", "WindowBatches", "Windowed"]

Variation = Callable[[WindowBatch, tuple[int, ...]], WindowBatch]

VALIDATION_SALT = 1_000_003


class Windowed(Objective):
    """Base of `Unrolled` and `APriori`: windows of `before` + some compared snapshots, all or a batch an iteration."""

    batch: int | None
    seed: int
    stride: int = 1
    """Snapshots between the starts of two windows."""
    judged_by: ClassVar[int] = 64
    """Least number of windows that a mini-batch training is judged by."""

    @property
    @abstractmethod
    def window(self) -> int:
        """Snapshots a window."""

    @property
    @abstractmethod
    def before(self) -> int:
        """Those of them, the first ones, that aren't compared."""

    @abstractmethod
    def program(self, problem: EstimationProblem, windows: WindowBatch) -> LossProgram:
        """The program on given windows."""

    @abstractmethod
    def data(self, problem: EstimationProblem, windows: WindowBatch) -> list[dict[str, np.ndarray]]:
        """What the program's two sources hold: where the windows begin, and what they are compared with."""

    @abstractmethod
    def snapshots(self, problem: EstimationProblem, observations: Observations) -> Snapshots:
        """What windows are cut from."""

    def variation(self, problem: EstimationProblem) -> Variation | None:
        """How an iteration changes its windows; what it draws follows from its place (seed, salt, iteration) alone."""
        return None

    # ---- windows ----------------------------------------------------------------------------------------------

    def windows(self, problem: EstimationProblem, salt: int = 0) -> WindowSource:
        """The training windows in their shuffled order; `salt` makes another order of the same windows."""
        observations, seed = problem.observations, (self.seed, salt)
        if observations.stream is not None:
            source: WindowSource = observations.stream.windows(self.window, self.stride, self.before, seed)
        else:
            snapshots = self.snapshots(problem, observations)
            source = Shuffled(snapshots, snapshots.window_starts(self.window, self.stride), self.window, seed)
        if not source.count:
            self._none_left(observations)
        return source

    def held_windows(self, problem: EstimationProblem, everything: Observations, salt: int = 0) -> WindowSource | None:
        """Windows whose compared snapshots are all held out (`problem` has the training measurements); None: none."""
        seed = (self.seed, salt)
        if problem.observations.stream is not None:
            held = problem.observations.stream.held
            source: WindowSource | None = None if held is None else held.windows(self.window, 1, self.before, seed)
            return source if source is not None and source.count else None
        snapshots = self.snapshots(problem, everything)
        trained = [len(s.times) for s in problem.observations.series]
        since = [  # the first window whose compared snapshots are all held out; none where nothing is
            n if n == whole else max(0, n - self.before) for n, whole in zip(trained, snapshots.lengths, strict=True)
        ]
        starts = snapshots.window_starts(self.window, 1, since)
        return Shuffled(snapshots, starts, self.window, seed) if len(starts) else None

    def _none_left(self, observations: Observations) -> None:
        raise DataError(f"`{type(self).__name__}` has no snapshot left to train on. Hold out less.")

    # ---- programs ---------------------------------------------------------------------------------------------

    def build(self, problem: EstimationProblem) -> LossProgram:
        """The program on all windows, or on the first mini-batch."""
        source = self.windows(problem)
        return self.program(problem, source.take(0, self.size(source)))

    def batches(self, problem: EstimationProblem, evaluate: Evaluate, salt: int = 0) -> Batches | None:
        """Fresh windows for every iteration; None where all iterations see the same data."""
        if self.batch is None:
            return None
        source = self.windows(problem, salt)
        return WindowBatches(self, problem, source, self.size(source), salt)

    def validation(self, problem: EstimationProblem, everything: Observations) -> WindowBatch:
        """The fixed windows by which mini-batch training is judged: held-out ones if there are, else training ones."""
        source = self.held_windows(problem, everything, salt=VALIDATION_SALT)
        source = source or self.windows(problem, salt=VALIDATION_SALT)
        return source.take(0, min(source.count, max(self.judged_by, self.batch or 0)))

    def bare(self, problem: EstimationProblem) -> EstimationProblem:
        """The problem without goals besides the data, which windows are judged by."""
        return replace(problem, regulariser=None, costs={}, populations=False)

    def size(self, source: WindowSource) -> int:
        """Windows an iteration."""
        return source.count if self.batch is None else min(self.batch, source.count)


class WindowBatches:
    """Shuffled windows as an engine takes them; see `unideq.objective.program.Batches`."""

    follows_theta = False

    def __init__(
        self, objective: Windowed, problem: EstimationProblem, source: WindowSource, size: int, salt: int = 0
    ) -> None:
        self.objective, self.problem, self.source, self.size, self.salt = objective, problem, source, size, salt
        self.vary = objective.variation(problem)

    def __call__(self, iteration: int, theta: np.ndarray | None = None) -> list[dict[str, np.ndarray]]:
        """The data of one iteration."""
        windows = self.source.take(iteration * self.size, self.size)
        if self.vary is not None:
            windows = self.vary(windows, (self.objective.seed, self.salt, iteration))
        return self.objective.data(self.problem, windows)
