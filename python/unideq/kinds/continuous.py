"""Models continuous in time, `ODE` and `PDE`: solved from estimated initial values, by a solver that may change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import xarray as xr

from ..checks import mapping
from ..engine import STATUS
from ..engine.clock import jumps_within_steps
from ..engine.steady import check_starts
from ..engine.stiffness import resolve_auto
from ..errors import DataError, OptionError
from ..graph.location import warn_user
from ..model import ODE
from ..model.condition import with_combinations
from ..model.names import normal_keys
from ..objective import APriori, CustomLoss, EstimationProblem, Integration, Observations, Trajectory
from ..objective.groups import label_of
from ..objective.intervention import Intervention
from ..objective.own_inputs import Own
from ..optimise import BFGS, Adam
from ..result.export import export_julia
from ..result.fit import Fit
from ..result.own_inputs import record_array
from ..result.sampling import labelled, solver_on
from ..result.solution import solve
from ..solvers import check_beyond, check_solver, stiff_solver
from ..training.diagnosis import why_not_finite
from ..training.judge import Judge, windows_judge
from ..training.kind import register_kind
from ..training.record import Record
from ..training.stage import Stage
from .measured import Measured
from .measured_task import MeasuredTask

__all__ = ["Continuous"]


class ContinuousTask(MeasuredTask):
    """A model on measurements that a solver integrates."""

    def _problem(self) -> EstimationProblem:
        given = self.settings.solver
        check_solver(given.by(stiff_solver(self.engine.name)) if given.name == "auto" else given, self.engine.name)
        check_beyond(given, self.engine.name, self.model.beyond)
        return super()._problem()

    def begin(self, record: Record) -> list[str]:
        found = super().begin(record)
        if self.problem.resting or self.model.states.algebraic:
            labels = [s.label for s in self.problem.observations.series if len(s.times)]
            check_starts(self._whole_solves(), record.theta[0], self.model.states, labels)
        for stage in self.stages if self.settings.solver.fixed else ():
            sources = stage.objective.build(self.problem).sources
            found += [c for s in sources if isinstance(s, Integration) for c in jumps_within_steps(s)]
        return found

    def _choose(self, record: Record) -> None:
        """The solver that `auto` stands for."""
        if self.settings.solver.name != "auto":
            return
        integration = self._whole_solves()
        theta, solver = record.theta[0], self.settings.solver
        initial = integration.initial.evaluate({"theta": theta})
        name, reason = resolve_auto(
            integration.vector_field,
            initial["u0"],
            theta,
            integration.start,
            integration.times[:, -1],
            solver.rtol,
            integration.solver.atol,
            stiff_solver(self.engine.name),
            initial.get("c"),
            integration.beyond,
        )
        self._use_solver(record, name)
        record.events.append(f"solver auto → {name}: {reason}")

    def _use_solver(self, record: Record, name: str) -> None:
        self.settings = self.settings.with_solver(self.settings.solver.by(name))
        self.problem = replace(self.problem, solver=self.settings.solver)
        record.settings = self.settings

    def _judge_of_held_out(self, held: Observations) -> Judge:
        snapshots = [s.objective for s in self.stages if isinstance(s.objective, APriori)]
        if len(snapshots) == len(self.stages):
            return windows_judge(self.engine, snapshots[-1], self.problem, self.observations)
        problem = replace(
            self.problem.with_observations(held), regulariser=None, costs={}, rankings={}, populations=False
        )
        program = Trajectory().build(problem)
        return lambda theta: np.asarray(self.engine.value(program, theta).total)

    def judge_of_batches(self, stage: Stage) -> Judge:
        if isinstance(stage.objective, APriori):
            return super().judge_of_batches(stage)
        assert isinstance(stage.objective, Trajectory)
        if self.held_judge is not None:
            return self.held_judge
        whole = replace(stage.objective, batch=None)
        goals = self.problem.costs if self.train.unmeasured else {}
        program = whole.build(replace(self.problem, regulariser=None, costs=goals))
        return lambda theta: np.asarray(self.engine.value(program, theta).total)

    def another_way(self, record: Record) -> str | None:
        """A stiff solver, where every seed gave up with an explicit one for no other reason."""
        explicit = not self.settings.solver.stiff and not self.model.delays
        if not (self.failed and explicit) or self._broken_start(record, self.stages[record.stage]) is not None:
            return None
        self._use_solver(record, stiff_solver(self.engine.name))
        return f"every seed failed with an explicit solver: switched to {self.settings.solver.name}"

    def _broken_start(self, record: Record, stage: Stage) -> str | None:
        """What isn't finite where the stage began, where that can be told."""
        if not self.failed:
            return None
        program = stage.objective.build(self.problem)
        return why_not_finite(self.engine, program, self.model.states, record.best_theta[record.best_seed])

    def why_gave_up(self, record: Record, stage: Stage, tried: str) -> str:
        reason = self._broken_start(record, stage)
        if reason is not None:
            custom = isinstance(self.settings.loss, CustomLoss) and reason.startswith("the loss")
            advice = (
                "Write the loss so that it and its derivative are finite there, e.g. `np.sqrt(r**2 + 1e-12)` for "
                '`np.sqrt(r**2)`, or use `loss="huber"`.'
                if custom
                else "Start from other values, or write it so that it is finite there, e.g. `np.maximum(x, 1e-12)` "
                "within a root, a logarithm or a power."
            )
            return f"in {stage.label}, {tried}: {reason}. {advice}"
        solver = self.settings.solver
        advice = "other initial values" if self.failed else "a smaller learning rate"
        if not solver.stiff:
            advice += f', the stiff `solver="{stiff_solver(self.engine.name)}"`'
        return (
            f"in {stage.label}, {tried} (solver failures or infinite losses); "
            f"best parameters so far kept. Try {advice}, `MultipleShooting` or a larger `max_steps` "
            f"(now {solver.max_steps})."
        )


