"""All settings of a residual fit in one JSON-serialisable place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ..checks import instance, whole
from ..errors import OptionError
from ..objective import objective_from_json
from ..residual import Residual, ResidualProblem
from .balancing import BalanceSettings
from .phase import LBFGS, SOAP, Adam, AdamW, GaussNewton, Phase
from .schedule import ExponentialDecay
from .stage import Stage, checked_phases, checked_seeds, phases_from_json, phases_to_json

__all__ = ["FIRST_ORDER", "ResidualSettings", "default_phases"]

FIRST_ORDER = (Adam, AdamW, SOAP)
"""Phases that take fresh points and moving weights in every iteration; others need one function."""


MOST_FREE = 2000
"""Free numbers up to which Gauss–Newton steps are the default: their matrices grow with them."""
MANY_POINTS = 512
"""Least number of points of the default's second phase, which sees the same ones throughout."""


def default_phases(problem: ResidualProblem, objective: Residual) -> tuple[Phase, ...]:
    """What `fit` runs where nobody says: Adam, then Gauss–Newton steps or L-BFGS on more points, which stay."""
    counts = {n: objective.count(problem, n) for n, t in problem.terms.items() if t.given(problem.domain) is None}
    more = replace(objective, points={n: max(c, MANY_POINTS) for n, c in counts.items()}, causal=None)
    small = problem.layout.free_mask.sum() <= MOST_FREE
    last = GaussNewton(100, objective=more) if small else LBFGS(1000, objective=more)
    return Adam(ExponentialDecay(1e-3, 0.9, 1000), 10_000), last


@dataclass(frozen=True)
class ResidualSettings:
    """See `unideq.fit` for the meaning of each."""

    objective: Residual
    phases: tuple[Phase, ...]
    seeds: tuple[int, ...]
    balance: BalanceSettings = field(default_factory=BalanceSettings)
    report_every: int = 50

    @classmethod
    def of(
        cls,
        problem: ResidualProblem,
        objective: Any = None,
        phases: Any = None,
        seeds: Any = 1,
        balance: Any = None,
        report_every: int = 50,
    ) -> ResidualSettings:
        """Check and normalise what a user gave."""
        chosen = _checked_objective(Residual() if objective is None else objective)
        balances = BalanceSettings.of(balance)
        if balances.causal is not None and chosen.causal is not None:
            raise OptionError("`Causal` is given twice: in `balance` and in the objective. Leave one out.")
        if balances.causal is not None:
            chosen = replace(chosen, causal=balances.causal)
        chosen.check(problem)
        listed = checked_phases(default_phases(problem, chosen) if phases is None else phases)
        for phase in listed:
            if phase.objective is not None:
                _checked_objective(phase.objective, type(phase).__name__)
        if balances.rule is not None and not any(isinstance(p, FIRST_ORDER) for p in listed):
            names = ", ".join(f"`{type(p).__name__}`" for p in listed)
            raise OptionError(
                f"`balance` moves weights in phases of Adam, AdamW or SOAP, and there is none, only {names}. "
                "Put one before, or give fixed weights: `balance={term: weight}`."
            )
        if chosen.causal is not None and not any(isinstance(p, FIRST_ORDER) for p in listed):
            names = ", ".join(f"`{type(p).__name__}`" for p in listed)
            raise OptionError(
                f"`Causal` weights act in phases of Adam, AdamW or SOAP, and there is none, only {names}. Put one "
                "before, or leave `Causal` out."
            )
        every = whole(report_every, "report_every", least=1)
        return cls(chosen, listed, checked_seeds(seeds), balances, every)

    def stages(self) -> list[Stage]:
        """The phases in order. Line searches and Gauss–Newton steps need one function: no causal weights there."""
        found = []
        for phase in self.phases:
            own = phase.objective
            objective = self.objective if own is None else own
            assert isinstance(objective, Residual)
            if own is not None and self.balance.causal is not None:
                objective = replace(objective, causal=self.balance.causal)
            if not isinstance(phase, FIRST_ORDER):
                objective = replace(objective, causal=None)
            found.append(Stage(phase, objective, phase.iterations))
        return found

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "objective": self.objective.to_json(),
            "phases": phases_to_json(self.phases),
            "seeds": list(self.seeds),
            "balance": self.balance.to_json(),
            "report_every": self.report_every,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> ResidualSettings:
        """Inverse of `to_json`."""
        objective = objective_from_json(data["objective"])
        assert isinstance(objective, Residual)
        return cls(
            objective,
            phases_from_json(data["phases"]),
            tuple(data["seeds"]),
            BalanceSettings.from_json(data["balance"]),
            data["report_every"],
        )


def _checked_objective(given: Any, of: str = "") -> Residual:
    return instance(given, Residual, "objective", of, needs="`ude.Residual(...)`, for a residual problem")
