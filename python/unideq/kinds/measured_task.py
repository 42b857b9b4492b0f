"""Training on measurements: initial values and segment starts in θ, held-out scores, fixed windows for batches."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from ..engine import Minimisation, Report
from ..errors import OptionError
from ..objective import Cost, EstimationProblem, Observations, Trajectory
from ..objective.constraint import constraints_in
from ..objective.estimation_problem import USUAL_ATOL
from ..objective.laplace import check_marginal, marginal_programs
from ..objective.own_times import real_times
from ..objective.program import Integration
from ..objective.windowed import Windowed
from ..optimise import Laplace, Phase
from ..result.sampling import problem_on
from ..training.concerns import concerns_after, concerns_before, slow
from ..training.judge import Judge, windows_judge
from ..training.marginal import minimise_marginal
from ..training.record import Record
from ..training.stage import Stage
from ..training.task import Course, Task
from .measured_settings import MeasuredSettings

__all__ = ["MeasuredTask"]


class MeasuredTask(Task):
    """A model of time on measurements.

    Attributes
    ----------
    problem
        The model with its training measurements, and the layout of θ: model, initial values, segment starts, noise.
    train, held
        Training and held-out measurements.
    """

    settings: MeasuredSettings
    observations: Observations
    problem: EstimationProblem

    def _problem(self) -> EstimationProblem:
        given = self.settings
        costs = {n: p.traced(self.model) for n, p in given.costs.items()}
        rankings = {n: r.traced(self.model, n) for n, r in given.rankings.items()}
        self.train, self.held = self.observations.split(given.holdout)
        parts = [s for part in (self.train, self.held) if part is not None for s in part.series if len(s.times)]
        shapes = {n: [s.values[n].shape for s in parts] for n in self.train.names}
        self.settings = replace(given, costs=costs, rankings=rankings, loss=given.loss.traced(shapes))
        for stage in self.stages:
            _check_constraints(costs, stage, self.held is not None, self.model.continuous_in_time)
        problem = problem_on(self.train, self.observations, self.model, self.settings)
        self.guesses: dict[str, np.ndarray] = {}
        for stage in self.stages:
            stage.objective.check(problem)
            if isinstance(stage.phase, Laplace):
                check_marginal(problem)
            fresh = [e for e in stage.objective.entries(problem) if e.name not in problem.layout]
            if fresh:
                self.guesses.update(stage.objective.guesses(problem))
                problem = problem.extended(fresh)
        self._given_atol, self.settings = given.solver.atol, self.settings.with_solver(problem.solver)
        self.held_judge: Judge | None = None
        self.hinted = False
        return problem

    def first_theta(self) -> np.ndarray:
        return np.stack([self.problem.initial_theta(seed, self.guesses) for seed in self.settings.seeds])

    def check_phase(self, phase: Phase) -> None:
        """All are for models of time; `Laplace` has been checked with the problem."""

    # ---- start and end of a run -------------------------------------------------------------------------------

    def fresh(self, theta: np.ndarray) -> dict[str, Any]:
        return {"held_theta": theta.copy(), "held_best": np.full(len(theta), np.inf)}

    def begin(self, record: Record) -> list[str]:
        if self.settings.solver.atol not in (USUAL_ATOL, self._given_atol):
            record.events.append(f"absolute tolerances follow the states' sizes: {self.settings.solver.tolerances}")
        kept = [n for n, c in self.model.grouped.items() if c.parameter.spread is not None and not c.settled]
        if kept and not any(isinstance(s.phase, Laplace) for s in self.stages):
            listing = ", ".join(f"`{n}`" for n in kept)
            record.events.append(f"the spread of {listing} stays as it was given: only `ude.Laplace()` estimates it")
        self._choose(record)
        return concerns_before(self.problem, record.theta[0])

    def _choose(self, record: Record) -> None:
        """What is still to be decided or checked about how the model is solved."""

    def prepare(self, record: Record) -> None:
        # θ means what the record's layout says, whatever scales this version would choose.
        self.problem = replace(self.problem, layout=record.layout)
        self.held_judge = None if self.held is None else self._judge_of_held_out(self.held)

    @abstractmethod
    def _judge_of_held_out(self, held: Observations) -> Judge:
        """Totals on the held-out measurements."""

    def judge_of_batches(self, stage: Stage) -> Judge:
        """What a stage with mini-batches is judged by: fixed windows of the same kind."""
        assert isinstance(stage.objective, Windowed)
        return windows_judge(self.engine, stage.objective, self.problem, self.observations)

    def course(self, record: Record, stage: Stage) -> Course:
        return MeasuredCourse(self, record, stage)

    def leave(self, record: Record) -> None:
        if constraints_in(self.problem.costs) and record.stage + 1 < len(self.stages):
            record.best_theta = self._moved(record.best_theta)

    def _whole_solves(self) -> Integration:
        """All trajectories from start to end."""
        (integration,) = Trajectory().build(replace(self.problem, rankings={}, rows_read=None)).sources
        assert isinstance(integration, Integration)
        return integration

    def _moved(self, theta: np.ndarray) -> np.ndarray:
        """θ (S, P) with the multipliers of the next round."""
        values, counted = self._constrained(theta)
        known, made = self.layout.unpack(theta), {}
        for name, constraint in constraints_in(self.problem.costs).items():
            made |= constraint.moved(name, known, values[name], counted)
        rows = [{n: v[k] for n, v in made.items()} for k in range(len(theta))]
        return np.stack([self.layout.pack(row, base) for row, base in zip(rows, theta, strict=True)])

    def _constrained(self, theta: np.ndarray) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """Constraint → its function's values (S, rows, times, …) at θ (S, P), and which times are real."""
        arrays = self.engine.integrate(self._whole_solves(), theta).arrays
        counted = real_times([len(s.times) for s in self.train.series if len(s.times)])
        return {n: arrays[f"solve.cost.{n}"] for n in constraints_in(self.problem.costs)}, counted

    def _kept(self, record: Record) -> list[str]:
        """How far constraints are kept; those that aren't are returned with what to do."""
        found = constraints_in(self.problem.costs)
        if not found or not record.history.iterations:
            return []
        values, counted = self._constrained(record.chosen_theta[[record.best_seed]])
        told = []
        for name, constraint in found.items():
            left = float(constraint.violation(values[name], counted)[0])
            words = f"the constraint `{name}` ({constraint.words})"
            if left <= constraint.tolerance:
                record.events.append(f"{words} is kept to {left:.2g} (tolerance {constraint.tolerance:g})")
                continue
            told.append(
                f"{words} is violated by {left:.3g}, and {constraint.tolerance:g} is its tolerance. Give the phases "
                "more iterations, the constraint more `rounds` or a larger `weight`; or nothing can keep it beside the "
                "others."
            )
        return told

    def conclude(self, record: Record) -> list[str]:
        told = " ".join(record.events)
        found = [*concerns_after(record, self.start), *self._kept(record)]
        return [c for c in found if c.partition(" ")[0] not in told]

    # ---- words ------------------------------------------------------------------------------------------------

    def header(self, record: Record, engine: str, seeds: str) -> str:
        why = next((f" ({e.split(': ', 1)[1]})" for e in record.events if e.startswith("solver auto")), "")
        return (
            f"{engine}, {record.method}{why}, {seeds}, {int(self.layout.free_mask.sum())} free numbers, "
            f"{self.train.count or 'no'} measurements" + (f" (+{self.held.count} held out)" if self.held else "")
        )


