"""`Unrolled`: roll a stepper out over short windows of the data, compare every step, learn through the steps.

The three trainings of List, Chen, Bali & Thuerey (2024, arXiv:2402.12971): WIG (`gradient="full"`), NOG (`"none"`), ONE
(`"one_step"`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import ClassVar

import numpy as np

from ..checks import choice, flag, known_arguments, number, settle, whole
from ..errors import DataError, OptionError
from ..stored import stored
from .black_box import HostRollouts, black_box_graph, black_box_points, check_black_box, is_black_box
from .comparison import compared, masked, stepper_of
from .curriculum import stages
from .estimation_problem import EstimationProblem
from .objective import Evaluate, Objective
from .observations import Observations
from .program import Batches, Given, LossProgram, Pointwise, Rollout, Source
from .windows import Shuffled, Snapshots, WindowBatch, WindowSource, step_ratio

__all__ = ["GRADIENTS", "Unrolled", "WindowBatches"]

GRADIENTS = ("full", "none", "one_step")
COUPLINGS = ("prediction", "parallel", "sequential")
VALIDATION = 64
"""Least number of windows that a mini-batch training is judged by."""


@stored
@known_arguments
@dataclass(frozen=True)
class Unrolled(Objective):
    """Misfit of rollouts of `steps` snapshots, started at every (stride-th) snapshot of the data.

    Parameters
    ----------
    steps
        Unroll length m: snapshots of the data that a window compares with.
    gradient
        `full`: back-propagate through all steps (WIG). `none`: the state is detached after every step, the loss is on
        all (NOG). `one_step`: every step starts from the true state (ONE).
    coupling
        `prediction`, `parallel` or `sequential`: train the stepper with that coupling of its correction instead of its
        own. None: its own.
    warmup
        Snapshots rolled out without gradient and loss before those that count.
    curriculum
        Triples (m, iterations, learning rate): Adam phases with growing unroll lengths, instead of `phases=`.
    batch
        Windows a mini-batch; None: all windows in every iteration (deterministic, so BFGS works).
    checkpoint
        Whether reverse mode keeps O(√m) states instead of all.
    stride
        Snapshots between the starts of two windows.
    seed
        Of the order of the windows. The batch of an iteration depends on it and on the iteration alone.

    Notes
    -----
    Where the data's spacing is k steps of the stepper, a window has m·k steps and every k-th state is compared;
    `none` detaches after every step of the stepper.

    Examples
    --------
    >>> import unideq as ude
    >>> ude.Unrolled(steps=8, gradient="none", batch=16).gradient
    'none'
    >>> ude.Unrolled(curriculum=[(1, 500, 1e-3), (4, 500, 1e-4)]).stages()[1][0].steps
    4
    """

    kind: ClassVar[str] = "unrolled"
    steps: int = 4
    gradient: str = "full"
    coupling: str | None = None
    warmup: int = 0
    curriculum: tuple[tuple[int, int, float], ...] | None = None
    batch: int | None = None
    checkpoint: bool = False
    stride: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        settle(self, choice, "gradient", choices=GRADIENTS)
        settle(self, choice, "coupling", choices=COUPLINGS, none=True)
        settle(self, whole, "steps", "stride", least=1)
        settle(self, whole, "warmup", "seed", least=0)
        settle(self, whole, "batch", least=1, none=True)
        settle(self, flag, "checkpoint")
        if self.warmup and self.gradient == "one_step":
            raise OptionError('`gradient="one_step"` starts every step from the true state: there is no `warmup`.')
        if self.curriculum is not None:
            count = partial(whole, name="steps", least=1)
            words = (count, count, partial(number, name="learning rate", above=0))
            needs = (
                "triples (steps >= 1, iterations >= 1, learning rate > 0), such as `[(1, 500, 1e-3), (4, 500, 1e-4)]`"
            )
            settle(self, stages, "curriculum", words=words, needs=needs, least=1)

    @property
    def window(self) -> int:
        """Snapshots a window: the start, those of the warm-up and those compared."""
        return self.warmup + self.steps + 1

    def stages(self) -> list[tuple[Unrolled, int, float]]:
        """The curriculum as (objective, iterations, learning rate)."""
        return [(replace(self, steps=m, curriculum=None), n, rate) for m, n, rate in self.curriculum or ()]

    # ---- windows ----------------------------------------------------------------------------------------------

    def windows(self, problem: EstimationProblem, salt: int = 0) -> WindowSource:
        """The training windows in their shuffled order; `salt` makes another order of the same windows."""
        model, observations, seed = stepper_of(problem), problem.observations, (self.seed, salt)
        if observations.stream is not None:
            source: WindowSource = observations.stream.windows(self.window, self.stride, self.warmup, seed)
        else:
            snapshots = Snapshots.of(model, observations)
            source = Shuffled(snapshots, snapshots.window_starts(self.window, self.stride), self.window, seed)
        if not source.count:
            self._none_left(observations)
        return source

    def held_windows(self, problem: EstimationProblem, everything: Observations, salt: int = 0) -> WindowSource | None:
        """Windows whose compared snapshots are all held out (`problem` has the training measurements); None: none."""
        seed = (self.seed, salt)
        if problem.observations.stream is not None:
            held = problem.observations.stream.held
            source: WindowSource | None = None if held is None else held.windows(self.window, 1, self.warmup, seed)
            return source if source is not None and source.count else None
        snapshots = Snapshots.of(stepper_of(problem), everything)
        trained = [len(s.times) for s in problem.observations.series]
        since = [  # the first window whose compared snapshots are all held out; none where nothing is
            n if n == whole else max(0, n - 1 - self.warmup)
            for n, whole in zip(trained, snapshots.lengths, strict=True)
        ]
        starts = snapshots.window_starts(self.window, 1, since)
        return Shuffled(snapshots, starts, self.window, seed) if len(starts) else None

    def _none_left(self, observations: Observations) -> None:
        if observations.stream is not None:
            longest, count = "a trajectory", observations.stream.length
        else:
            best = max(observations.series, key=lambda s: len(s.times))
            longest = f"the longest of {len(observations)} training trajectories ({best.label!r})"
            count = len(best.times)
        raise DataError(
            f"Curriculum with no batch left: `steps={self.steps}`{f' and `warmup={self.warmup}`' * bool(self.warmup)} "
            f"need windows of {self.window} snapshots, but {longest} has {count}. Use fewer steps, hold out less, or "
            "give longer trajectories."
        )

    # ---- programs ---------------------------------------------------------------------------------------------

    def build(self, problem: EstimationProblem) -> LossProgram:
        """The program on all windows, or on the first mini-batch."""
        source = self.windows(problem)
        return self.program(problem, source.take(0, self._size(source)))

    def batches(self, problem: EstimationProblem, evaluate: Evaluate, salt: int = 0) -> Batches | None:
        """Fresh windows for every iteration; None where all iterations see the same data."""
        follows = is_black_box(stepper_of(problem)) and self.gradient == "none"
        if self.batch is None and not follows:
            return None
        source = self.windows(problem, salt)
        if follows:
            return HostRollouts(self, problem, evaluate, source, self._size(source))
        return WindowBatches(self, problem, source, self._size(source))

    def validation(self, problem: EstimationProblem, everything: Observations) -> WindowBatch:
        """The fixed windows by which mini-batch training is judged: held-out ones if there are, else training ones."""
        source = self.held_windows(problem, everything, salt=_VALIDATION_SALT)
        source = source or self.windows(problem, salt=_VALIDATION_SALT)
        return source.take(0, min(source.count, max(VALIDATION, self.batch or 0)))

    def _size(self, source: WindowSource) -> int:
        return source.count if self.batch is None else min(self.batch, source.count)

    def check(self, problem: EstimationProblem) -> None:
        """Complain about what can't be trained this way, before anything is compiled."""
        if is_black_box(stepper_of(problem)):
            check_black_box(self, problem)
        self.windows(problem)

    def program(self, problem: EstimationProblem, windows: WindowBatch) -> LossProgram:
        """The program on given windows (of a black-box step: with states visited at no θ in particular)."""
        model = stepper_of(problem)
        data, targets = self.data(problem, windows)
        if is_black_box(model):
            source: Source = Pointwise("roll", black_box_graph(problem), data)
        else:
            ratio = step_ratio(model.dt, problem.observations.series)
            source = Rollout(
                "roll",
                problem.rebased(model.step),
                problem.observe_graph(with_states=False),
                data,
                model.dt,
                ratio * (1 if self.gradient == "one_step" else self.steps),
                ratio,
                ratio * self.warmup,
                "none" if self.gradient == "none" else "full",
                self.checkpoint,
            )
        return compared(problem, source, Given("target", targets))

    def data(self, problem: EstimationProblem, windows: WindowBatch) -> list[dict[str, np.ndarray]]:
        """What the program's two sources hold: where the windows' rollouts start, and what they are compared with."""
        model = stepper_of(problem)
        lead = (-1,) if is_black_box(model) else (-1, 1) if self.gradient == "one_step" else None
        targets: dict[str, np.ndarray] = {}
        for name, values in windows.values.items():
            later = values[:, 1 + self.warmup :]
            targets.update(masked(problem, name, later if lead is None else later.reshape(*lead, *later.shape[2:])))
        if self.gradient != "one_step":
            starts = {"start": windows.states[:, 0], "t": windows.start}
            if windows.conditions is not None:
                starts["c"] = windows.conditions
            return [black_box_points(model, starts, self.steps) if is_black_box(model) else starts, targets]
        gap = next(s.times[1] - s.times[0] for s in problem.observations.series if len(s.times) > 1)
        times = windows.start[:, None] + model.dt * round(gap / model.dt) * np.arange(self.steps)
        starts = {"start": windows.states[:, :-1].reshape(-1, windows.states.shape[-1]), "t": times.reshape(-1)}
        if windows.conditions is not None:
            starts["c"] = np.repeat(windows.conditions, self.steps, axis=0)
        return [black_box_points(model, starts, 1) if is_black_box(model) else starts, targets]


_VALIDATION_SALT = 1_000_003


class WindowBatches:
    """Shuffled windows as an engine takes them; see `unideq.objective.program.Batches`."""

    follows_theta = False

    def __init__(self, objective: Unrolled, problem: EstimationProblem, source: WindowSource, size: int) -> None:
        self.objective, self.problem, self.source, self.size = objective, problem, source, size

    def __call__(self, iteration: int, theta: np.ndarray | None = None) -> list[dict[str, np.ndarray]]:
        """The data of one iteration."""
        return self.objective.data(self.problem, self.source.take(iteration * self.size, self.size))
