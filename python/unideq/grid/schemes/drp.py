"""The dispersion-relation-preserving difference of Tam & Webb: seven points, tuned to keep waves at their speed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import cache

from ...checks import known_arguments
from ...stored import stored
from .base import StencilScheme, Weights

__all__ = ["DRP"]


@stored
@known_arguments
@dataclass(frozen=True, repr=False)
class DRP(StencilScheme):
    """First derivatives on seven points, of fourth order, with the smallest wavenumber error for k·dx up to π/2.

    Two of the three coefficients give fourth order; the third minimises ∫|k dx − w(k dx)|² over that band. This is
    the scheme of C. K. W. Tam and J. C. Webb, J. Comput. Phys. 107 (1993) 262–281: a₁ = 0.79926643,
    a₂ = −0.18941314, a₃ = 0.02651995, here to full precision.

    Examples
    --------
    >>> import unideq as ude
    >>> ude.schemes.DRP().stencil()[0].round(8).tolist()
    [-0.02651995, 0.18941314, -0.79926643, 0.79926643, -0.18941314, 0.02651995]
    """

    @property
    def derivatives(self) -> tuple[int, ...]:
        """The first."""
        return (1,)

    def order(self, derivative: int = 1) -> int:
        """4."""
        self.check(derivative)
        return 4

    def weights(self, derivative: int) -> Weights:
        """±a₁, ±a₂, ±a₃."""
        third = _third()
        a = (Fraction(2, 3) + 5 * third, -Fraction(1, 12) - 4 * third, third)  # fourth order for any a₃
        return (-a[2], -a[1], -a[0], *a), (-3, -2, -1, 1, 2, 3)


@cache
def _third() -> Fraction:
    """a₃: least squares of κ − s₀(κ) by s₁(κ), where w = s₀ + a₃ s₁, over 0 … π/2."""
    half = math.pi / 2
    s0 = {1: 4 / 3, 2: -1 / 6}  # coefficients of sin jκ
    s1 = {1: 10.0, 2: -8.0, 3: 2.0}

    def product(i: int, j: int) -> float:
        """∫ sin iκ sin jκ."""
        if i == j:
            return half / 2 - math.sin(2 * i * half) / (4 * i)
        return math.sin((i - j) * half) / (2 * (i - j)) - math.sin((i + j) * half) / (2 * (i + j))

    def slope(j: int) -> float:
        """∫ κ sin jκ."""
        return math.sin(j * half) / j**2 - half * math.cos(j * half) / j

    straight = sum(b * slope(j) for j, b in s1.items())
    known = sum(a * b * product(i, j) for i, a in s0.items() for j, b in s1.items())
    size = sum(a * b * product(i, j) for i, a in s1.items() for j, b in s1.items())
    return Fraction((straight - known) / size)
