"""`Trainer`: runs the stages of a fit on an engine, logs them, and can be stopped and resumed anywhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np

from ..engine import Engine, Minimisation, Report
from ..errors import EngineError, OptionError, UnideqError
from ..graph.location import warn_user
from ..model import Layout
from ..objective import Observations
from ..optimise import check_engine, weight_matrices
from .interruption import deferred_interrupt
from .kind import kind_of
from .progress import Progress
from .record import Record
from .settings import FitSettings
from .stage import Stage
from .task import Course, last_rejections

__all__ = ["SAVE_EVERY", "Trainer"]

SAVE_EVERY = 5.0
"""Least number of seconds between two checkpoints."""


class Trainer:
    """One fit of a model of any kind on one engine.

    Parameters
    ----------
    model, observations, settings
        What to fit, to what (None where the model says it), and how.
    engine
        Who computes.
    save
        Called with the record at checkpoints; None: no checkpoints.
    callback
        Called with every due `Report`; returning False stops the fit.

    Attributes
    ----------
    task
        What is particular to the kind of model (`unideq.training.Task`).
    """

    def __init__(
        self,
        model: Any,
        observations: Observations | None,
        settings: FitSettings,
        engine: Engine,
        save: Callable[[Record], None] | None = None,
        callback: Callable[[Report], Any] | None = None,
    ) -> None:
        self.task = kind_of(model).task(model, observations, settings, engine)
        self.engine, self.stages, self.report_every = engine, self.task.stages, settings.report_every
        self.save, self.callback = save, callback
        self._last_save = 0.0
        for stage in self.stages:
            check_engine(stage.phase, engine.name)
            stage.phase.paced(self.task.layout)
            self.task.check_phase(stage.phase)
            _check_precision(stage, model)

    def start(self, begin: Callable[[Layout, np.ndarray], np.ndarray] | None = None) -> Record:
        """A fresh record: networks drawn for every seed, everything else at its guess.

        `begin`: what makes another start of that one (S, P), by the layout of θ.
        """
        task = self.task
        theta = task.first_theta()
        if begin is not None:
            task.began = theta = begin(task.layout, theta)
        values: dict[str, Any] = {"best_theta": theta.copy(), "best_total": np.full(len(theta), np.inf)}
        record = Record(
            model=task.model,
            observations=task.observations,
            settings=task.settings,
            layout=task.layout,
            theta=theta,
            engine={**self.engine.describe(), "name": self.engine.name},
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            **{**values, **task.fresh(theta)},
        )
        self.tell(record, task.begin(record))
        return record

    def tell(self, record: Record, concerns: Iterable[str]) -> None:
        """Keep what a person should know among the events, and warn of it."""
        for concern in concerns:
            if concern not in record.events:
                record.events.append(concern)
                warn_user(concern[0].upper() + concern[1:])

    # ---- run --------------------------------------------------------------------------------------------------

    def run(self, record: Record, progress: bool, automatic: bool = False) -> Record:
        """Run (or go on with) all stages; always returns the record, whatever happened.

        `automatic` allows another way (a stiff solver) when every seed gives up.
        """
        bar = Progress(progress, sum(s.iterations for s in self.stages), record.history.iterations, self.header(record))
        began = time.monotonic() - record.seconds
        self.task.prepare(record)
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
                    why = self.task.why_gave_up(record, self.stages[record.stage], last_rejections(record))
                    record.status = f"gave up: {why}"
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
            self.tell(record, self.task.conclude(record))
            if self.save is not None:
                self._write(record, bar)
        return record

    def _next_stage(self, record: Record) -> None:
        self.task.leave(record)
        record.stage += 1
        record.iteration, record.state = 0, {}
        if record.stage < len(self.stages):
            record.theta = record.best_theta.copy()

    def _another_way(self, record: Record, bar: Progress) -> bool:
        """Whether there is something else to try when all seeds gave up; the record is then ready for it."""
        words = self.task.another_way(record)
        if words is None:
            return False
        record.events.append(words)
        bar.message(words)
        record.iteration, record.state = 0, {}
        record.theta = record.best_theta.copy()
        return True

    def _run_stage(self, record: Record, stage: Stage, bar: Progress, began: float) -> str | None:
        """Run one stage, or what is left of it; why it was stopped, or None."""
        course = self.task.course(record, stage)
        stopped: list[str] = []
        until = stage.iterations

        def report(r: Report) -> bool:
            due = self._is_due(r, stage)
            with deferred_interrupt():
                self._note(record, r)
                held = course.log(r, due)
                bar.update(r.total.shape[1], stage.label, record.best_total, held)
                record.seconds = time.monotonic() - began
                hint = course.hint()
                if hint is not None:
                    record.events.append(hint)
                    bar.message(hint)
                self._checkpoint(record, bar)
                if due and self.callback is not None and self.callback(r) is False:
                    stopped.append("stopped: by the callback")
                elif due and (why := course.why_stop()) is not None:
                    stopped.append(why)
            return not stopped and r.iteration < until

        before, done = record.history.iterations, record.iteration
        while True:
            until = course.until()
            self._minimise(record, course, report)
            if stopped or record.iteration >= stage.iterations or not _going_on(record):
                break
        bar.skip(stage.iterations - done - (record.history.iterations - before))
        return stopped[0] if stopped else None

    def _minimise(self, record: Record, course: Course, report: Callable[[Report], bool]) -> None:
        """The engine's loop from where the record stands."""
        phase, start = course.stage.phase.lasting(course.stage.iterations).paced(self.task.layout), record.theta

        def kept(r: Report) -> bool:  # single precision would round what doesn't move
            theta, best = (np.where(run.free, found, start) for found in (r.theta, r.best_theta))
            return report(replace(r, theta=theta, best_theta=best))

        run = Minimisation(
            course.program,
            record.theta,
            phase,
            free=course.free,
            decay=self.task.layout.mask("network"),
            state=record.state or None,
            batches=course.batches,
            matrices=weight_matrices(self.task.layout) if phase.whole_matrices else (),
            **{"report_every": self.report_every, **course.options},
        )
        course.minimise(run, report if run.precision == "float64" else kept)

    def _is_due(self, r: Report, stage: Stage) -> bool:
        """Whether a report is one that decides the run: an engine reports more often where iterations are slow."""
        return r.iteration % self.report_every == 0 or r.iteration >= stage.iterations or not (r.finished == 0).any()

    def _note(self, record: Record, r: Report) -> None:
        """Where the optimiser stands, and its logs."""
        record.theta = r.theta
        self.task.failed = not np.isfinite(r.best_total).any()
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

    def _checkpoint(self, record: Record, bar: Progress) -> None:
        """A checkpoint, where the last one is some seconds old."""
        if self.save is not None and time.monotonic() - self._last_save > SAVE_EVERY:
            self._write(record, bar)

    def _write(self, record: Record, bar: Progress) -> None:
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

    def _all_gave_up(self, record: Record) -> bool:
        return record.finished is not None and bool((record.finished == 2).all())

    def header(self, record: Record) -> str:
        """One line that says who computes what, how: `Unideq: jax engine (jax 0.10.2), …`."""
        versions, name, seeds = record.engine.get("versions", {}), self.engine.name, len(record.settings.seeds)
        engine = f"{name} engine" + (f" ({name} {versions[name]})" if name in versions else "")
        members = f"{seeds} seed{'s' * (seeds > 1)}"
        return f"Unideq: {self.task.header(record, engine, members)}"


def _check_precision(stage: Stage, model: Any) -> None:
    if stage.phase.precision == "float64" or not stage.objective.solves:
        return
    if getattr(model, "continuous_in_time", False):
        raise OptionError(
            f"`{stage.label}` solves the model with error control, and single precision can't hold tolerances. "
            'Leave out `precision="float32"`, or train a `Stepper` (`ude.Unrolled`).'
        )


def _going_on(record: Record) -> bool:
    """Whether a seed is still on its way."""
    return record.finished is None or bool((record.finished == 0).any())
