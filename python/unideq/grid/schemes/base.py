"""What every scheme knows: which derivatives it has, to what order, with which leading error."""

from __future__ import annotations

import dataclasses
from fractions import Fraction
from functools import cache
from math import factorial
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ...checks import array, known_arguments
from ...errors import OptionError
from ...graph import Expression
from ...stored import Stored
from ..weights import derivative_weights

if TYPE_CHECKING:
    from ..axis import Axis

__all__ = ["ImplicitScheme", "Scheme", "StencilScheme", "Weights"]

Weights = tuple[tuple[Fraction, ...], tuple[int, ...]]
"""Exact coefficients in units of 1/dxᵐ, and their offsets in points."""


@known_arguments
@dataclasses.dataclass(frozen=True)
class Scheme(Stored):
    """Base of all schemes. Schemes are plain settings: two with the same settings are equal."""

    family: ClassVar[str] = "scheme"
    tag: ClassVar[str] = "scheme"
    periodic_only: ClassVar[bool] = False
    """Whether the axis must be a circle."""
    linear: ClassVar[bool] = True
    """Whether there are derivatives as such; flux forms only know divergences of fluxes."""

    @property
    def derivatives(self) -> tuple[int, ...]:
        """Which derivatives there are."""
        return (1, 2, 3, 4)

    def order(self, derivative: int = 1) -> float:
        """Order of accuracy in dx."""
        raise NotImplementedError

    def series(self, derivative: int, largest: int) -> dict[int, Fraction]:
        """Coefficients d_q of D_h u = Σ_q d_q dx^(q−m) u^(q), for q up to `largest`; zeros are left out."""
        raise OptionError(f"`{self!r}` isn't linear: it has no expansion of this kind.")

    def stencil(self, derivative: int = 1) -> tuple[np.ndarray, np.ndarray]:
        """Coefficients (float64, in units of 1/dxᵐ) and offsets (int64, in points).

        Raises
        ------
        OptionError
            If the scheme has no such derivative, or isn't an explicit stencil.
        """
        raise OptionError(f"`{self!r}` isn't an explicit stencil: it has no list of coefficients.")

    def modified_wavenumber(self, derivative: int, kdx: Any) -> np.ndarray:
        """What the scheme makes of a wave: D_h exp(ikx) = iᵐ w exp(ikx)/dxᵐ, where exact would be w = (k dx)ᵐ.

        Parameters
        ----------
        derivative
            m.
        kdx
            Wavenumber times spacing, from 0 to π, any shape.

        Returns
        -------
        numpy.ndarray
            Complex w. Central schemes have real ones; for odd m a negative imaginary part of w means damping when
            advected to the right.
        """
        raise OptionError(f"`{self!r}` isn't linear: waves don't stay waves.")

    def truncation_error(self, derivative: int = 1, terms: int = 1, variable: str = "x", field: str = "u") -> Any:
        """Leading terms of D_h u − ∂ᵐu, symbolically: what the scheme adds to the equation that it solves.

        Parameters
        ----------
        derivative
            m.
        terms
            How many non-zero terms.
        variable, field
            Names of the coordinate (its spacing is called `dx` for `x`, …) and of the function.

        Returns
        -------
        sympy.Expr
            In `dx` and derivatives of `u(x)`; 0 for spectral schemes.

        Raises
        ------
        ExtraMissing
            If SymPy isn't installed.
        OptionError
            If the scheme has no such derivative.

        Examples
        --------
        >>> import unideq as ude
        >>> ude.schemes.Backward(1).truncation_error()
        -dx*Derivative(u(x), (x, 2))/2
        """
        from .truncation import expansion

        self.check(derivative)
        return expansion(self, derivative, terms, variable, field)

    def apply(self, u: Expression, axis: Axis, position: int, derivative: int, context: Any) -> Expression:
        """The derivative of u along the axis at `position` (counted from the back); see `unideq.grid.operators`."""
        raise NotImplementedError

    def check(self, derivative: int) -> None:
        """Refuse a derivative that the scheme doesn't have."""
        if isinstance(derivative, bool) or derivative not in self.derivatives:
            known = ", ".join(map(str, self.derivatives))
            raise OptionError(
                f"`{self!r}` has no derivative {derivative!r}; it has {known}. "
                "`Central(2|4|6)`, `Compact(6)` and `Fourier()` have 1, 2, 3, 4."
            )

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(repr(v) for v in self.settings().values())})"

    def settings(self) -> dict[str, Any]:
        """Its arguments by name."""
        return self.stored_values()


