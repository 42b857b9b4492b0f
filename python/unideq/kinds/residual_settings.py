"""Settings of the fits of residual problems: how their terms are balanced, and what is run where nobody says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

from ..checks import instance
from ..errors import OptionError
from ..optimise import LBFGS, Adam, ExponentialDecay, GaussNewton, Phase
from ..residual import Residual, ResidualProblem
from ..stored import from_json
from ..training.balance_setting import BalanceSettings
from ..training.settings import FitSettings
from ..training.stage import Stage

__all__ = ["ResidualSettings", "default_phases"]


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


@dataclass(frozen=True, kw_only=True)
class ResidualSettings(FitSettings):
    """See `unideq.fit` for the meaning of each."""

    objective: Residual
    balance: BalanceSettings = field(default_factory=BalanceSettings)

    @classmethod
    def of(
        cls,
        problem: ResidualProblem,
        objective: Any = None,
        phases: Any = None,
        seeds: Any = 1,
        report_every: Any = 50,
        *,
        balance: Any = None,
    ) -> Self:
        """Check and normalise what a user gave."""
        chosen = _checked_objective(Residual() if objective is None else objective)
        balances = BalanceSettings.of(balance)
        if balances.causal is not None and chosen.causal is not None:
            raise OptionError("`Causal` is given twice: in `balance` and in the objective. Leave one out.")
        if balances.causal is not None:
            chosen = replace(chosen, causal=balances.causal)
        chosen.check(problem)
        phases = default_phases(problem, chosen) if phases is None else phases
        made = cls.checked(chosen, phases, seeds, report_every, balance=balances)
        for phase in made.phases:
            if phase.objective is not None:
                _checked_objective(phase.objective, type(phase).__name__)
        if not any(p.first_order for p in made.phases):
            names = ", ".join(f"`{type(p).__name__}`" for p in made.phases)
            if balances.rule is not None:
                raise OptionError(
                    f"`balance` moves weights in phases of Adam, AdamW or SOAP, and there is none, only {names}. "
                    "Put one before, or give fixed weights: `balance={term: weight}`."
                )
            if chosen.causal is not None:
                raise OptionError(
                    f"`Causal` weights act in phases of Adam, AdamW or SOAP, and there is none, only {names}. Put one "
                    "before, or leave `Causal` out."
                )
        return made

    def stages(self) -> list[Stage]:
        """The phases in order. Line searches and Gauss–Newton steps need one function: no causal weights there."""
        found = []
        for stage in super().stages():
            objective = stage.objective
            assert isinstance(objective, Residual)
            if stage.phase.objective is not None and self.balance.causal is not None:
                objective = replace(objective, causal=self.balance.causal)
            if not stage.phase.first_order:
                objective = replace(objective, causal=None)
            found.append(replace(stage, objective=objective))
        return found

    def options(self) -> dict[str, Any]:
        weights, rule = dict(self.balance.weights), self.balance.rule  # causal weights are in the objective
        return {"balance": [part for part in (weights, rule) if part] or None}

    def own_to_json(self) -> dict[str, Any]:
        return {"balance": self.balance.to_json()}

    @classmethod
    def own_from_json(cls, data: Mapping[str, Any]) -> dict[str, Any]:
        return {"balance": from_json(BalanceSettings, data["balance"])}


def _checked_objective(given: Any, of: str = "") -> Residual:
    return instance(given, Residual, "objective", of, needs="`ude.Residual(...)`, for a residual problem")
