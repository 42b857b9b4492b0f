"""Training residual problems: redrawn points, moving weights, adaptive samplers, judgements at fixed points."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from math import gcd
from typing import Any

import numpy as np

from ..engine import Report
from ..engine.term_roles import PROJECTIONS
from ..errors import OptionError
from ..objective.program import Balancing, LossProgram
from ..objective.weighting_rules import LearningRateAnnealing
from ..residual import Residual, ResidualProblem, check_first
from ..training.concerns import concerns_after
from ..training.interruption import deferred_interrupt
from ..training.record import Record
from ..training.stage import Stage
from ..training.stage_points import StagePoints
from ..training.task import Course, Task
from .residual_settings import ResidualSettings

__all__ = ["ResidualTask"]

JUDGEMENTS = 200
"""About so many times a run the parameters are judged by the validation points."""
SNAPSHOTS = 30
"""About so many times a run the parameters are kept."""


class ResidualTask(Task):
    """A residual problem, judged by fixed points."""

    settings: ResidualSettings
    problem: ResidualProblem

    def _problem(self) -> ResidualProblem:
        iterations, every = sum(s.iterations for s in self.stages), self.settings.report_every
        self.judge_every = every * max(1, iterations // (JUDGEMENTS * every))
        self.snapshots = snapshot_times(iterations)
        return super()._problem()

    @cached_property
    def validation(self) -> LossProgram:
        """What the parameters are judged by: fixed points, the terms' base weights."""
        return self.settings.objective.validation(self.problem)

    def judged(self, theta: np.ndarray) -> np.ndarray:
        """Totals (S,) there."""
        return np.asarray(self.engine.value(self.validation, theta).total)

    # ---- start and end of a run -------------------------------------------------------------------------------

    def fresh(self, theta: np.ndarray) -> dict[str, Any]:
        stage = self.stages[0]
        first = self.program(stage, StagePoints(objective_of(stage), self.problem, 0))
        check_first(self.problem, first, theta, self.engine.evaluate)
        return {"best_total": self.judged(theta)}

    def begin(self, record: Record) -> list[str]:
        record.history.snapshot_iteration.append(0)
        record.history.snapshot_theta.append(record.theta.copy())
        return []

    def program(self, stage: Stage, points: StagePoints) -> LossProgram:
        """The stage's program at its first points, with the fixed weights that were given."""
        program = objective_of(stage).build(self.problem)
        weights = {**program.weights, **self.settings.balance.fixed(program.terms)}
        if not any(weights.values()):
            raise OptionError("All terms have weight 0: there is nothing to train. Give one of them a `weight` > 0.")
        return replace(program.with_data(points.at(0)), weights=weights)

    def balancing(self, program: LossProgram) -> Balancing | None:
        """How the weights move."""
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

    def course(self, record: Record, stage: Stage) -> Course:
        return ResidualCourse(self, record, stage)

    def leave(self, record: Record) -> None:
        """The weights that a rule found stay in the stages after it; projections find none, only directions."""
        stage, rule = self.stages[record.stage], self.settings.balance.rule
        moved = rule is not None and rule.rule not in PROJECTIONS and stage.phase.first_order
        if moved and "weights" in record.state:
            names = objective_of(stage).build(self.problem).terms
            record.weights = dict(zip(names, record.state["weights"].T.copy(), strict=True))

    def conclude(self, record: Record) -> list[str]:
        """A run that was interrupted tells its seeds apart by where they are now."""
        if record.history.judged_iteration[-1:] != [record.history.iterations]:
            total = self.judged(record.best_theta)
            record.best_total = np.where(np.isfinite(total), total, record.best_total)
        return concerns_after(record, self.start)

    # ---- words ------------------------------------------------------------------------------------------------

    def header(self, record: Record, engine: str, seeds: str) -> str:
        objective, balance = self.settings.objective, self.settings.balance.text
        counts = ", ".join(f"{n} {objective.count(self.problem, n)}" for n in self.problem.terms)
        more = f", balance: {balance}" if balance else ""
        return f"{super().header(record, engine, seeds)}, points: {counts}{more}"

    def why_gave_up(self, record: Record, stage: Stage, tried: str) -> str:
        advice = (
            "a smaller learning rate, `clip=1.0`, `standardise=True` of the fields, or other initial values of the "
            "parameters"
            if stage.phase.first_order
            else f"a phase of Adam before `{type(stage.phase).__name__}`, or more points"
        )
        return f"in {stage.label}, {tried} (infinite or NaN residuals); latest parameters kept. Try {advice}."


