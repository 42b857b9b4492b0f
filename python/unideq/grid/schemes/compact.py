"""Compact (Padé) differences of 4th and 6th order: implicit along the axis, with little dispersion error."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from math import factorial

from ...checks import known_arguments
from ...stored import stored
from ..weights import solve
from .base import ImplicitScheme, OfChosenOrder, Weights, one_of

__all__ = ["Compact"]


@stored
@known_arguments
@dataclass(frozen=True, repr=False)
class Compact(OfChosenOrder, ImplicitScheme):
    """Tridiagonal compact differences, α Dᵢ₋₁ + Dᵢ + α Dᵢ₊₁ = Σ cₖ uᵢ₊ₖ, on periodic axes.

    The tridiagonal circulant is divided by in Fourier space, so every value depends on all others.

    Parameters
    ----------
    accuracy
        Order of accuracy: 4 (default; the classical Padé scheme) or 6. The first to the fourth derivative, except for
        the third of order 4: its left side is singular for the shortest wave.

    Raises
    ------
    OptionError
        If the order is another.

    Notes
    -----
    Coefficients solve the Taylor conditions exactly; they are those of S. K. Lele, J. Comput. Phys. 103 (1992) 16–42,
    eqs. (2.1.6), (2.1.7), (2.2.6), (2.2.7) and section 2.3.

    Examples
    --------
    >>> import unideq as ude
    >>> left, right = ude.schemes.Compact(4).implicit()
    >>> [str(c) for c in left[0]], [str(c) for c in right[0]], right[1]
    (['1/4', '1', '1/4'], ['-3/4', '3/4'], (-1, 1))
    """

    accuracy: int = 4

    def __post_init__(self) -> None:
        one_of("Compact", self.accuracy, (4, 6))

    @property
    def derivatives(self) -> tuple[int, ...]:
        """1 to 4; of order 4 not the third."""
        return (1, 2, 4) if self.accuracy == 4 else (1, 2, 3, 4)

    def implicit(self, derivative: int = 1) -> tuple[Weights, Weights]:
        """Exact coefficients and offsets of the left side (without units) and the right (in units of 1/dxᵐ)."""
        self.check(derivative)
        return _pade(derivative, self.accuracy)


@cache
def _pade(m: int, accuracy: int) -> tuple[Weights, Weights]:
    """α and the cₖ from Σₖ cₖ k^q/q! = δ_{qm} + 2α/(q − m)!, for q of m's parity up to the order's."""
    odd = m % 2
    radius = (accuracy + m - (3 if odd else 4)) // 2
    right = list(range(1, radius + 1)) if odd else list(range(radius + 1))
    powers = range(odd, odd + 2 * (len(right) + 1), 2)
    matrix = [
        [Fraction((2 if k else 1) * k**q, factorial(q)) for k in right]
        + [Fraction(-2, factorial(q - m)) if q >= m else Fraction(0)]
        for q in powers
    ]
    *values, alpha = solve(matrix, [int(q == m) for q in powers])
    sides = {
        **{-k: (-c if odd else c) for k, c in zip(right, values, strict=True)},
        **dict(zip(right, values, strict=True)),
    }
    offsets = tuple(sorted(o for o, c in sides.items() if c))
    return ((alpha, Fraction(1), alpha), (-1, 0, 1)), (tuple(sides[o] for o in offsets), offsets)