def _check_constraints(costs: Mapping[str, Cost], stage: Stage, held: bool, continuous: bool) -> None:
    """Constraints have a multiplier for each trajectory and time of whole solutions."""
    name, objective = next(iter(constraints_in(costs)), None), stage.objective
    if name is None:
        return
    whole = isinstance(objective, Trajectory) and objective.horizon is None and objective.batch is None
    if not (whole and continuous) or isinstance(stage.phase, Laplace):
        raise OptionError(
            f"The constraint `{name}` has a multiplier for each trajectory and time of whole solutions: it is for "
            "`ude.Trajectory()` of a model continuous in time, without `horizon`, `curriculum` and `batch`, and not "
            "for `Laplace`. Elsewhere a penalty does, "
            "`ude.Cost(lambda t, state: np.maximum(state.x - 3.0, 0.0) ** 2, weight=100.0)`."
        )
    if held:
        raise OptionError(f"The constraint `{name}` is kept where it is trained. Leave out `holdout`.")


class MeasuredCourse(Course):
    """A stage that is scored on held-out measurements and, with mini-batches, judged by fixed windows."""

    task: MeasuredTask

    def build(self) -> None:
        task, record = self.task, self.record
        if isinstance(self.stage.phase, Laplace):
            self.program, self.batches = marginal_programs(task.problem).cost, None
        else:
            super().build()
        self.judge = None if self.batches is None else task.judge_of_batches(self.stage)
        if self.judge is not None and record.iteration == 0:
            record.best_theta, record.best_total = record.theta.copy(), self.judge(record.theta)
        self.began = (record.history.iterations, time.monotonic())

    @property
    def free(self) -> np.ndarray:
        if any(c.settled for c in self.task.model.grouped.values()):
            return super().free & ~self.task.layout.mask("noise")
        if not isinstance(self.stage.phase, Laplace):
            return super().free
        return self.task.layout.free_mask & ~self.task.layout.mask("deviation", "segment")

    def minimise(self, run: Minimisation, report: Callable[[Report], bool]) -> None:
        if not isinstance(self.stage.phase, Laplace):
            return super().minimise(run, report)
        return minimise_marginal(self.task.engine, self.task.problem, run, report)

    def log(self, report: Report, due: bool) -> np.ndarray | None:
        record, failed = self.record, self.task.failed
        if self.judge is None:
            record.best_theta = report.best_theta
            if not failed or not np.isfinite(record.best_total).any():
                record.best_total = report.best_total  # else the totals of the stage before still tell the seeds apart
        elif due:
            self.keep_best(self.judge(report.theta))
        held = self.task.held_judge
        return self._score(held) if held is not None and due else None

    def _score(self, held: Judge) -> np.ndarray:
        record = self.record
        assert record.held_best is not None and record.held_theta is not None
        total = held(record.best_theta)
        record.history.held_iteration.append(record.history.iterations)
        record.history.held_total.append(total)
        better = np.where(np.isfinite(total), total, np.inf) < record.held_best
        record.held_best = np.where(better, total, record.held_best)
        record.held_theta = np.where(better[:, None], record.best_theta, record.held_theta)
        return total

    def hint(self) -> str | None:
        """Once, some reports into a stage that will take long: what would be quicker."""
        task, record = self.task, self.record
        made = record.history.iterations - self.began[0]
        if task.hinted or made < 2 * task.settings.report_every:
            return None
        task.hinted = True
        left = sum(s.iterations for s in task.stages) - record.history.iterations
        seconds = left * (time.monotonic() - self.began[1]) / made
        return slow([s.objective for s in task.stages], task.train, task.model, seconds)

    def why_stop(self) -> str | None:
        patience, history = self.task.settings.early_stopping, self.record.history
        if patience is None or not history.held_total:
            return None
        scores = np.stack(history.held_total, axis=1)
        scores = np.where(np.isfinite(scores), scores, np.inf)
        latest = max(history.held_iteration[int(k)] for k in np.argmin(scores, axis=1))
        if history.iterations - latest < patience:
            return None
        return f"stopped early: no lower held-out error for {patience} iterations"
