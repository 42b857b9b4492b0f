"""`BaseTrainer`: runs the stages of any fit on an engine, logs them, and can be stopped and resumed anywhere."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Callable, Iterable
from typing import Any, Generic, TypeVar

import numpy as np

from ..engine import Engine, Minimisation, OptimizerSettings, Report
from ..engine.soap_blocks import matrix_blocks
from ..errors import EngineError, UnideqError
from ..graph.location import warn_user
from ..model import Layout
from ..objective.program import Objective
from .interruption import deferred_interrupt
from .phase import SOAP
from .progress import Progress
from .record import Record
from .stage import Stage

__all__ = ["SAVE_EVERY", "BaseTrainer", "last_rejections"]

SAVE_EVERY = 5.0
"""Least number of seconds between two checkpoints."""

R = TypeVar("R", bound=Record)


class BaseTrainer(Generic[R]):
    """One fit on one engine: what the fits of all kinds of models share.

    Attributes
    ----------
    stages
        What to run, in order.
    save
        Called with the record at checkpoints; None: no checkpoints.
    callback
        Called with every due `Report`; returning False stops the fit.
    """

    def __init__(
        self,
        engine: Engine,
        stages: list[Stage],
        report_every: int,
        save: Callable[[R], None] | None = None,
        callback: Callable[[Report], Any] | None = None,
    ) -> None:
        self.engine, self.stages, self.report_every = engine, stages, report_every
        self.save, self.callback = save, callback
        self._last_save = 0.0
        self._stage_failed = False

    # ---- what differs -----------------------------------------------------------------------------------------

    @property
    @abstractmethod
    def layout(self) -> Layout:
        """Of the full θ."""

    @abstractmethod
    def start(self) -> R:
        """A fresh record: networks drawn for every seed, everything else at its guess."""

    @abstractmethod
    def header(self, record: R) -> str:
        """One line that says who computes what, how."""

    @abstractmethod
    def _run_stage(self, record: R, stage: Stage, bar: Progress, began: float) -> str | None:
        """Run one stage, or what is left of it; why it was stopped, or None."""

    @abstractmethod
    def _why_gave_up(self, record: R) -> str:
        """The status when all seeds have given up, with advice."""

    def _prepare(self, record: R) -> None:
        """What is made once a run."""

    def _conclude(self, record: R) -> None:
        """What is left to say about the record when the run is over, for whatever reason."""

    def tell(self, record: R, concerns: Iterable[str]) -> None:
        """Keep what a person should know among the events, and warn of it."""
        for concern in concerns:
            if concern not in record.events:
                record.events.append(concern)
                warn_user(concern[0].upper() + concern[1:])

    def _another_way(self, record: R, bar: Progress) -> bool:
        """Whether there is something else to try when all seeds gave up; the record is then ready for it."""
        return False

    # ---- run --------------------------------------------------------------------------------------------------

    def run(self, record: R, progress: bool, automatic: bool = False) -> R:
        """Run (or go on with) all stages; always returns the record, whatever happened.

        `automatic` allows another way (a stiff solver) when every seed gives up.
        """
        bar = Progress(progress, sum(s.iterations for s in self.stages), record.history.iterations, self.header(record))
        began = time.monotonic() - record.seconds
        self._prepare(record)
        record.status = "running"
        try:
            while record.stage < len(self.stages):
                stopped = self._run_stage(record, self.stages[record.stage], bar, began)
                if stopped:
                    record.status = stopped
                    break
                if self._all_gave_up(record):
                    if automatic and self._another_way(record, bar):
                        automatic = False
                        continue
                    record.status = self._why_gave_up(record)
                    break
                with deferred_interrupt():
                    self._next_stage(record)
            else:
                record.status = "finished"
        except KeyboardInterrupt:
            record.status = f"interrupted: after {record.history.iterations} iterations, by the keyboard"
        except EngineError as error:
            if not record.history.iterations:  # nothing is lost
                raise
            record.status = f"gave up: {error}; best parameters so far kept."
        finally:
            record.seconds = time.monotonic() - began
            bar.close()
        with deferred_interrupt():
            self._conclude(record)
            if self.save is not None:
                self._write(record, bar)
        return record

    def _next_stage(self, record: R) -> None:
        record.stage += 1
        record.iteration, record.state = 0, {}
        if record.stage < len(self.stages):
            record.theta = record.best_theta.copy()

    def _minimise(
        self,
        record: R,
        program: Objective,
        stage: Stage,
        report: Callable[[Report], bool],
        **options: Any,
    ) -> None:
        """The engine's loop from where the record stands; `options` are those of a `Minimisation`."""
        given = {**stage.phase.settings(), "iterations": stage.iterations}
        if isinstance(stage.phase, SOAP):
            given["blocks"] = matrix_blocks(self.layout)
        run = Minimisation(
            program,
            record.theta,
            OptimizerSettings(stage.phase.optimizer, given),
            free=self.layout.free_mask,
            decay=self.layout.mask("network"),
            state=record.state or None,
            **{"report_every": self.report_every, **options},
        )
        self.engine.minimise(run, report)

    def _is_due(self, r: Report, stage: Stage) -> bool:
        """Whether a report is one that decides the run: an engine reports more often where iterations are slow."""
        return r.iteration % self.report_every == 0 or r.iteration >= stage.iterations or not (r.finished == 0).any()

    def _note(self, record: R, r: Report) -> None:
        """Where the optimiser stands, and its logs."""
        record.theta = r.theta
        self._stage_failed = not np.isfinite(r.best_total).any()
        record.iteration, record.state = r.iteration, r.state
        record.finished = r.finished
        h = record.history
        h.total.append(r.total)
        h.terms.append(r.terms)
        h.weights.append(r.weights)
        h.gradient_norm.append(r.gradient_norm)
        h.learning_rate.append(r.learning_rate)
        h.rejected.append(r.rejected)
        h.stage.append(np.full(r.total.shape[1], record.stage))

    def _checkpoint(self, record: R, bar: Progress) -> None:
        """A checkpoint, where the last one is some seconds old."""
        if self.save is not None and time.monotonic() - self._last_save > SAVE_EVERY:
            self._write(record, bar)

    def _write(self, record: R, bar: Progress) -> None:
        """A checkpoint. A full disk must not cost what was learned: it is told, and training goes on."""
        assert self.save is not None
        try:
            self.save(record)
        except (OSError, UnideqError) as error:
            event = f"a checkpoint couldn't be written: {error}"
            if event not in record.events:
                record.events.append(event)
                bar.message(event)
        self._last_save = time.monotonic()

    def _all_gave_up(self, record: R) -> bool:
        return record.finished is not None and bool((record.finished == 2).all())

    def _engine_text(self, record: R) -> str:
        """`jax engine (jax 0.10.2)`."""
        versions = record.engine.get("versions", {})
        name = self.engine.name
        return f"{name} engine" + (f" ({name} {versions[name]})" if name in versions else "")


def last_rejections(record: Record) -> str:
    """In words, how the seeds gave up: of the seed that had the fewest rejected steps in a row at its end."""
    counts = []
    for row in record.history.joined(len(record.settings.seeds))["rejected"]:  # after its end a seed has none
        marked = np.flatnonzero(row)
        gaps = np.flatnonzero(np.diff(marked) > 1)
        counts.append(len(marked) - (gaps[-1] + 1 if len(gaps) else 0))
    known = {0: "no seed could begin", 1: "every seed stopped at a rejected step"}
    return known.get(min(counts), f"every seed had {min(counts)} rejected steps in a row")
