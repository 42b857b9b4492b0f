"""Settings of a fit in one JSON-serialisable place: what resumes runs, and tells two apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Self

from ..checks import whole
from ..objective import Objective
from ..optimise import Phase
from ..stored import from_json
from .stage import Stage, checked_phases, checked_seeds, fingerprint_of

__all__ = ["FitSettings"]


@dataclass(frozen=True, kw_only=True)
class FitSettings:
    """See `unideq.fit` for the meaning of each. A kind of model adds its own, and what goes with them."""

    objective: Objective
    phases: tuple[Phase, ...]
    seeds: tuple[int, ...]
    report_every: int = 50

    @classmethod
    def checked(cls, objective: Objective, phases: Any, seeds: Any, report_every: Any, **own: Any) -> Self:
        """The settings that a user gave; an objective and the further settings are those of a kind, checked."""
        every = whole(report_every, "report_every", least=1)
        listed = checked_phases(phases)
        return cls(
            objective=objective,
            phases=listed,
            seeds=checked_seeds(seeds),
            report_every=every,
            **own,
        )

    @property
    def early_stopping(self) -> int | None:
        """Iterations without a lower held-out error after which training stops; None: none that does."""
        return None

    def stages(self) -> list[Stage]:
        """The phases in order, each on its own objective or on that of the fit."""
        return [Stage(p, p.objective or self.objective, p.iterations) for p in self.phases]

    @property
    def lasting_objective(self) -> Objective:
        """What a training that goes on from this one minimises."""
        return self.objective

    def options(self) -> dict[str, Any]:
        """What a kind adds, as arguments of `fit`."""
        return {}

    def rows(self) -> list[tuple[str, str]]:
        """(what, how), for people."""
        words = []
        for _, rounds in groupby(self.stages(), lambda s: (id(s.phase), id(s.objective))):
            own = list(rounds)
            more = f" in {len(own)} rounds" if len(own) > 1 else ""
            words.append(f"{own[0].label}, {sum(s.iterations for s in own)} iterations{more}")
        stages = "; ".join(words)
        return [("stages", stages), ("seeds", ", ".join(map(str, self.seeds)))]

    def to_json(self) -> dict[str, Any]:
        """Plain values; functions appear as their traced graphs."""
        return {
            "objective": self.objective.to_json(),
            "phases": [p.to_json() for p in self.phases],
            "seeds": list(self.seeds),
            **self.own_to_json(),
            "report_every": self.report_every,
        }

    def own_to_json(self) -> dict[str, Any]:
        """What a kind adds, as plain values."""
        return {}

    @classmethod
    def own_from_json(cls, data: Mapping[str, Any]) -> dict[str, Any]:
        """Inverse of `own_to_json`."""
        return {}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Inverse of `to_json`."""
        return cls(
            objective=from_json(Objective, data["objective"]),
            phases=tuple(from_json(Phase, p) for p in data["phases"]),
            seeds=tuple(data["seeds"]),
            report_every=data["report_every"],
            **cls.own_from_json(data),
        )

    def fingerprint(self, *more: Any) -> str:
        """Short hash of these settings and whatever else decides the run (model, data)."""
        return fingerprint_of(self.to_json(), *more)
