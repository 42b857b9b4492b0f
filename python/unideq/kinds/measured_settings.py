"""Settings of fits to measurements: loss, hold-out, regularisation, costs, rankings, solver."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Self

from ..errors import OptionError
from ..objective import (
    L1,
    L2,
    Cost,
    Holdout,
    Loss,
    MultipleShooting,
    Objective,
    Ranking,
    SquaredError,
    Trajectory,
)
from ..objective.constraint import constraints_in
from ..objective.cost import costs_of
from ..objective.ranking import coordinates_of, rankings_of
from ..objective.regularise import regulariser_of
from ..solvers import SolverSettings
from ..stored import from_json
from ..times import Clock
from ..training.settings import FitSettings
from ..training.stage import Stage

__all__ = ["MeasuredSettings", "short"]


@dataclass(frozen=True, kw_only=True)
class MeasuredSettings(FitSettings):
    """See `unideq.fit` for the meaning of each."""

    loss: Loss = field(default_factory=SquaredError)
    holdout: Holdout | None = None
    regulariser: L1 | L2 | None = None
    costs: Mapping[str, Cost] = field(default_factory=dict)
    rankings: Mapping[str, Ranking] = field(default_factory=dict)
    solver: SolverSettings = field(default_factory=SolverSettings)
    estimate_initial: bool = True

    @property
    def early_stopping(self) -> int | None:
        """Iterations without a lower held-out error after which training stops."""
        return None if self.holdout is None else self.holdout.patience

    @property
    def read_besides(self) -> tuple[Mapping[str, tuple[str, ...]], bool, Mapping[str, str]]:
        """What is read with measurements: beside them, whether there may be none, and coordinates of rankings."""
        return self.loss.beside, bool(self.costs or self.rankings), coordinates_of(self.rankings)

    def stages(self) -> list[Stage]:
        """The phases in order, those with a curriculum divided between its horizons."""
        result: list[Stage] = []
        used: dict[int, int] = {}
        for stage in super().stages():
            objective = stage.objective
            if not (isinstance(objective, Trajectory) and objective.curriculum):
                result.append(stage)
                continue
            # A curriculum goes on where the phase before left it.
            done = used.get(id(objective), 0)
            parts, skipped = [], done
            for part, count in objective.stages(done + stage.iterations):
                drop = min(skipped, count)
                skipped -= drop
                if count > drop:
                    parts.append((part, count - drop))
            used[id(objective)] = done + stage.iterations
            result += [Stage(stage.phase, part, count) for part, count in parts]
        for phase in self.phases:
            objective = phase.objective or self.objective
            wanted = sum(n for _, n in objective.curriculum) if isinstance(objective, Trajectory) else 0
            if wanted > (there := used.get(id(objective), wanted)):
                raise OptionError(
                    f"The `curriculum` of `Trajectory` takes {wanted} iterations, and the phases that use it have "
                    f"{there}: its last horizons would never be trained. Give it fewer, or the phases more."
                )
        for stage in result:
            _check_batches(stage)
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
        rounds = max((c.rounds for c in constraints_in(self.costs).values()), default=1)
        return [replace(s, iterations=n) for s in result for n in _parts(s.iterations, rounds)]

    @property
    def lasting_objective(self) -> Objective:
        return self.stages()[-1].objective

    def options(self) -> dict[str, Any]:
        return {
            "loss": self.loss,
            "holdout": self.holdout,
            "regularise": self.regulariser,
            "cost": dict(self.costs) or None,
            "rankings": dict(self.rankings) or None,
            "solver": self.solver,
            "estimate_initial": self.estimate_initial,
        }

    def at(self, clock: Clock) -> Self:
        """The same settings with dates as model times."""
        return self if self.holdout is None else replace(self, holdout=self.holdout.at(clock))

    def with_solver(self, solver: SolverSettings) -> Self:
        """The same settings with another solver."""
        return replace(self, solver=solver)

    def rows(self) -> list[tuple[str, str]]:
        (stages, seeds) = super().rows()
        held = "nothing" if self.holdout is None else short(self.holdout)
        rows = [stages, ("loss", short(self.loss)), seeds, ("held out", held)]
        if self.regulariser is not None:
            rows.append(("regularisation", repr(self.regulariser)))
        if self.costs:
            rows.append(("costs", ", ".join(f"{n} ({c.words})" for n, c in self.costs.items())))
        if self.rankings:
            rows.append(("rankings", "; ".join(f"{n}: {r} (weight {r.weight:g})" for n, r in self.rankings.items())))
        if self.early_stopping is not None:
            rows.append(("early stopping", f"after {self.early_stopping} iterations without a lower held-out loss"))
        return rows

    def own_to_json(self) -> dict[str, Any]:
        regulariser = self.regulariser
        rankings = {n: r.to_json() for n, r in self.rankings.items() if r.graph is not None}
        return {
            **({"rankings": rankings} if rankings else {}),
            "loss": self.loss.to_json(),
            "holdout": None if self.holdout is None else self.holdout.to_json(),
            "regulariser": None if regulariser is None else regulariser.to_json(),
            "costs": {n: c.to_json() for n, c in self.costs.items() if c.graph is not None},
            "solver": self.solver.to_json(),
            "estimate_initial": self.estimate_initial,
            "early_stopping": self.early_stopping,
        }

    @classmethod
    def own_from_json(cls, data: Mapping[str, Any]) -> dict[str, Any]:
        held, patience = data["holdout"], data["early_stopping"]
        return {
            "loss": from_json(Loss, data["loss"]),
            "holdout": None if held is None else Holdout(**held, patience=patience),
            "regulariser": regulariser_of(data["regulariser"]),
            "costs": costs_of(data["costs"] if "costs" in data else data["penalties"]),
            "rankings": rankings_of(data.get("rankings")),
            "solver": from_json(SolverSettings, data["solver"]),
            "estimate_initial": data["estimate_initial"],
        }


def _parts(iterations: int, rounds: int) -> list[int]:
    """Iterations in so many parts as equal as they can be; in fewer where one would be empty."""
    count = min(rounds, iterations)
    return [(iterations * (k + 1)) // count - (iterations * k) // count for k in range(count)]


def _check_batches(stage: Stage) -> None:
    batch = getattr(stage.objective, "batch", None)
    if batch is not None and not stage.phase.first_order:
        name = type(stage.phase).__name__
        raise OptionError(
            f"`{name}` compares values of one function along a line, and `batch={batch}` changes it in "
            f"every iteration. Use Adam, AdamW or SOAP, or `{name}` with an objective of its own on all data: "
            f"`ude.{name}({stage.iterations}, objective=ude.{type(stage.objective).__name__}(...))` without `batch`."
        )


def short(settings: Any) -> str:
    """A dataclass's repr without what is empty."""
    kept = [
        f"{f.name}={getattr(settings, f.name)!r}"
        for f in fields(settings)
        if f.repr and getattr(settings, f.name) not in (None, (), {})
    ]
    return f"{type(settings).__name__}({', '.join(kept)})"
