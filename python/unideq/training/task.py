"""`Task` and `Course`: what differs between kinds of model while they are trained; `Trainer` does the rest."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ..engine import Engine, Minimisation, Report
from ..errors import OptionError
from ..model import Layout
from ..objective.program import Batches, LossProgram
from ..optimise import Phase
from .stage import Stage

if TYPE_CHECKING:
    from ..objective import Observations
    from .record import Record
    from .settings import FitSettings

__all__ = ["Course", "Task", "last_rejections"]


class Task:
    """One model to train on one engine.

    Attributes
    ----------
    model, observations, settings
        What to train, on what, and how.
    engine
        Who computes.
    stages
        What to run, in order.
    problem
        What objectives build their programs from; here the model itself.
    failed
        Whether the latest report had no seed with a finite total.
    """

    problem: Any
    began: np.ndarray | None = None
    """θ (S, P) where training started, where that isn't `first_theta`."""

    def __init__(self, model: Any, observations: Observations | None, settings: FitSettings, engine: Engine) -> None:
        self.model, self.observations, self.settings, self.engine = model, observations, settings, engine
        self.stages: list[Stage] = settings.stages()
        self.failed = False
        self.problem = self._problem()

    def _problem(self) -> Any:
        for stage in self.stages:
            stage.objective.check(self.model)
        return self.model

    @property
    def layout(self) -> Layout:
        """Of the full θ."""
        return self.problem.layout

    @property
    def start(self) -> np.ndarray:
        """Where training started (S, P)."""
        return self.first_theta() if self.began is None else self.began

    def first_theta(self) -> np.ndarray:
        """Where training starts by itself (S, P): networks drawn for every seed, everything else at its guess."""
        return np.stack([self.problem.initial_theta(seed) for seed in self.settings.seeds])

    def check_phase(self, phase: Phase) -> None:
        """Refuse a phase that isn't for this kind of model."""
        if phase.on_host:
            raise OptionError(
                f"`{type(phase).__name__}` is for models continuous in time with parameters that spread over a "
                "population. Use another phase, such as `ude.BFGS(100)`."
            )

    # ---- start and end of a run -------------------------------------------------------------------------------

    def fresh(self, theta: np.ndarray) -> dict[str, Any]:
        """Fields of a record that starts at θ (S, P), besides those of all kinds."""
        return {}

    def begin(self, record: Record) -> list[str]:
        """What is decided for a fresh record; and what a person should know, in sentences with their remedy."""
        return []

    def prepare(self, record: Record) -> None:
        """What is made once a run."""

    def course(self, record: Record, stage: Stage) -> Course:
        """One stage of this task, from where the record stands."""
        return Course(self, record, stage)

    def leave(self, record: Record) -> None:
        """What a stage that is over hands to the next one, besides θ."""

    def another_way(self, record: Record) -> str | None:
        """What else there is to try when all seeds gave up, in words; the task is then ready for it."""
        return None

    def conclude(self, record: Record) -> list[str]:
        """What is left to say about a record when its run is over, for whatever reason."""
        return []

    # ---- words ------------------------------------------------------------------------------------------------

    def header(self, record: Record, engine: str, seeds: str) -> str:
        """One line that says who computes what, how; it begins with the engine, and says how many seeds there are."""
        return f"{engine}, {seeds}, {int(self.layout.free_mask.sum())} free numbers"

    def why_gave_up(self, record: Record, stage: Stage, tried: str) -> str:
        """Why all seeds gave up in a stage (`tried`: how), and what to do; follows `gave up: `."""
        return f"in {stage.label}, {tried} (infinite losses); best parameters so far kept. Try a smaller learning rate."


class Course:
    """One stage of a task: its program, what the engine's loop is given besides, and what becomes of its reports.

    Attributes
    ----------
    program, batches
        What is minimised, and fresh data for every iteration.
    options
        Further entries of the engine's `Minimisation`.
    """

    program: LossProgram
    batches: Batches | None

    def __init__(self, task: Task, record: Record, stage: Stage) -> None:
        self.task, self.record, self.stage = task, record, stage
        self.options: dict[str, Any] = {}
        self.build()

    def build(self) -> None:
        """Make the program."""
        objective, problem = self.stage.objective, self.task.problem
        self.program = objective.build(problem)
        self.batches = objective.batches(problem, self.task.engine.evaluate, self.record.stage)

    @property
    def free(self) -> np.ndarray:
        """(P,) bool: what of θ may move. Not spreads of populations: beside free deviations they have no best value."""
        layout = self.task.layout
        return layout.free_mask & ~layout.mask("spread")

    def minimise(self, run: Minimisation, report: Callable[[Report], bool]) -> None:
        """Run the optimiser, inside the engine."""
        self.task.engine.minimise(run, report)

    def until(self) -> int:
        """Prepare the next run of the engine's loop; the iteration of the stage at which it ends."""
        return self.stage.iterations

    def log(self, report: Report, due: bool) -> np.ndarray | None:
        """Keep what a report says; held-out totals (S,) where there are any. `due`: it is one that decides the run."""
        self.record.best_theta, self.record.best_total = report.best_theta, report.best_total
        return None

    def keep_best(self, total: np.ndarray) -> None:
        """The best θ of a stage with fresh data: by fixed data, never by the luckiest batch.

        Until one is finite there, the latest θ stands in, so that the next stage goes on from what was learned.

        Parameters
        ----------
        total
            Of the fixed data, at the record's θ (S,).
        """
        record, finite = self.record, np.isfinite(total)
        better = (finite & (total < record.best_total)) | ~np.isfinite(record.best_total)
        record.best_total = np.where(better & finite, total, record.best_total)
        record.best_theta = np.where(better[:, None], record.theta, record.best_theta)
        record.history.judged_iteration.append(record.history.iterations)
        record.history.judged_total.append(total)

    def hint(self) -> str | None:
        """Something to say during the stage."""
        return None

    def why_stop(self) -> str | None:
        """Why the fit is over after a report that decides the run, if it is."""
        return None


def last_rejections(record: Record) -> str:
    """In words, how the seeds gave up: of the seed that had the fewest rejected steps in a row at its end."""
    counts = []
    for row in record.history.joined(len(record.settings.seeds))["rejected"]:  # after its end a seed has none
        marked = np.flatnonzero(row)
        gaps = np.flatnonzero(np.diff(marked) > 1)
        counts.append(len(marked) - (gaps[-1] + 1 if len(gaps) else 0))
    known = {0: "no seed could begin", 1: "every seed stopped at a rejected step"}
    return known.get(min(counts), f"every seed had {min(counts)} rejected steps in a row")
