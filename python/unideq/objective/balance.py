"""Balancing: how the weights of a loss's terms are set while training, so that no term drowns the others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..model import Layout
from .program import Balancing, Objective

__all__ = [
    "RULES",
    "Balance",
    "Causal",
    "ConFIG",
    "GradientNorm",
    "LearningRateAnnealing",
    "NeuralTangentKernel",
    "PCGrad",
]

RULES = ("annealing", "gradient_norm", "ntk", "config", "pcgrad")
"""What engines know; see `unideq.objective.program.Balancing`."""


class Balance:
    """Base of all balancing rules; `fit(balance=...)` takes one, a dict of fixed weights, or a list with `Causal`."""

    rule: ClassVar[str] = ""

    def balancing(self, objective: Objective, layout: Layout) -> Balancing:
        """Plain data for engines, for this objective and layout of θ."""
        return Balancing(self.rule, tuple(objective.weights), layout.mask("network"))


@dataclass(frozen=True)
class LearningRateAnnealing(Balance):
    """Learning-rate annealing (Wang, Teng & Perdikaris 2021, arXiv:2001.04536, algorithm 2.1).

    λ̂ᵢ = max |∇θ L_r| / mean |∇θ λᵢLᵢ|, λᵢ ← (1 − α) λᵢ + α λ̂ᵢ; the residuals' own weight stays.

    Parameters
    ----------
    every
        Iterations between two updates.
    rate
        α.
    reference
        The term, or terms, whose gradient is the measure; None: the terms of the problem's interior.
    denominator
        `weighted`: the mean of |∇ λᵢLᵢ|, as in the paper's algorithm and code; `plain`: of |∇ Lᵢ|, as its text derives.
    """

    rule: ClassVar[str] = "annealing"
    every: int = 10
    rate: float = 0.1
    reference: str | tuple[str, ...] | None = None
    denominator: str = "weighted"


@dataclass(frozen=True)
class GradientNorm(Balance):
    """Equal gradient norms: λ̂ᵢ = Σⱼ ‖∇Lⱼ‖ / ‖∇Lᵢ‖ (Wang, Sankaran, Wang & Perdikaris 2023, arXiv:2308.08468)."""

    rule: ClassVar[str] = "gradient_norm"
    every: int = 1000
    rate: float = 0.1


@dataclass(frozen=True)
class NeuralTangentKernel(Balance):
    """Equal rates of convergence: λ̂ᵢ = Σⱼ tr Kⱼ / tr Kᵢ (Wang, Yu & Perdikaris 2022, arXiv:2007.14527).

    tr Kᵢ is the mean over the term's points of the squared norm of the residual's gradient.
    """

    rule: ClassVar[str] = "ntk"
    every: int = 1000
    rate: float = 0.1


@dataclass(frozen=True)
class ConFIG(Balance):
    """Conflict-free directions: equal, positive cosines with all terms' gradients (Liu, Chu & Thuerey 2025)."""

    rule: ClassVar[str] = "config"


@dataclass(frozen=True)
class PCGrad(Balance):
    """Projected gradients: each term's is freed of what conflicts with the others (Yu et al. 2020)."""

    rule: ClassVar[str] = "pcgrad"


@dataclass(frozen=True)
class Causal:
    """Causal weights in time (Wang, Sankaran & Perdikaris 2024, arXiv:2203.07404); combines with the other rules.

    Time is cut into chunks, w_j = exp(−ε Σ_{k<j} L_k): a time counts once all before it are solved.

    Parameters
    ----------
    chunks
        Number of pieces of the time interval.
    tolerance
        ε.
    terms
        The terms weighted so; None: those of the interior.
    """

    chunks: int = 16
    tolerance: float = 1.0
    terms: tuple[str, ...] | None = None
