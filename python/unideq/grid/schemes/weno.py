"""WENO of fifth order for conservation laws: smooth where the solution is, one-sided at its shocks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ...checks import known_arguments, number, settle
from ...errors import OptionError
from ...graph import Expression
from ...stored import stored
from .base import Scheme, one_of
from .truncation import sympy_names

__all__ = ["WENO"]

Shift = Callable[[Expression, int], Expression]


@stored
@known_arguments
@dataclass(frozen=True, repr=False)
class WENO(Scheme):
    """Weighted essentially non-oscillatory fluxes (Jiang & Shu 1996) with local Lax–Friedrichs splitting.

    A flux form: used by `grid.flux_divergence(u, flux)`. Fifth order where the solution is smooth. The split fluxes at
    a face are ½(f ± αu), α being the largest |f′(u)| of the six cells that the face looks at.

    Parameters
    ----------
    accuracy
        Order of accuracy: 5.
    epsilon
        ε of the weights, in the square of the flux's units (default 1e-6): below √ε differences count as smooth.

    Raises
    ------
    OptionError
        If the order is another.

    Notes
    -----
    G.-S. Jiang and C.-W. Shu, J. Comput. Phys. 126 (1996) 202–228, eqs. (2.10)–(2.17).

    Examples
    --------
    >>> import numpy as np, unideq as ude
    >>> grid = ude.Grid(ude.Axis("x", 0.0, 1.0, 40))
    >>> u = np.where(grid.coordinates("x") < 0.5, 1.0, 0.0)
    >>> slope = grid.flux_divergence(u, lambda u: u**2 / 2, scheme=ude.schemes.WENO())
    >>> bool(abs(grid.integral(slope)) < 1e-14)
    True
    """

    linear: ClassVar[bool] = False
    ghosts: ClassVar[int] = 3
    interior: ClassVar[int] = 3

    accuracy: int = 5
    epsilon: float = 1e-6

    def __post_init__(self) -> None:
        one_of("WENO", self.accuracy, (5,))
        settle(self, number, "epsilon", above=0)

    @property
    def derivatives(self) -> tuple[int, ...]:
        """The first."""
        return (1,)

    def order(self, derivative: int = 1) -> int:
        """5, away from shocks."""
        self.check(derivative)
        return 5

    def truncation_error(self, derivative: int = 1, terms: int = 1, variable: str = "x", field: str = "u") -> Any:
        """Leading term of D_h u − ∂u for flow towards larger x, where u is smooth, u′ ≠ 0 and |u′|dx ≫ √ε.

        −dx⁵/60 (u⁽⁶⁾ + (6 u‴²/u′)′): the first part is the linear scheme's, the second what the weights' departure from
        theirs adds (Taylor expansion of the scheme, by computer algebra).

        Raises
        ------
        ExtraMissing
            If SymPy isn't installed.
        OptionError
            If further terms or another derivative are asked for.
        """
        self.check(derivative)
        if terms != 1:
            raise OptionError(f"`{self!r}` knows one term of its truncation error, not {terms!r}.")
        _, x, dx, u = sympy_names(variable, field)
        weights = (6 * u.diff(x, 3) ** 2 / u.diff(x)).diff(x)
        return -(dx**5) * (u.diff(x, 6) + weights) / 60

    def face_flux(self, u: Expression, law: Any, shift: Shift) -> Expression:
        """Numerical fluxes at i + ½."""
        f, alpha = law.flux(u), _largest(law.speed(u), shift)
        # ½(f + αu) looks from the left over i − 2 … i + 2, ½(f − αu) from the right over i + 3 … i − 1.
        left = [0.5 * (shift(f, k) + alpha * shift(u, k)) for k in (-2, -1, 0, 1, 2)]
        right = [0.5 * (shift(f, k) - alpha * shift(u, k)) for k in (3, 2, 1, 0, -1)]
        return self._reconstructed(left) + self._reconstructed(right)

    def _reconstructed(self, v: list[Expression]) -> Expression:
        """The value at the face between v[2] and v[3] from three parabolas, weighted by their smoothness."""
        a, b, c, d, e = v
        parabolas = (
            (2.0 * a - 7.0 * b + 11.0 * c) / 6.0,
            (-b + 5.0 * c + 2.0 * d) / 6.0,
            (2.0 * c + 5.0 * d - e) / 6.0,
        )
        roughness = (
            13.0 / 12.0 * (a - 2.0 * b + c) ** 2 + 0.25 * (a - 4.0 * b + 3.0 * c) ** 2,
            13.0 / 12.0 * (b - 2.0 * c + d) ** 2 + 0.25 * (b - d) ** 2,
            13.0 / 12.0 * (c - 2.0 * d + e) ** 2 + 0.25 * (3.0 * c - 4.0 * d + e) ** 2,
        )
        weights = [g / (self.epsilon + r) ** 2 for g, r in zip((0.1, 0.6, 0.3), roughness, strict=True)]
        total = weights[0] + weights[1] + weights[2]
        return sum((w * p for w, p in zip(weights, parabolas, strict=True)), 0.0) / total  # type: ignore[return-value]


def _largest(speed: Expression, shift: Shift) -> Expression:
    """The maximum over the cells i − 2 … i + 3."""
    if not speed.shape:
        return speed
    pair = np.maximum(speed, shift(speed, 1))  # type: ignore[call-overload]
    return np.maximum(np.maximum(shift(pair, -2), pair), shift(pair, 2))  # type: ignore[call-overload]
