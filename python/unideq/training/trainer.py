"""`Trainer`: fits of a model to measurements."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np

from ..engine import Engine, Report
from ..engine.clock import jumps_within_steps
from ..engine.options import FIXED_STEP, STIFF, check_solver, stiff_solver
from ..engine.stiffness import resolve_auto
from ..model import ODE, Layout, Stepper
from ..objective import CustomLoss, Integration, Observations, Problem, Trajectory, Unrolled
from ..objective.problem import USUAL_ATOL
from ..objective.windows import condition_rows, state_observables
from .base_trainer import BaseTrainer, last_rejections
from .concerns import concerns_after, concerns_before, slow
from .diagnosis import why_not_finite
from .interruption import deferred_interrupt
from .judge import Judge, windows_judge
from .progress import Progress
from .record import Training
from .settings import FitSettings
from .stage import Stage

__all__ = ["Trainer"]


class Trainer(BaseTrainer[Training]):
    """One fit of a model on one engine.

    Parameters
    ----------
    model, observations, settings
        What to fit, to what, and how.
    engine
        Who computes.
    save
        Called with the `Training` at checkpoints; None: no checkpoints.
    callback
        Called with every `Report`; returning False stops the fit.
    """

    def __init__(
        self,
        model: ODE,
        observations: Observations,
        settings: FitSettings,
        engine: Engine,
        save: Callable[[Training], None] | None = None,
        callback: Callable[[Report], Any] | None = None,
    ) -> None:
        self.model, self.observations = model, observations
        penalties = {n: p.traced(model) for n, p in settings.penalties.items()}
        self.settings = replace(settings, penalties=penalties)
        resolved = settings.solver.name if settings.solver.name != "auto" else stiff_solver(engine.name)
        check_solver(replace(settings.solver, name=resolved), engine.name)
        self.train, self.held = observations.split(settings.holdout)
        super().__init__(engine, self.settings.stages(), self.settings.report_every, save, callback)
        self.problem, self.guesses = self._lay_out(self.settings)
        self._given_atol, self.settings = settings.solver.atol, self.settings.with_solver(self.problem.solver)
        self._held_judge: Judge | None = None
        self._hinted = False

    @property
    def layout(self) -> Layout:
        """Of the full θ: model, initial values, segment starts, noise."""
        return self.problem.layout

    def _lay_out(self, settings: FitSettings) -> tuple[Problem, dict[str, np.ndarray]]:
        problem = Problem.make(
            self.model,
            self.train,
            self.observations,
            settings.loss,
            settings.solver,
            settings.regulariser,
            settings.penalties,
            settings.estimate_initial,
        )
        guesses: dict[str, np.ndarray] = {}
        for stage in self.stages:
            stage.objective.check(problem)
            fresh = [e for e in stage.objective.entries(problem) if e.name not in problem.layout]
            if fresh:
                guesses.update(stage.objective.guesses(problem))
                problem = problem.extended(fresh)
        return problem, guesses

    # ---- start ------------------------------------------------------------------------------------------------

    def start(self) -> Training:
        """A fresh `Training`: networks drawn for every seed, everything else at its guess; the solver chosen."""
        theta = self._first_theta()
        seeds = len(theta)
        record = Training(
            model=self.model,
            observations=self.observations,
            settings=self.settings,
            layout=self.problem.layout,
            theta=theta,
            best_theta=theta.copy(),
            best_total=np.full(seeds, np.inf),
            held_theta=theta.copy(),
            held_best=np.full(seeds, np.inf),
            engine={**self.engine.describe(), "name": self.engine.name},
            created=datetime.now(UTC).isoformat(timespec="seconds"),
        )
        if self.settings.solver.atol not in (USUAL_ATOL, self._given_atol):
            record.events.append(f"absolute tolerances follow the states' sizes: {self.settings.solver.tolerances}")
        if isinstance(self.model, Stepper):
            self._check_step(self.model, theta[0])
        elif self.settings.solver.name == "auto":
            self._choose_solver(record, theta[0])
        self.tell(record, concerns_before(self.problem, theta[0]))
        for stage in self.stages if self.settings.solver.name in FIXED_STEP else ():
            sources = stage.objective.build(self.problem).sources
            self.tell(record, [c for s in sources if isinstance(s, Integration) for c in jumps_within_steps(s)])
        return record

    def _first_theta(self) -> np.ndarray:
        return np.stack([self.problem.initial_theta(seed, self.guesses) for seed in self.settings.seeds])

    def _check_step(self, model: Stepper, theta: np.ndarray) -> None:
        """Warn where the step is unstable at the first snapshot, before training fails for it."""
        first = self.train.series[0]
        observables = state_observables(model, self.observations.names)
        u = model.states.join({state: first.values[name][0] for state, name in observables.items()})
        if np.isfinite(u).all():
            c = condition_rows(model, [first])
            model.check_stability(u[None], theta[: model.layout.size], c, float(first.times[0]))

    def _choose_solver(self, record: Training, theta: np.ndarray) -> None:
        program = Trajectory().build(self.problem)
        (integration,) = program.sources
        assert isinstance(integration, Integration)
        u0 = integration.initial.evaluate({"theta": theta})["u0"]
        name, reason = resolve_auto(
            integration.vector_field,
            u0,
            theta,
            integration.start,
            integration.times[:, -1],
            self.settings.solver.rtol,
            self.settings.solver.atol,
            stiff_solver(self.engine.name),
        )
        self._use_solver(record, name)
        record.events.append(f"solver auto → {name}: {reason}")

    def _use_solver(self, record: Training, name: str) -> None:
        self.settings = self.settings.with_solver(replace(self.settings.solver, name=name))
        self.problem = replace(self.problem, solver=self.settings.solver)
        record.settings = self.settings

    # ---- run --------------------------------------------------------------------------------------------------

    def _prepare(self, record: Training) -> None:
        # θ means what the record's layout says, whatever scales this version would choose.
        self.problem = replace(self.problem, layout=record.layout)
        self._held_judge = self._judge_of_held_out()

    def _conclude(self, record: Training) -> None:
        told = " ".join(record.events)
        found = concerns_after(record, self._first_theta(), self.problem.scales)
        self.tell(record, [c for c in found if c.partition(" ")[0] not in told])

    def _another_way(self, record: Training, bar: Progress) -> bool:
        """A stiff solver, where every seed gave up with an explicit one for no other reason."""
        if not (self._stage_failed and self._may_switch) or self._broken_start(record) is not None:
            return False
        self._use_solver(record, stiff_solver(self.engine.name))
        record.events.append(f"every seed failed with an explicit solver: switched to {self.settings.solver.name}")
        bar.message(record.events[-1])
        record.iteration, record.state = 0, {}
        record.theta = record.best_theta.copy()
        return True

    def _run_stage(self, record: Training, stage: Stage, bar: Progress, began: float) -> str | None:
        program = stage.objective.build(self.problem)
        batches = stage.objective.batches(self.problem, self.engine.evaluate, record.stage)
        held = self._held_judge
        judge = None if batches is None else self._judge_of_batches(stage)
        if judge is not None and record.iteration == 0:
            record.best_theta, record.best_total = record.theta.copy(), judge(record.theta)
        stopped: list[str] = []

        def report(r: Report) -> bool:
            due = self._is_due(r, stage)
            with deferred_interrupt():
                self._log(record, r, judge, due)
                scores = self._score(record, held) if held is not None and due else None
                bar.update(r.total.shape[1], stage.label, record.best_total, scores)
                record.seconds = time.monotonic() - began
                self._hint(record, bar, first)
                self._checkpoint(record, bar)
                if due and self.callback is not None and self.callback(r) is False:
                    stopped.append("stopped: by the callback")
                elif due and self._no_longer_improves(record):
                    patience = self.settings.early_stopping
                    stopped.append(f"stopped early: no lower held-out error for {patience} iterations")
            return not stopped

        before = record.history.iterations
        done = record.iteration
        first = (before, time.monotonic())
        self._minimise(record, program, stage, report, batches=batches)
        bar.skip(stage.iterations - done - (record.history.iterations - before))
        return stopped[0] if stopped else None

    def _hint(self, record: Training, bar: Progress, first: tuple[int, float]) -> None:
        """Say once, some reports into a stage that will take long, what would be quicker."""
        made = record.history.iterations - first[0]
        if self._hinted or made < 2 * self.report_every:
            return
        self._hinted = True
        left = sum(s.iterations for s in self.stages) - record.history.iterations
        words = slow(
            [s.objective for s in self.stages], self.train, self.model, left * (time.monotonic() - first[1]) / made
        )
        if words is not None:
            record.events.append(words)
            bar.message(words)

    def _log(self, record: Training, r: Report, judge: Judge | None, due: bool) -> None:
        self._note(record, r)
        if judge is None:
            record.best_theta = r.best_theta
            if not self._stage_failed or not np.isfinite(record.best_total).any():
                record.best_total = r.best_total  # else the totals of the stage before still tell the seeds apart
        elif due:
            self._keep_best(record, judge(r.theta))

    # ---- held-out measurements, and what mini-batches are judged by --------------------------------------------

    def _keep_best(self, record: Training, total: np.ndarray) -> None:
        """The best θ of a stage with mini-batches: by the fixed windows, never by the luckiest batch.

        Until one is finite there, the latest θ stands in, so that the next stage goes on from what was learned.
        """
        finite = np.isfinite(total)
        better = (finite & (total < record.best_total)) | ~np.isfinite(record.best_total)
        record.best_total = np.where(better & finite, total, record.best_total)
        record.best_theta = np.where(better[:, None], record.theta, record.best_theta)
        record.history.judged_iteration.append(record.history.iterations)
        record.history.judged_total.append(total)

    def _judge_of_batches(self, stage: Stage) -> Judge:
        assert isinstance(stage.objective, Unrolled)
        return windows_judge(self.engine, stage.objective, self.problem, self.observations)

    def _judge_of_held_out(self) -> Judge | None:
        if self.held is None:
            return None
        if isinstance(self.model, Stepper):
            unrolled = [s.objective for s in self.stages if isinstance(s.objective, Unrolled)]
            # Held-out windows of the last unroll length, the same in all stages.
            return windows_judge(self.engine, (unrolled or [Unrolled()])[-1], self.problem, self.observations)
        problem = replace(self.problem.with_observations(self.held), regulariser=None, penalties={})
        program = Trajectory().build(problem)
        return lambda theta: np.asarray(self.engine.value(program, theta).total)

    def _score(self, record: Training, held: Judge) -> np.ndarray:
        total = held(record.best_theta)
        record.history.held_iteration.append(record.history.iterations)
        record.history.held_total.append(total)
        better = np.where(np.isfinite(total), total, np.inf) < record.held_best
        record.held_best = np.where(better, total, record.held_best)
        record.held_theta = np.where(better[:, None], record.best_theta, record.held_theta)
        return total

    def _no_longer_improves(self, record: Training) -> bool:
        patience = self.settings.early_stopping
        if patience is None or not record.history.held_total:
            return False
        scores = np.stack(record.history.held_total, axis=1)
        scores = np.where(np.isfinite(scores), scores, np.inf)
        latest = max(record.history.held_iteration[int(k)] for k in np.argmin(scores, axis=1))
        return record.history.iterations - latest >= patience

    # ---- words ------------------------------------------------------------------------------------------------

    def header(self, record: Training) -> str:
        """One line that says who computes what, how."""
        seeds = len(self.settings.seeds)
        free = int(self.problem.layout.free_mask.sum())
        why = next((f" ({e.split(': ', 1)[1]})" for e in record.events if e.startswith("solver auto")), "")
        return (
            f"Unideq: {self._engine_text(record)}, {record.method}{why}, {seeds} seed{'s' * (seeds > 1)}, "
            f"{free} free numbers, {self.train.count} measurements"
            + (f" (+{self.held.count} held out)" if self.held else "")
        )

    @property
    def _may_switch(self) -> bool:
        """Whether a stiff solver could do better."""
        return self.settings.solver.name not in STIFF and not isinstance(self.model, Stepper)

    def _broken_start(self, record: Training) -> str | None:
        """What isn't finite where the stage began, where that can be told."""
        if isinstance(self.model, Stepper) or not self._stage_failed:
            return None
        program = self.stages[record.stage].objective.build(self.problem)
        return why_not_finite(self.engine, program, self.model.states, record.best_theta[record.best_seed])

    def _why_gave_up(self, record: Training) -> str:
        stage = self.stages[record.stage].label
        solver = self.settings.solver
        tried = last_rejections(record)
        reason = self._broken_start(record)
        if reason is not None:
            custom = isinstance(self.settings.loss, CustomLoss) and reason.startswith("the loss")
            advice = (
                "Write the loss so that it and its derivative are finite there, e.g. `np.sqrt(r**2 + 1e-12)` for "
                '`np.sqrt(r**2)`, or use `loss="huber"`.'
                if custom
                else "Start from other values, or write it so that it is finite there, e.g. `np.maximum(x, 1e-12)` "
                "within a root, a logarithm or a power."
            )
            return f"gave up: in {stage}, {tried}: {reason}. {advice}"
        if isinstance(self.model, Stepper):
            return (
                f"gave up: in {stage}, {tried} (infinite rollouts or losses); "
                "best parameters so far kept. Try a smaller learning rate, fewer `steps`, a `curriculum`, "
                '`gradient="none"`, or smaller or more `substeps` of the stepper.'
            )
        advice = "other initial values" if self._stage_failed else "a smaller learning rate"
        if solver.name not in STIFF:
            advice += f', the stiff `solver="{stiff_solver(self.engine.name)}"`'
        return (
            f"gave up: in {stage}, {tried} (solver failures or infinite losses); "
            f"best parameters so far kept. Try {advice}, `MultipleShooting` or a larger `max_steps` "
            f"(now {solver.max_steps})."
        )
