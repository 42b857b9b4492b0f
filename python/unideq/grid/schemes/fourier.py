"""Fourier spectral derivatives on periodic axes: exact for every wave that the grid can carry."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ...checks import flag, known_arguments, settle
from ...graph import Expression
from ...stored import stored
from .base import Scheme

if TYPE_CHECKING:
    from ..axis import Axis

__all__ = ["Fourier"]


@stored
@known_arguments
@dataclass(frozen=True, repr=False)
class Fourier(Scheme):
    """Derivatives by (ik)ᵐ in Fourier space.

    The shortest wave of an even number of points (Nyquist) has no odd derivative on the grid: its slope is 0 at every
    point, so odd derivatives drop it and even ones keep it.

    Parameters
    ----------
    dealias
        Whether `grid.divergence` drops the upper third of the flux's spectrum (the 2/3 rule), which is where
        products of fields alias. `grid.product` and `grid.dealias` always do.

    Examples
    --------
    >>> import numpy as np, unideq as ude
    >>> grid = ude.Grid(ude.Axis("x", 0.0, 2 * np.pi, 8), scheme=ude.schemes.Fourier())
    >>> bool(np.allclose(grid.d(np.sin(grid.coordinates("x"))), np.cos(grid.coordinates("x"))))
    True
    """

    periodic_only: ClassVar[bool] = True

    dealias: bool = True

    def __post_init__(self) -> None:
        settle(self, flag, "dealias")

    def order(self, derivative: int = 1) -> float:
        """Infinite: errors of analytic functions fall exponentially."""
        self.check(derivative)
        return math.inf

    def series(self, derivative: int, largest: int) -> dict[int, Fraction]:
        """The derivative itself."""
        self.check(derivative)
        return {derivative: Fraction(1)} if derivative <= largest else {}

    def modified_wavenumber(self, derivative: int, kdx: Any) -> np.ndarray:
        """(k dx)ᵐ."""
        self.check(derivative)
        return np.asarray(kdx, dtype=complex) ** derivative

    def apply(self, u: Expression, axis: Axis, position: int, derivative: int, context: Any) -> Expression:
        """(ik)ᵐ times the transform."""
        self.check(derivative)
        return context.multiplier(self, u, axis, position, lambda kdx: (1j * kdx / axis.spacing) ** derivative)
