"""`ResidualTrainer`: fits of residual problems, with redrawn points, moving weights and adaptive samplers."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import cached_property
from math import gcd
from typing import Any

import numpy as np

from ..engine import Engine, Report
from ..engine.balancing import PROJECTIONS
from ..errors import OptionError
from ..model import Layout
from ..objective.balance import LearningRateAnnealing
from ..objective.program import Balancing, Objective, Pointwise
from ..residual import Residual, ResidualProblem, check_first
from .base_trainer import BaseTrainer, last_rejections
from .concerns import concerns_after
from .interruption import deferred_interrupt
from .progress import Progress
from .residual_record import ResidualTraining
from .residual_settings import FIRST_ORDER, ResidualSettings
from .stage import Stage
from .stage_points import StagePoints

__all__ = ["ResidualTrainer"]

JUDGEMENTS = 200
"""About so many times a run the parameters are judged by the validation points."""
SNAPSHOTS = 30
"""About so many times a run the parameters are kept."""


class ResidualTrainer(BaseTrainer[ResidualTraining]):
    """One fit of a residual problem on one engine.

    Parameters
    ----------
    problem, settings
        What to solve, and how.
    engine
        Who computes.
    save
        Called with the record at checkpoints; None: no checkpoints.
    callback
        Called with every due `Report`; returning False stops the fit.
    """

    def __init__(
        self,
        problem: ResidualProblem,
        settings: ResidualSettings,
        engine: Engine,
        save: Callable[[ResidualTraining], None] | None = None,
        callback: Callable[[Report], Any] | None = None,
    ) -> None:
        self.problem, self.settings = problem, settings
        super().__init__(engine, settings.stages(), settings.report_every, save, callback)
        iterations = sum(s.iterations for s in self.stages)
        self.judge_every = settings.report_every * max(1, iterations // (JUDGEMENTS * settings.report_every))
        self.snapshots = snapshot_times(iterations)
        for stage in self.stages:
            self._objective(stage).check(problem)

    @property
    def layout(self) -> Layout:
        """Of θ: parameters, then the networks' weights."""
        return self.problem.layout

    @cached_property
    def validation(self) -> Objective:
        """What the parameters are judged by: fixed points, the terms' base weights."""
        return self.settings.objective.validation(self.problem)

    # ---- start ------------------------------------------------------------------------------------------------

    def start(self) -> ResidualTraining:
        """A fresh record: networks drawn for every seed, parameters at their initial values."""
        theta = self._first_theta()
        first = self._program(self.stages[0], StagePoints(self._objective(self.stages[0]), self.problem, 0))
        check_first(self.problem, first, theta, self.engine.evaluate)
        record = ResidualTraining(
            problem=self.problem,
            settings=self.settings,
            layout=self.layout,
            theta=theta,
            best_theta=theta.copy(),
            best_total=self._judged(theta),
            engine={**self.engine.describe(), "name": self.engine.name},
            created=datetime.now(UTC).isoformat(timespec="seconds"),
        )
        record.history.snapshot_iteration.append(0)
        record.history.snapshot_theta.append(theta.copy())
        return record

    def _first_theta(self) -> np.ndarray:
        return np.stack([self.problem.initial_theta(seed) for seed in self.settings.seeds])

    @staticmethod
    def _objective(stage: Stage) -> Residual:
        assert isinstance(stage.objective, Residual)
        return stage.objective

    def _program(self, stage: Stage, points: StagePoints) -> Objective:
        """The stage's program at its first points, with the fixed weights that were given."""
        program = self._objective(stage).build(self.problem)
        sources = tuple(
            replace(source, points=points.of(source.name, 0)) if isinstance(source, Pointwise) else source
            for source in program.sources
        )
        weights = {**program.weights, **self.settings.balance.fixed(program.terms)}
        if not any(weights.values()):
            raise OptionError("All terms have weight 0: there is nothing to train. Give one of them a `weight` > 0.")
        return replace(program, sources=sources, weights=weights)

    # ---- run --------------------------------------------------------------------------------------------------

    def _run_stage(self, record: ResidualTraining, stage: Stage, bar: Progress, began: float) -> str | None:
        first_order = isinstance(stage.phase, FIRST_ORDER)
        objective = self._objective(stage)
        points = StagePoints(objective, self.problem, record.stage, record.points)
        points.keep_adaptive()
        if not first_order and record.iteration == 0:
            self._choose_points(record, points)
        program = self._program(stage, points)
        batches = points if first_order and points.redrawn else None
        balancing = self._balancing(program) if first_order else None
        weights = self._weights(record, program)
        fixed = batches is None and balancing is None and objective.causal is None
        stopped: list[str] = []
        until = stage.iterations

        def report(r: Report) -> bool:
            due = self._is_due(r, stage)
            with deferred_interrupt():
                self._log(record, r, stage, fixed, due)
                bar.update(r.total.shape[1], stage.label, record.best_total, None)
                record.seconds = time.monotonic() - began
                self._checkpoint(record, bar)
                if due and self.callback is not None and self.callback(r) is False:
                    stopped.append("stopped: by the callback")
            return not stopped and r.iteration < until

        before, done = record.history.iterations, record.iteration
        options: dict[str, Any] = {"batches": batches, "balancing": balancing, "weights": weights}
        adaptive = first_order and bool(points.adaptive)
        if adaptive:
            options["report_every"] = gcd(self.report_every, *(s.every for s in points.adaptive.values()))
        while True:
            if adaptive:
                self._choose_points(record, points)
                until = points.next_choice(record.iteration, stage.iterations)
            self._minimise(record, program, stage, report, **options)
            over = record.iteration >= stage.iterations or not (record.finished == 0).any()  # type: ignore[union-attr]
            if stopped or over:
                break
        bar.skip(stage.iterations - done - (record.history.iterations - before))
        return stopped[0] if stopped else None

    def _choose_points(self, record: ResidualTraining, points: StagePoints) -> None:
        """Adaptive points at the current θ; those of the very first iteration are the base sampler's."""
        if record.stage or record.iteration:
            with deferred_interrupt():
                points.resample(self.engine, record.theta, record.iteration)

    def _next_stage(self, record: ResidualTraining) -> None:
        """The weights that a rule found stay in the stages after it; projections find none, only directions."""
        stage, rule = self.stages[record.stage], self.settings.balance.rule
        moved = rule is not None and rule.rule not in PROJECTIONS and isinstance(stage.phase, FIRST_ORDER)
        if moved and "weights" in record.state:
            names = self._objective(stage).build(self.problem).terms
            record.weights = dict(zip(names, record.state["weights"].T.copy(), strict=True))
        super()._next_stage(record)

    def _balancing(self, program: Objective) -> Balancing | None:
        rule = self.settings.balance.rule
        if rule is None:
            return None
        if isinstance(rule, LearningRateAnnealing) and rule.reference is None:
            rule = replace(rule, reference=self._interior)
        return rule.balancing(program, self.layout)

    @property
    def _interior(self) -> tuple[str, ...]:
        """Labels of the interior's residuals: the differential equations."""
        problem = self.problem
        names = [n for n, t in problem.terms.items() if t.kind == "interior"]
        return tuple(problem.label(n, output) for n in names for output in problem.residuals[n].outputs)

    def _weights(self, record: ResidualTraining, program: Objective) -> np.ndarray | None:
        """Every seed's weights (S, T) of this program, where an earlier stage's rule found some."""
        if not record.weights:
            return None
        seeds = len(record.theta)
        own = [np.full(seeds, program.weights.get(n, 1.0)) for n in program.terms]
        return np.stack([record.weights.get(n, w) for n, w in zip(program.terms, own, strict=True)], axis=1)

    # ---- logs and judgements ----------------------------------------------------------------------------------

    def _log(self, record: ResidualTraining, r: Report, stage: Stage, fixed: bool, due: bool) -> None:
        self._note(record, r)
        latest = r.best_theta if fixed else r.theta
        sound = np.asarray(np.isfinite(latest).all(axis=1))
        if fixed:
            sound = sound & np.isfinite(r.best_total)
        before = record.best_theta
        record.best_theta = np.where(sound[:, None], latest, before)
        if not due:
            return
        over = r.iteration >= stage.iterations or not (r.finished == 0).any()
        again = record.history.judged_iteration[-1:] == [record.history.iterations]  # resumed where a stage was over
        if not again and (over or r.iteration % self.judge_every == 0):
            total = self._judged(record.best_theta)
            kept = np.isfinite(total) | ~np.isfinite(record.best_total)
            record.best_theta = np.where(kept[:, None], record.best_theta, before)
            record.best_total = np.where(kept, total, record.best_total)
            record.history.judged_iteration.append(record.history.iterations)
            record.history.judged_total.append(total)
        self._keep_snapshot(record, over and record.stage == len(self.stages) - 1)

    def _judged(self, theta: np.ndarray) -> np.ndarray:
        return np.asarray(self.engine.value(self.validation, theta).total)

    def _keep_snapshot(self, record: ResidualTraining, last: bool) -> None:
        """θ, at the first report after a time for it."""
        h, now = record.history, record.history.iterations
        if now == h.snapshot_iteration[-1]:
            return
        if last or ((self.snapshots > h.snapshot_iteration[-1]) & (self.snapshots <= now)).any():
            h.snapshot_iteration.append(now)
            h.snapshot_theta.append(record.best_theta.copy())

    def _conclude(self, record: ResidualTraining) -> None:
        """A run that was interrupted tells its seeds apart by where they are now."""
        if record.history.judged_iteration[-1:] != [record.history.iterations]:
            total = self._judged(record.best_theta)
            record.best_total = np.where(np.isfinite(total), total, record.best_total)
        self.tell(record, concerns_after(record, self._first_theta(), {}))

    # ---- words ------------------------------------------------------------------------------------------------

    def header(self, record: ResidualTraining) -> str:
        """One line that says who computes what, how."""
        seeds, free = len(self.settings.seeds), int(self.layout.free_mask.sum())
        objective = self.settings.objective
        counts = ", ".join(f"{n} {objective.count(self.problem, n)}" for n in self.problem.terms)
        balance = self.settings.balance.text
        return (
            f"Unideq: {self._engine_text(record)}, {seeds} seed{'s' * (seeds > 1)}, {free} free numbers, "
            f"points: {counts}" + (f", balance: {balance}" if balance else "")
        )

    def _why_gave_up(self, record: ResidualTraining) -> str:
        stage = self.stages[record.stage]
        name = type(stage.phase).__name__
        advice = (
            "a smaller learning rate, `clip=1.0`, `standardise=True` of the fields, or other initial values of the "
            "parameters"
            if isinstance(stage.phase, FIRST_ORDER)
            else f"a phase of Adam before `{name}`, or more points"
        )
        return (
            f"gave up: in {stage.label}, {last_rejections(record)} (infinite or NaN residuals); "
            f"latest parameters kept. Try {advice}."
        )


def snapshot_times(iterations: int) -> np.ndarray:
    """Iterations at which θ is kept: evenly over the run, and more densely at its beginning."""
    even = np.linspace(0, iterations, 2 * SNAPSHOTS // 3 + 1)
    early = np.geomspace(1, max(iterations, 1), SNAPSHOTS // 3)
    return np.unique(np.ceil(np.concatenate([even, early])).astype(int))
