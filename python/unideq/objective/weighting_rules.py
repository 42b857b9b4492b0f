"""Balancing: how the weights of a loss's terms are set while training, so that no term drowns the others.

The rules here are settings; `unideq.objective.program.Balancing` is what engines get of them. A rule acts in phases of
Adam, AdamW and SOAP; the weights that it found stay in the phases after.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from ..checks import choice, known_arguments, number, sequence, settle, text, whole
from ..errors import OptionError, unknown
from ..model import Layout
from ..stored import Stored, stored
from .program import Balancing, LossProgram
from .weight_matrices import weight_matrices

__all__ = [
    "RULES",
    "Balance",
    "Causal",
    "ConFIG",
    "GradientNorm",
    "LearningRateAnnealing",
    "NeuralTangentKernel",
    "PCGrad",
    "labels_of",
]

RULES = ("annealing", "gradient_norm", "ntk", "config", "pcgrad")
"""What engines know; see `unideq.objective.program.Balancing`."""


class Balance(Stored):
    """Base of all balancing rules; `fit(balance=...)` takes one, a dict of fixed weights, or a list with `Causal`."""

    family: ClassVar[str] = "balancing rule"
    rule: ClassVar[str] = ""

    def balancing(self, objective: LossProgram, layout: Layout) -> Balancing:
        """Plain data for engines.

        Parameters
        ----------
        objective
            Its terms of non-zero weight take part.
        layout
            Of θ.

        Raises
        ------
        OptionError
            If a term is unknown, or fewer than two take part.
        """
        terms = tuple(name for name in objective.terms if objective.weights.get(name, 1.0) != 0)
        if len(terms) < 2:
            found = f"only `{terms[0]}`" if terms else "none"
            raise OptionError(f"`{type(self).__name__}` balances terms against each other, and there is {found}.")
        return self._data(objective, terms, layout)

    def _data(self, objective: LossProgram, terms: tuple[str, ...], layout: Layout) -> Balancing:
        counted = layout.free_mask.astype(float)
        return Balancing(self.rule, terms, counted, getattr(self, "every", 1), getattr(self, "rate", 1.0))


@stored
@known_arguments
@dataclass(frozen=True)
class LearningRateAnnealing(Balance):
    """Learning-rate annealing: every term's gradient is brought to the size of the residuals'.

    With Σ λ_r L_r the reference terms, whose weights λ_r stay as they were given, every `every` iterations and before
    the update of θ, for every other term i

        λ̂ᵢ = max_θ |∇_θ Σ λ_r L_r| / mean_θ |∇_θ λᵢLᵢ|,        λᵢ ← (1 − α) λᵢ + α λ̂ᵢ,

    over the entries of the networks' weight matrices: not biases, not encoders or embeddings. The first update is
    before the first iteration. A term whose gradient is zero keeps its weight. A term's own weight is where its λ
    starts, nothing more; where a loss in the literature adds several means, scale the residual.

    Parameters
    ----------
    every
        Iterations between two updates.
    rate
        α.
    reference
        The term, or terms, whose gradient is the measure; default in a fit: the terms of the problem's interior.
    denominator
        `weighted`: the mean of |∇ λᵢLᵢ|, as in the paper's algorithm and code; `plain`: of |∇ Lᵢ|, as its text derives.
    average
        `entries`: the mean over all entries, as the algorithm says; `matrices`: the mean of the weight matrices' own
        means, as the paper's public code for the Helmholtz equation has it; `ratios`: every matrix has its own max and
        mean, and the largest ratio counts, as in that code for the cavity. Ratios that aren't finite are left out.

    Raises
    ------
    OptionError
        If a number is out of range or a name unknown.

    Examples
    --------
    >>> import unideq as ude
    >>> ude.LearningRateAnnealing(denominator="plain")
    LearningRateAnnealing(every=10, rate=0.1, reference=None, denominator='plain', average='entries')

    References
    ----------
    Wang, Teng and Perdikaris, "Understanding and mitigating gradient flow pathologies in physics-informed neural
    networks", SIAM J. Sci. Comput. 43, A3055 (2021), arXiv:2001.04536, algorithm 2.1.
    """

    rule: ClassVar[str] = "annealing"
    every: int = 10
    rate: float = 0.1
    reference: str | tuple[str, ...] | None = None
    denominator: str = "weighted"
    average: str = "entries"

    def __post_init__(self) -> None:
        _check_pace(self)
        _settle_terms(self, "reference")
        settle(self, choice, "denominator", choices=("weighted", "plain"))
        settle(self, choice, "average", choices=("entries", "matrices", "ratios"))

    def _data(self, objective: LossProgram, terms: tuple[str, ...], layout: Layout) -> Balancing:
        if not self.reference:
            raise OptionError(
                "`LearningRateAnnealing` measures against the terms of the interior. Name them here: `reference=` one "
                f"or more of {', '.join(f'`{name}`' for name in terms)}."
            )
        reference = tuple(label for name in self.reference for label in labels_of(name, objective))
        if set(terms) <= set(reference):
            raise OptionError("`LearningRateAnnealing` has no term to move: all are its `reference`.")
        counted = weight_matrices(layout, self.average == "matrices", self.average == "ratios")
        return Balancing(self.rule, terms, counted, self.every, self.rate, reference, self.denominator)


@stored
@known_arguments
@dataclass(frozen=True)
class GradientNorm(Balance):
    """Equal gradient norms: λ̂ᵢ = Σⱼ ‖∇_θ Lⱼ‖ / ‖∇_θ Lᵢ‖, λᵢ ← (1 − α) λᵢ + α λ̂ᵢ.

    After a while all ‖λᵢ∇Lᵢ‖ are the same. The first update is before the first iteration; a term whose gradient is
    zero keeps its weight.

    Parameters
    ----------
    every
        Iterations between two updates.
    rate
        α.

    Raises
    ------
    OptionError
        If a number is out of range.

    Examples
    --------
    >>> import unideq as ude
    >>> ude.GradientNorm(every=500)
    GradientNorm(every=500, rate=0.1)

    References
    ----------
    Wang, Sankaran, Wang and Perdikaris, "An expert's guide to training physics-informed neural networks" (2023),
    arXiv:2308.08468, section 5.2.
    """

    rule: ClassVar[str] = "gradient_norm"
    every: int = 1000
    rate: float = 0.1

    def __post_init__(self) -> None:
        _check_pace(self)


@stored
@known_arguments
@dataclass(frozen=True)
class NeuralTangentKernel(Balance):
    """Equal rates of convergence: λ̂ᵢ = Σⱼ tr Kⱼ / tr Kᵢ, λᵢ ← (1 − α) λᵢ + α λ̂ᵢ.

    tr Kᵢ is the mean over the term's points of ‖∂r/∂θ‖², the trace of its neural tangent kernel over the number of its
    points. For terms that are mean squares of residuals at points.

    Parameters
    ----------
    every
        Iterations between two updates; one costs a gradient a point.
    rate
        α.

    Raises
    ------
    OptionError
        If a number is out of range.

    Examples
    --------
    >>> import unideq as ude
    >>> ude.NeuralTangentKernel().rate
    0.1

    References
    ----------
    Wang, Yu and Perdikaris, "When and why PINNs fail to train: a neural tangent kernel perspective", J. Comput. Phys.
    449, 110768 (2022), arXiv:2007.14527, algorithm 1.
    """

    rule: ClassVar[str] = "ntk"
    every: int = 1000
    rate: float = 0.1

    def __post_init__(self) -> None:
        _check_pace(self)


@stored
@known_arguments
@dataclass(frozen=True)
class ConFIG(Balance):
    """Conflict-free directions: the same, positive cosine with the gradient of every term, in every iteration.

    With Ĝ the matrix whose rows are the terms' gradients made one long, and gᵢ the (weighted) gradients,

        v = Ĝ⁺ 1,    u = v / ‖v‖,    g = (Σᵢ gᵢ·u) u.

    The weights that are logged are the coefficients c of g = Σᵢ cᵢ∇Lᵢ. Terms keep the weights that they were given,
    which only matter for the length of g.

    Examples
    --------
    >>> import unideq as ude
    >>> ude.ConFIG()
    ConFIG()

    References
    ----------
    Liu, Chu and Thuerey, "ConFIG: Towards conflict-free training of physics informed neural networks", ICLR 2025,
    arXiv:2408.11104, equations 2 to 4.
    """

    rule: ClassVar[str] = "config"


@stored
@known_arguments
@dataclass(frozen=True)
class PCGrad(Balance):
    """Projected gradients: each term's is freed of what conflicts with the others', in every iteration.

    gᵢ ← gᵢ − (gᵢ·gⱼ / ‖gⱼ‖²) gⱼ for every j with gᵢ·gⱼ < 0, one after the other, with the original gⱼ; g = Σᵢ gᵢ. The
    paper draws the order of the j; here it is cyclic and turns with the iteration, the same on all engines. The weights
    that are logged are the coefficients c of g = Σᵢ cᵢ∇Lᵢ.

    Examples
    --------
    >>> import unideq as ude
    >>> ude.PCGrad()
    PCGrad()

    References
    ----------
    Yu et al., "Gradient Surgery for Multi-Task Learning", NeurIPS 2020, arXiv:2001.06782, algorithm 1.
    """

    rule: ClassVar[str] = "pcgrad"


@stored
@known_arguments
@dataclass(frozen=True)
class Causal(Stored):
    """Causal weights in time; combines with the other rules, in a list.

    Time is cut into chunks with mean squared residuals L_k, and chunk j counts with w_j = exp(−ε Σ_{k<j} L_k): a time
    counts once all before it are solved. The weights are no part of the gradient.

    Parameters
    ----------
    chunks
        Number of pieces of the time interval.
    tolerance
        ε: the larger, the better a time has to be solved before the next one counts.
    terms
        The terms weighted so; default: those of the interior.

    Raises
    ------
    OptionError
        If a number is out of range.

    Examples
    --------
    >>> import unideq as ude
    >>> [ude.GradientNorm(), ude.Causal(chunks=32)]
    [GradientNorm(every=1000, rate=0.1), Causal(chunks=32, tolerance=1.0, terms=None)]

    References
    ----------
    Wang, Sankaran and Perdikaris, "Respecting causality for training physics-informed neural networks", CMAME 421,
    116813 (2024), arXiv:2203.07404, equation 3.6.
    """

    family: ClassVar[str] = "causal weighting"
    tag: ClassVar[str] = ""
    chunks: int = 16
    tolerance: float = 1.0
    terms: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        settle(self, whole, "chunks", least=2)
        settle(self, number, "tolerance", above=0)
        _settle_terms(self, "terms")


def labels_of(name: str, objective: LossProgram) -> tuple[str, ...]:
    """The objective's terms that a name stands for: itself, or `NAME.KEY` of a term with several residuals.

    Raises
    ------
    OptionError
        If there is none.
    """
    found = tuple(label for label in objective.terms if label == name or label.startswith(f"{name}."))
    if not found:
        raise unknown("term", name, objective.terms)
    return found


def _check_pace(rule: Any) -> None:
    settle(rule, whole, "every", least=1)
    settle(rule, number, "rate", above=0, most=1)


def _settle_terms(rule: Any, name: str) -> None:
    """One name of a term, or several, as a tuple; None stays."""
    given = getattr(rule, name)
    if given is not None:
        of = type(rule).__name__
        listed = (given,) if isinstance(given, str) else given
        needs = "the name of a term, or a tuple of them"
        found = sequence(listed, name, of, needs=needs, least=1, each=lambda v: text(v, name, of, empty=False))
        object.__setattr__(rule, name, found)
