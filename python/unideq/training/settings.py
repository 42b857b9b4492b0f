"""All settings of a fit in one JSON-serialisable place: what a file needs to resume, and what tells two runs apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from types import MappingProxyType
from typing import Any

from ..checks import choice, flag, instance, number, shown, whole
from ..errors import OptionError
from ..objective import (
    L1,
    L2,
    Holdout,
    Loss,
    MultipleShooting,
    ObjectiveSpecification,
    Penalty,
    Trajectory,
    Unrolled,
    loss_of,
    objective_from_json,
)
from ..objective.regularise import penalties_of, regulariser_of
from ..solvers import ADJOINTS, SOLVERS, Solver, SolverSettings, checked_atol, solver_settings
from ..times import Clock
from .phase import BFGS, LBFGS, SOAP, Adam, AdamW, Phase
from .stage import (
    Stage,
    checked_phases,
    checked_seeds,
    fingerprint_of,
    phases_from_json,
    phases_to_json,
)

__all__ = ["FitSettings", "Stage"]


@dataclass(frozen=True)
class FitSettings:
    """See `unideq.fit` for the meaning of each."""

    objective: ObjectiveSpecification
    phases: tuple[Phase, ...]
    seeds: tuple[int, ...]
    loss: Loss
    holdout: Holdout | None
    regulariser: L1 | L2 | None
    penalties: Mapping[str, Penalty]
    solver: SolverSettings
    estimate_initial: bool = True
    early_stopping: int | None = None
    report_every: int = 50

    @classmethod
    def of(
        cls,
        objective: Any,
        phases: Any,
        seeds: Any,
        loss: Any,
        holdout: Any,
        regularise: Any,
        penalty: Any,
        solver: str | Solver,
        rtol: float,
        atol: float | Mapping[str, float] | None,
        dt: float | None,
        max_steps: int,
        adjoint: str,
        estimate_initial: bool,
        early_stopping: int | None,
        report_every: int,
        steps: bool = False,
    ) -> FitSettings:
        """Check and normalise what a user gave; `steps`: the model is a stepper, whose defaults are its own."""
        objective = (Unrolled() if steps else Trajectory()) if objective is None else objective
        needs = "e.g. `MultipleShooting(5)`, `Trajectory()`, `Collocation()` or, for steppers, `Unrolled()`"
        instance(objective, ObjectiveSpecification, "objective", needs=needs)
        if isinstance(objective, Unrolled) and objective.curriculum:
            if phases is not None:
                raise OptionError(
                    "A `curriculum` makes the phases: Adam with its unroll lengths and learning rates. Leave out "
                    "`phases`, or give each phase its own objective: "
                    "`ude.Adam(1e-4, 500, objective=ude.Unrolled(steps=8))`."
                )
            chosen: Any = tuple(Adam(rate, n, objective=part) for part, n, rate in objective.stages())
        elif phases is None and steps:
            # Line searches compare values of one function and trust its gradient.
            searched = not isinstance(objective, Unrolled) or (objective.batch is None and objective.gradient != "none")
            chosen = (Adam(1e-3, 1000), LBFGS(300)) if searched else (Adam(1e-3, 1000),)
        else:
            chosen = (Adam(1e-2, 1000), BFGS(500)) if phases is None else phases
        phases, members = checked_phases(chosen), checked_seeds(seeds)
        if early_stopping is not None and holdout is None:
            raise OptionError("`early_stopping` watches the held-out error: give `holdout=` as well.")
        return cls(
            objective,
            phases,
            members,
            loss_of(loss),
            Holdout.of(holdout),
            regulariser_of(regularise),
            penalties_of(penalty),
            checked_solver(solver, rtol, atol, dt, max_steps, adjoint),
            flag(estimate_initial, "estimate_initial"),
            whole(early_stopping, "early_stopping", least=1, none=True),
            whole(report_every, "report_every", least=1),
        )

    def stages(self) -> list[Stage]:
        """The phases in order, those with a curriculum divided between its horizons."""
        result: list[Stage] = []
        used: dict[int, int] = {}
        for phase in self.phases:
            objective = phase.objective or self.objective
            if isinstance(objective, Trajectory) and objective.curriculum:
                # A curriculum goes on where the phase before left it.
                done = used.get(id(objective), 0)
                parts, skipped = [], done
                for part, count in objective.stages(done + phase.iterations):
                    drop = min(skipped, count)
                    skipped -= drop
                    if count > drop:
                        parts.append((part, count - drop))
                used[id(objective)] = done + phase.iterations
                result += [Stage(phase, part, count) for part, count in parts]
            else:
                result.append(Stage(phase, objective, phase.iterations))
        for phase in self.phases:
            objective = phase.objective or self.objective
            wanted = sum(n for _, n in objective.curriculum) if isinstance(objective, Trajectory) else 0
            if wanted > (there := used.get(id(objective), wanted)):
                raise OptionError(
                    f"The `curriculum` of `Trajectory` takes {wanted} iterations, and the phases that use it have "
                    f"{there}: its last horizons would never be trained. Give it fewer, or the phases more."
                )
        for stage in result:
            batch = getattr(stage.objective, "batch", None)
            if batch is not None and not isinstance(stage.phase, (Adam, AdamW, SOAP)):
                name = type(stage.phase).__name__
                raise OptionError(
                    f"`{name}` compares values of one function along a line, and `batch={batch}` changes it in "
                    f"every iteration. Use Adam, AdamW or SOAP, or `{name}` with an objective of its own on all "
                    f"windows: `ude.{name}({stage.iterations}, objective=ude.Unrolled(...))` without `batch`."
                )
        sizes = {
            s.objective.group_size
            for s in result
            if isinstance(s.objective, MultipleShooting) and s.objective.starts == "free"
        }
        if len(sizes) > 1:
            raise OptionError(
                "All `MultipleShooting` phases with free starts share their segment starts, so they need one group "
                f"size, not {sorted(sizes)}."
            )
        return result

    def at(self, clock: Clock) -> FitSettings:
        """The same settings with dates as model times."""
        return self if self.holdout is None else replace(self, holdout=self.holdout.at(clock))

    def with_solver(self, solver: SolverSettings) -> FitSettings:
        """The same settings with another solver."""
        return replace(self, solver=solver)

    def to_json(self) -> dict[str, Any]:
        """Plain values; functions appear as their traced graphs."""
        from ..graph.serialise import to_json

        return {
            "objective": self.objective.to_json(),
            "phases": phases_to_json(self.phases),
            "seeds": list(self.seeds),
            "loss": self.loss.to_json(),
            "holdout": None if self.holdout is None else self.holdout.to_json(),
            "regulariser": None
            if self.regulariser is None
            else {"kind": type(self.regulariser).__name__, **asdict(self.regulariser)},
            "penalties": {
                n: {"weight": p.weight, "graph": to_json(p.graph)}
                for n, p in self.penalties.items()
                if p.graph is not None
            },
            "solver": asdict(self.solver),
            "estimate_initial": self.estimate_initial,
            "early_stopping": self.early_stopping,
            "report_every": self.report_every,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> FitSettings:
        """Inverse of `to_json`."""
        objective = objective_from_json(data["objective"])
        assert objective is not None
        return cls(
            objective,
            phases_from_json(data["phases"]),
            tuple(data["seeds"]),
            loss_of(data["loss"]),
            None if data["holdout"] is None else Holdout(**data["holdout"]),
            regulariser_of(data["regulariser"]),
            penalties_of(data["penalties"]),
            SolverSettings(**data["solver"]),
            data["estimate_initial"],
            data["early_stopping"],
            data["report_every"],
        )

    def fingerprint(self, *more: Any) -> str:
        """Short hash of these settings and whatever else decides the run (model, data)."""
        return fingerprint_of(self.to_json(), *more)


def checked_solver(
    solver: Any,
    rtol: float,
    atol: Any,
    dt: float | None,
    max_steps: int,
    adjoint: str = "auto",
    *,
    usual: Mapping[str, Any] = MappingProxyType({"rtol": 1e-6, "max_steps": 4096}),
) -> SolverSettings:
    """Solver settings, or an error that lists what is possible; `usual` are the caller's defaults."""
    if isinstance(solver, (Solver, type)):
        flat = {"rtol": rtol, "atol": atol, "dt": dt, "max_steps": max_steps, "adjoint": adjoint}
        for name, value in flat.items():
            if value is not None and value != {"adjoint": "auto", **usual}.get(name):
                raise OptionError(
                    f"`{name}={shown(value)}` beside a solver that has settings of its own: give it there, "
                    f"`solver=ude.{type(solver).__name__}({name}={shown(value)})`."
                )
        return solver_settings(solver, **usual)
    choice(solver, "solver", ("auto", *SOLVERS))
    choice(adjoint, "adjoint", ADJOINTS)
    relative = float(number(rtol, "rtol", above=0, below=1e6))
    step = number(dt, "dt", above=0, none=True)
    if solver in SOLVERS and SOLVERS[solver].fixed and step is None:
        raise OptionError(f"The fixed-step solver `{solver}` needs a positive step: `dt=0.01`.")
    limit = whole(max_steps, "max_steps", least=1)
    return SolverSettings(solver, relative, checked_atol(atol), None if step is None else float(step), limit, adjoint)