class ResidualCourse(Course):
    """A stage whose points may be redrawn or chosen, and whose weights may move."""

    task: ResidualTask

    def build(self) -> None:
        task, record, stage = self.task, self.record, self.stage
        first_order = stage.phase.first_order
        self.points = StagePoints(objective_of(stage), task.problem, record.stage, record.points)
        self.points.keep_adaptive()
        if not first_order and record.iteration == 0:
            self._choose_points()
        self.program = task.program(stage, self.points)
        self.batches = self.points if first_order and self.points.redrawn else None
        balancing = task.balancing(self.program) if first_order else None
        self.options = {"balancing": balancing, "weights": self._weights()}
        self.fixed = self.batches is None and balancing is None and objective_of(stage).causal is None
        self.adaptive = first_order and bool(self.points.adaptive)
        if self.adaptive:
            every = (s.every for s in self.points.adaptive.values())
            self.options["report_every"] = gcd(task.settings.report_every, *every)

    def until(self) -> int:
        if not self.adaptive:
            return self.stage.iterations
        self._choose_points()
        return self.points.next_choice(self.record.iteration, self.stage.iterations)

    def _choose_points(self) -> None:
        """Adaptive points at the current θ; those of the very first iteration are the base sampler's."""
        record = self.record
        if record.stage or record.iteration:
            with deferred_interrupt():
                self.points.resample(self.task.engine, record.theta, record.iteration)

    def _weights(self) -> np.ndarray | None:
        """Every seed's weights (S, T) of this program, where an earlier stage's rule found some."""
        found, program = self.record.weights, self.program
        if not found:
            return None
        own = [np.full(len(self.record.theta), program.weights.get(n, 1.0)) for n in program.terms]
        return np.stack([found.get(n, w) for n, w in zip(program.terms, own, strict=True)], axis=1)

    def log(self, report: Report, due: bool) -> None:
        record, task, r = self.record, self.task, report
        latest = r.best_theta if self.fixed else r.theta
        sound = np.asarray(np.isfinite(latest).all(axis=1))
        if self.fixed:
            sound = sound & np.isfinite(r.best_total)
        before = record.best_theta
        record.best_theta = np.where(sound[:, None], latest, before)
        if not due:
            return
        over = r.iteration >= self.stage.iterations or not (r.finished == 0).any()
        again = record.history.judged_iteration[-1:] == [record.history.iterations]  # resumed where a stage was over
        if not again and (over or r.iteration % task.judge_every == 0):
            total = task.judged(record.best_theta)
            kept = np.isfinite(total) | ~np.isfinite(record.best_total)
            record.best_theta = np.where(kept[:, None], record.best_theta, before)
            record.best_total = np.where(kept, total, record.best_total)
            record.history.judged_iteration.append(record.history.iterations)
            record.history.judged_total.append(total)
        self._keep_snapshot(over and record.stage == len(task.stages) - 1)

    def _keep_snapshot(self, last: bool) -> None:
        """θ, at the first report after a time for it."""
        h, now, times = self.record.history, self.record.history.iterations, self.task.snapshots
        if now == h.snapshot_iteration[-1]:
            return
        if last or ((times > h.snapshot_iteration[-1]) & (times <= now)).any():
            h.snapshot_iteration.append(now)
            h.snapshot_theta.append(self.record.best_theta.copy())


def objective_of(stage: Stage) -> Residual:
    assert isinstance(stage.objective, Residual)
    return stage.objective


def snapshot_times(iterations: int) -> np.ndarray:
    """Iterations at which θ is kept: evenly over the run, and more densely at its beginning."""
    even = np.linspace(0, iterations, 2 * SNAPSHOTS // 3 + 1)
    early = np.geomspace(1, max(iterations, 1), SNAPSHOTS // 3)
    return np.unique(np.ceil(np.concatenate([even, early])).astype(int))