@register_kind(ODE)
class Continuous(Measured):
    """`ODE` and `PDE`."""

    words = "models continuous in time"
    task = ContinuousTask
    judged_by = "measurements that mini-batches are judged by"

    def defaults(self, objective: Any, phases: Any) -> tuple[Any, Any]:
        objective = Trajectory() if objective is None else objective
        if phases is not None:
            return objective, phases
        # Line searches compare values of one function.
        searched = getattr(objective, "batch", None) is None
        return objective, (Adam(1e-2, 1000), BFGS(500)) if searched else (Adam(1e-2, 1000),)

    def may_switch(self, settings: Any) -> bool:
        return settings.solver.name == "auto"

    def method(self, record: Record) -> str:
        return record.settings.solver.name

    def how(self, record: Record) -> str:
        return f"solver {record.method}"

    def own_rows(self, record: Record) -> list[tuple[str, str]]:
        solver = record.settings.solver
        tolerance = f"dt {solver.dt:g}" if solver.dt is not None else solver.tolerances
        steps = f"at most {solver.max_steps} steps, adjoint {solver.adjoint}"
        kept = "estimated where unknown" if record.settings.estimate_initial else "kept at their first guess"
        return [("solver", f"{solver.name}, {tolerance}, {steps}"), ("initial values", kept)]

    # ---- predictions ------------------------------------------------------------------------------------------

    def predict(
        self,
        fit: Fit,
        time: Any = None,
        initial: Any = None,
        seed: Any = None,
        *,
        steps: None = None,
        conditions: Any = None,
        forcings: Any = None,
        events: Any = None,
        intervention: Any = None,
    ) -> xr.Dataset:
        """See `Fit.predict`."""
        if steps is not None:
            raise OptionError("`steps` is for steppers; give this model `time`.")
        if intervention is not None:
            intervention = Intervention.of(intervention, "intervention")
            intervention.check(fit.model, "`intervention`")
        inputs = {"conditions": conditions, "forcings": forcings, "events": events, "intervention": intervention}
        return self.predicted(fit, time, initial, seed, **inputs)

    def start_from(
        self, fit: Fit, initial: Mapping[str, Any], grid: np.ndarray, seed: int, **inputs: Any
    ) -> xr.Dataset:
        settings = self._setup(fit, initial, seed, **inputs)
        settings["solver"] = solver_on(fit.engine, settings["solver"])
        found = solve(fit.trained(seed), grid, engine=fit.engine, throw=False, **settings)
        if not found.success:
            warn_user(
                f"The prediction of seed {seed} ends early (NaN): {next(s for s in found.status if s != STATUS[0])}."
            )
        return labelled(found.dataset, fit.record)

    def _setup(
        self,
        fit: Fit,
        initial: Mapping[str, Any] | None,
        seed: int,
        conditions: Any = None,
        forcings: Any = None,
        events: Any = None,
        intervention: Any = None,
    ) -> dict[str, Any]:
        """What `solve` needs besides times: one seed's parameters and initial values, inputs, and training's solver.

        Of data with one trajectory, what is left out is what that has.
        """
        record, theta = fit.record, fit.theta_of(seed)
        solver = record.settings.solver
        values = record.layout.unpack(theta)
        trained = {e.name.removeprefix("initial."): values[e.name] for e in record.layout.of_kind("initial")}
        if len(record.observations) == 1:
            initial = {**{n: v[0] for n, v in trained.items()}, **normal_keys(initial)}
            (own,), data = record.observations.series, record.observations.dataset
            known = {n: float(own.extra[n]) for n in record.model.conditions if n in own.extra}
            known |= {c.per: label_of(own, c.per) for c in record.model.grouped.values()}
            named = normal_keys(mapping(conditions, "conditions", none=True, error=DataError))
            conditions = {**known, **with_combinations(record.model.conditions, named)}
            known = {n: record_array(n, own.inputs[n], data) for n in Own.of(record.model).forcings}
            forcings = {**known, **normal_keys(mapping(forcings, "forcings", none=True, error=DataError))}
            events = {**own.tables, **normal_keys(mapping(events, "events", none=True, error=DataError))}
        return {
            "initial": initial,
            "conditions": conditions,
            "forcings": forcings,
            "events": events,
            "intervention": intervention,
            "parameters": theta[: record.model.layout.size],
            "solver": replace(solver, max_steps=10 * solver.max_steps, adjoint="auto"),
        }

    def export_julia(
        self, fit: Fit, path: Any, time: Any = None, initial: Any = None, seed: int | None = None, **settings: Any
    ) -> None:
        """See `Fit.export_julia`."""
        grid = self.times(fit, time, common=True)
        inputs = {name: settings.pop(name, None) for name in ("conditions", "forcings")}
        member = fit.member(seed)
        known = self._setup(fit, initial, member, **inputs)
        for absent in ("events", "intervention"):  # a script has none, and says so of a model that has
            known.pop(absent)
        export_julia(fit.trained(member), path, grid, **{**known, **settings})
