"""`Unrolled`: roll a stepper out over short windows of the data, compare every step, learn through the steps.

The three trainings of List, Chen, Bali & Thuerey (2024, arXiv:2402.12971): WIG (`gradient="full"`), NOG (`"none"`), ONE
(`"one_step"`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar

import numpy as np

from ..checks import choice, flag, known_arguments, number, settle, whole
from ..errors import DataError, OptionError
from ..stored import stored
from .black_box import HostRollouts, black_box_graph, black_box_points, check_black_box, is_black_box
from .comparison import compared, masked, stepper_of
from .curriculum import stages
from .estimation_problem import EstimationProblem
from .objective import Evaluate
from .observations import Observations
from .program import Batches, Given, LossProgram, Pointwise, Rollout, Source
from .spectral import check_spectral
from .windowed import Windowed
from .windows import Snapshots, WindowBatch, step_ratio

__all__ = ["GRADIENTS", "Unrolled"]

GRADIENTS = ("full", "none", "one_step")
COUPLINGS = ("prediction", "parallel", "sequential")


@stored
@known_arguments
@dataclass(frozen=True)
class Unrolled(Windowed):
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
    spectral
        Weight of the misfit of the compared fields' spectra, as of `APriori`.

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
    solves: ClassVar[bool] = False
    steps: int = 4
    gradient: str = "full"
    coupling: str | None = None
    warmup: int = 0
    curriculum: tuple[tuple[int, int, float], ...] | None = None
    batch: int | None = None
    checkpoint: bool = False
    stride: int = 1
    seed: int = 0
    spectral: float = 0.0

    def __post_init__(self) -> None:
        settle(self, choice, "gradient", choices=GRADIENTS)
        settle(self, choice, "coupling", choices=COUPLINGS, none=True)
        settle(self, whole, "steps", "stride", least=1)
        settle(self, whole, "warmup", "seed", least=0)
        settle(self, whole, "batch", least=1, none=True)
        settle(self, flag, "checkpoint")
        settle(self, number, "spectral", least=0)
        if self.warmup and self.gradient == "one_step":
            raise OptionError('`gradient="one_step"` starts every step from the true state: there is no `warmup`.')
        if self.curriculum is not None:
            count = partial(whole, name="steps", least=1)
            words = (count, count, partial(number, name="learning rate", above=0))
            needs = (
                "triples (steps >= 1, iterations >= 1, learning rate > 0), such as `[(1, 500, 1e-3), (4, 500, 1e-4)]`"
            )
            settle(self, stages, "curriculum", words=words, needs=needs, least=1)

    def stored_values(self) -> dict[str, Any]:
        """The settings; `spectral` came later, and files without it say what they said."""
        return {n: v for n, v in super().stored_values().items() if n != "spectral" or v}

    @property
    def window(self) -> int:
        """Snapshots a window: the start, those of the warm-up and those compared."""
        return self.warmup + self.steps + 1

    @property
    def before(self) -> int:
        return 1 + self.warmup

    def stages(self) -> list[tuple[Unrolled, int, float]]:
        """The curriculum as (objective, iterations, learning rate)."""
        return [(replace(self, steps=m, curriculum=None), n, rate) for m, n, rate in self.curriculum or ()]

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

    def batches(self, problem: EstimationProblem, evaluate: Evaluate, salt: int = 0) -> Batches | None:
        if not self.follows(problem):
            return super().batches(problem, evaluate, salt)
        source = self.windows(problem, salt)
        return HostRollouts(self, problem, evaluate, source, self.size(source))

    def follows(self, problem: EstimationProblem) -> bool:
        """Whether its data are the states that rollouts visit at the current parameters."""
        return self.gradient == "none" and is_black_box(stepper_of(problem))

    def check(self, problem: EstimationProblem) -> None:
        """Complain about what can't be trained this way, before anything is compiled."""
        if is_black_box(stepper_of(problem)):
            check_black_box(self, problem)
        if self.spectral:
            check_spectral(problem, problem.observations.names, "Unrolled")
        self.windows(problem)

    def snapshots(self, problem: EstimationProblem, observations: Observations) -> Snapshots:
        return Snapshots.of(stepper_of(problem), observations)

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
        spectra = check_spectral(problem, problem.observations.names, "Unrolled") if self.spectral else ()
        return compared(problem, source, Given("target", targets), None, dict.fromkeys(spectra, self.spectral))

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
