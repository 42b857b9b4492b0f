"""TVD fluxes for conservation laws: second order with slopes limited so that no new extrema appear (MUSCL)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ...checks import choice, known_arguments, settle
from ...errors import OptionError
from ...graph import Expression
from ...stored import stored
from .base import Scheme
from .law import lax_friedrichs
from .truncation import sympy_names

__all__ = ["TVD"]

Shift = Callable[[Expression, int], Expression]


@stored
@known_arguments
@dataclass(frozen=True, repr=False)
class TVD(Scheme):
    """Total-variation-diminishing fluxes: limited linear reconstruction with local Lax–Friedrichs fluxes.

    A flux form: used by `grid.flux_divergence(u, flux)`. Second order away from extrema, where it falls to first; the
    total variation doesn't grow under strong-stability-preserving steps.

    Parameters
    ----------
    limiter
        `van_leer` (default), `minmod` (most dissipative) or `superbee` (steepest; squares off smooth waves).

    Raises
    ------
    OptionError
        If the limiter is unknown.

    Notes
    -----
    B. van Leer, J. Comput. Phys. 32 (1979) 101–136; limiters: P. K. Sweby, SIAM J. Numer. Anal. 21 (1984) 995–1011.

    Examples
    --------
    >>> import numpy as np, unideq as ude
    >>> grid = ude.Grid(ude.Axis("x", 0.0, 1.0, 40))
    >>> u = np.where(grid.coordinates("x") < 0.5, 1.0, 0.0)
    >>> step = u - 0.01 * grid.flux_divergence(u, lambda u: u**2 / 2, scheme=ude.schemes.TVD())
    >>> bool(step.min() >= 0.0 and step.max() <= 1.0)
    True
    """

    linear: ClassVar[bool] = False
    ghosts: ClassVar[int] = 2
    interior: ClassVar[int] = 1

    limiter: str = "van_leer"

    def __post_init__(self) -> None:
        settle(self, choice, "limiter", choices=LIMITERS)

    @property
    def derivatives(self) -> tuple[int, ...]:
        """The first."""
        return (1,)

    def order(self, derivative: int = 1) -> int:
        """2, away from extrema and shocks."""
        self.check(derivative)
        return 2

    def face_flux(self, u: Expression, law: Any, shift: Shift) -> Expression:
        """Numerical fluxes at i + ½."""
        step = shift(u, 1) - u
        half = 0.5 * LIMITERS[self.limiter](shift(step, -1), step)
        return lax_friedrichs(law, u + half, shift(u - half, 1))

    def truncation_error(self, derivative: int = 1, terms: int = 1, variable: str = "x", field: str = "u") -> Any:
        """Leading term of D_h u − ∂u for flow towards larger x, where u is smooth and monotone.

        `minmod` and `superbee` choose one side's difference, so their term depends on the sign of u′u″.

        Raises
        ------
        ExtraMissing
            If SymPy isn't installed.
        OptionError
            If further terms or another derivative are asked for.
        """
        self.check(derivative)
        if terms != 1:
            raise OptionError(
                f"`{self!r}` has one term of its truncation error, not {terms!r}: beyond, it isn't smooth."
            )
        sympy, x, dx, u = sympy_names(variable, field)
        # The limited slope is u′dx + s dx²u″/2 + …; s = 0, ∓1 as the limiter takes the mean, the smaller, the larger.
        side = {"van_leer": 0, "minmod": -1, "superbee": 1}[self.limiter]
        sign = side * sympy.sign(u.diff(x) * u.diff(x, 2))
        return dx**2 * (sympy.Rational(-1, 12) + sign / 4) * u.diff(x, 3)


def _van_leer(a: Expression, b: Expression) -> Expression:
    """Harmonic mean of differences of one sign."""
    same = a * b > 0.0
    return np.where(same, 2.0 * a * b / np.where(same, a + b, 1.0), 0.0)  # type: ignore[call-overload]


def _minmod(a: Expression, b: Expression) -> Expression:
    """The smaller of differences of one sign."""
    smaller = np.where(np.abs(a) < np.abs(b), a, b)  # type: ignore[call-overload]
    return np.where(a * b > 0.0, smaller, 0.0)  # type: ignore[call-overload]


def _superbee(a: Expression, b: Expression) -> Expression:
    """The larger, but neither above twice the other."""
    first, second = _minmod(2.0 * a, b), _minmod(a, 2.0 * b)
    return np.where(np.abs(first) > np.abs(second), first, second)  # type: ignore[call-overload]


LIMITERS: dict[str, Callable[[Expression, Expression], Expression]] = {
    "van_leer": _van_leer,
    "minmod": _minmod,
    "superbee": _superbee,
}