class StencilScheme(Scheme):
    """A linear scheme that is a weighted sum of neighbours."""

    def weights(self, derivative: int) -> Weights:
        """Exact coefficients and offsets."""
        raise NotImplementedError

    def stencil(self, derivative: int = 1) -> tuple[np.ndarray, np.ndarray]:
        """Coefficients (float64, in units of 1/dxᵐ) and offsets (int64, in points)."""
        self.check(derivative)
        coefficients, offsets = self.weights(derivative)
        return np.array([float(c) for c in coefficients]), np.array(offsets, dtype=np.int64)

    def series(self, derivative: int, largest: int) -> dict[int, Fraction]:
        """Taylor moments of the stencil: d_q = Σₖ cₖ oₖ^q / q!."""
        self.check(derivative)
        coefficients, offsets = self.weights(derivative)
        return _moments(coefficients, offsets, largest)

    def modified_wavenumber(self, derivative: int, kdx: Any) -> np.ndarray:
        """w = i⁻ᵐ Σₖ cₖ exp(i oₖ k dx)."""
        self.check(derivative)
        return _transfer(self.weights(derivative), derivative, kdx) * (-1j) ** derivative

    def closure(self, derivative: int) -> int:
        """Number p of interior points in a ghost value beside a boundary: as many as keep the interior's order."""
        return int(self.order(derivative)) + derivative - 1

    def boundary_order(self, derivative: int = 1) -> int:
        """Order of accuracy at the points beside a boundary: the ghosts' less the derivative's."""
        self.check(derivative)
        return self.closure(derivative) + 1 - derivative

    def apply(self, u: Expression, axis: Axis, position: int, derivative: int, context: Any) -> Expression:
        """The stencil, on the field itself (periodic) or on the field with ghosts."""
        coefficients, offsets = self.stencil(derivative)
        return context.stencil(self, u, axis, position, coefficients / axis.spacing**derivative, offsets, derivative)


class OfChosenOrder(Scheme):
    """Part of families that are asked for an order, the same for all derivatives: their field `accuracy`."""

    accuracy: int

    def order(self, derivative: int = 1) -> int:
        """As asked for."""
        self.check(derivative)
        return self.accuracy


class ImplicitScheme(Scheme):
    """A linear scheme L D_h u = R u with two stencils, solved on periodic axes in Fourier space."""

    periodic_only: ClassVar[bool] = True

    def implicit(self, derivative: int = 1) -> tuple[Weights, Weights]:
        """Exact coefficients and offsets of L (without units) and R (in units of 1/dxᵐ)."""
        raise NotImplementedError

    def series(self, derivative: int, largest: int) -> dict[int, Fraction]:
        """Power series of R over L."""
        self.check(derivative)
        left, right = (_moments(*side, largest) for side in self.implicit(derivative))
        quotient: dict[int, Fraction] = {}
        for q in range(largest + 1):
            rest = right.get(q, Fraction(0)) - sum(
                (left.get(j, Fraction(0)) * quotient.get(q - j, Fraction(0)) for j in range(1, q + 1)), Fraction(0)
            )
            if rest:
                quotient[q] = rest / left[0]
        return quotient

    def modified_wavenumber(self, derivative: int, kdx: Any) -> np.ndarray:
        """w = i⁻ᵐ R̂/L̂."""
        self.check(derivative)
        left, right = self.implicit(derivative)
        return _transfer(right, derivative, kdx) / _transfer(left, 0, kdx) * (-1j) ** derivative

    def apply(self, u: Expression, axis: Axis, position: int, derivative: int, context: Any) -> Expression:
        """The quotient of the two stencils' transforms."""
        self.check(derivative)

        def transfer(kdx: np.ndarray) -> np.ndarray:
            return self.modified_wavenumber(derivative, kdx) * 1j**derivative / axis.spacing**derivative

        return context.multiplier(self, u, axis, position, transfer)


def central_offsets(radius: int) -> tuple[int, ...]:
    """−r, …, r."""
    return tuple(range(-radius, radius + 1))


@cache
def explicit_weights(offsets: tuple[int, ...], derivative: int) -> Weights:
    """The stencil of highest order on these offsets, without its zeros."""
    weights = derivative_weights(offsets, derivative)
    kept = [(w, o) for w, o in zip(weights, offsets, strict=True) if w]
    return tuple(w for w, _ in kept), tuple(o for _, o in kept)


def one_of(what: str, given: Any, possible: tuple[int, ...]) -> None:
    """Refuse an order that a family of schemes doesn't have."""
    if isinstance(given, bool) or given not in possible:
        known = ", ".join(f"`{what}({p})`" for p in possible)
        raise OptionError(f"There is no `{what}({given!r})`. Possible: {known}.")


def _moments(coefficients: tuple[Fraction, ...], offsets: tuple[int, ...], largest: int) -> dict[int, Fraction]:
    moments = {
        q: sum((c * o**q for c, o in zip(coefficients, offsets, strict=True)), Fraction(0)) / factorial(q)
        for q in range(largest + 1)
    }
    return {q: value for q, value in moments.items() if value}


def _transfer(weights: Weights, derivative: int, kdx: Any) -> np.ndarray:
    """Σₖ cₖ exp(i oₖ k dx), exactly real or imaginary for symmetric stencils of even or odd derivatives."""
    phase = np.multiply.outer(array(kdx, "kdx"), np.array(weights[1]))
    coefficients = np.array([float(c) for c in weights[0]])
    at = dict(zip(weights[1], weights[0], strict=True))
    symmetric = all(at.get(-o) == (-1) ** derivative * c for o, c in at.items())
    even = np.cos(phase) @ coefficients if not (symmetric and derivative % 2) else 0.0
    odd = np.sin(phase) @ coefficients if not (symmetric and derivative % 2 == 0) else 0.0
    return np.asarray(even + 1j * odd)
