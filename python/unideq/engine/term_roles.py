"""Balancing as engines take it: checked against the objective and the optimiser, and what it means for each term."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from ..errors import ModelError, OptionError, unknown
from ..objective.program import Balancing, LossProgram, MeanSquare
from ..objective.weighting_rules import RULES
from ..optimise import Phase

__all__ = ["PROJECTIONS", "Roles", "checked_balancing", "residual_of"]

PROJECTIONS = ("config", "pcgrad")
"""Rules that make one direction of the terms' gradients in every iteration."""


@dataclass(frozen=True)
class Roles:
    """What the terms of an objective are to a rule; all in the objective's order.

    Attributes
    ----------
    names
        All terms.
    balanced
        Those whose gradients the rule looks at.
    moving
        Those whose weights it sets.
    silent
        Those that count for nothing (weight 0) and whose gradients nobody needs.
    """

    names: tuple[str, ...]
    balanced: tuple[str, ...]
    moving: tuple[str, ...]
    silent: tuple[str, ...]

    @classmethod
    def of(cls, balancing: Balancing, objective: LossProgram, weights: np.ndarray) -> Roles:
        """The roles, given the weights (S, T) that a run begins with."""
        names = objective.terms
        looked_at = {*balancing.terms, *balancing.reference}
        balanced = tuple(name for name in names if name in looked_at)
        moving = tuple(name for name in balanced if name in balancing.terms and name not in balancing.reference)
        without = objective.term_weights == 0
        silent = tuple(n for i, n in enumerate(names) if without[i] and not weights[:, i].any() and n not in balanced)
        return cls(names, balanced, moving, silent)

    def _indices(self, some: tuple[str, ...]) -> np.ndarray:
        return np.array([self.names.index(name) for name in some], dtype=np.int64)

    @cached_property
    def balanced_at(self) -> np.ndarray:
        """Places of the balanced terms among all (B,)."""
        return self._indices(self.balanced)

    @cached_property
    def moving_at(self) -> np.ndarray:
        """Places of the moving terms among the balanced ones."""
        return np.array([self.balanced.index(name) for name in self.moving], dtype=np.int64)


def checked_balancing(
    balancing: Balancing | None, objective: LossProgram, optimizer: Phase, size: int
) -> Balancing | None:
    """The balancing, its terms in the objective's order and without those of weight 0.

    Raises
    ------
    OptionError
        Where the rule, a term or the optimiser doesn't fit.
    """
    if balancing is None:
        return None
    if not optimizer.first_order:
        raise OptionError(
            f"`{optimizer.kind}` compares values of one function, and balancing moves the terms' weights. Balance "
            "in a phase of `ude.Adam(...)` or `ude.SOAP(...)`; the weights found there stay in the phases after it."
        )
    if balancing.rule not in RULES:
        raise unknown("balancing rule", balancing.rule, RULES)
    if balancing.denominator not in ("weighted", "plain"):
        raise unknown("`denominator` of learning-rate annealing", balancing.denominator, ("weighted", "plain"))
    for name in (*balancing.terms, *balancing.reference):
        if name not in objective.terms:
            raise unknown("term to balance", name, objective.terms)
    counted = np.atleast_2d(np.asarray(balancing.counted, dtype=float))
    if counted.shape[1:] != (size,):
        given = np.shape(balancing.counted)
        raise ModelError(f"`counted` of a balancing needs shape ({size},), as θ has it, not {given}.")
    if not (counted > 0).any():
        raise OptionError("Balancing looks at no entry of θ: `counted` is zero everywhere. Fit at least one network.")
    if balancing.every < 1 or not 0 < balancing.rate <= 1:
        raise OptionError(
            f"Balancing needs `every` >= 1 and a `rate` in (0, 1], not {balancing.every!r} and {balancing.rate!r}."
        )
    if balancing.rule == "annealing" and not balancing.reference:
        raise OptionError("Learning-rate annealing needs the term, or terms, that it measures the others against.")
    weight = dict(zip(objective.terms, objective.term_weights, strict=True))
    terms = tuple(name for name in objective.terms if name in balancing.terms and weight[name] != 0)
    if balancing.rule == "ntk":
        for name in terms:
            residual_of(objective, name)
    return replace(balancing, terms=terms, counted=counted)


def residual_of(objective: LossProgram, term: str) -> MeanSquare:
    """The residual that a term is the mean square of.

    Raises
    ------
    OptionError
        If the term isn't of that form.
    """
    found = objective.mean_square(term)
    if found is None:
        raise OptionError(
            f"Neural-tangent-kernel weights need terms that are mean squares of residuals at points; `{term}` isn't "
            f"one (those that are: {', '.join(objective.residuals) or 'none'}; terms with causal weights aren't). Use "
            "`ude.GradientNorm()`."
        )
    return found
