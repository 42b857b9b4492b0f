"""One-sided differences: backward, forward, and upwind ones that look where the flow comes from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...checks import known_arguments
from ...graph import Expression
from ...stored import stored
from .base import OfChosenOrder, StencilScheme, Weights, explicit_weights, one_of
from .law import lax_friedrichs

__all__ = ["Backward", "Forward", "Upwind"]


@stored
@known_arguments
@dataclass(frozen=True, repr=False)
class Backward(OfChosenOrder, StencilScheme):
    """Differences of the point and those before it.

    Parameters
    ----------
    accuracy
        Order of accuracy: 1 (default), 2 or 3.

    Raises
    ------
    OptionError
        If the order is another.

    Examples
    --------
    >>> import unideq as ude
    >>> coefficients, offsets = ude.schemes.Backward(1).stencil()
    >>> coefficients.tolist(), offsets.tolist()
    ([-1.0, 1.0], [-1, 0])
    """

    accuracy: int = 1

    def __post_init__(self) -> None:
        one_of(type(self).__name__, self.accuracy, (1, 2, 3))

    def weights(self, derivative: int) -> Weights:
        """The stencil of highest order on the point and m + order − 1 before it."""
        return explicit_weights(tuple(range(1 - derivative - self.accuracy, 1)), derivative)


@stored
@known_arguments
@dataclass(frozen=True, repr=False)
class Forward(Backward):
    """Differences of the point and those after it: `Backward`, mirrored.

    Parameters
    ----------
    accuracy
        Order of accuracy: 1 (default), 2 or 3.

    Raises
    ------
    OptionError
        If the order is another.

    Examples
    --------
    >>> import unideq as ude
    >>> ude.schemes.Forward(1).truncation_error()
    dx*Derivative(u(x), (x, 2))/2
    """

    def weights(self, derivative: int) -> Weights:
        """The stencil of highest order on the point and m + order − 1 after it."""
        return explicit_weights(tuple(range(derivative + self.accuracy)), derivative)


@stored
@known_arguments
@dataclass(frozen=True, repr=False)
class Upwind(OfChosenOrder, StencilScheme):
    """First derivatives biased against the flow: of first order, or of third with four points.

    As a scheme of `grid.d` it takes the flow to be towards larger coordinates; `grid.upwind(u, velocity)` follows the
    sign of the velocity everywhere. In `grid.flux_divergence` it is the flux form with local Lax–Friedrichs fluxes.

    Parameters
    ----------
    accuracy
        Order of accuracy: 1 (default) or 3.

    Raises
    ------
    OptionError
        If the order is another.

    Examples
    --------
    >>> import unideq as ude
    >>> ude.schemes.Upwind(3).truncation_error()
    dx**3*Derivative(u(x), (x, 4))/12
    """

    accuracy: int = 1

    @property
    def derivatives(self) -> tuple[int, ...]:
        """The first."""
        return (1,)

    @property
    def ghosts(self) -> int:
        """Cells beyond an end that the flux form looks at."""
        return 1 if self.accuracy == 1 else 2

    @property
    def interior(self) -> int:
        """Cells that a ghost of the flux form is made from."""
        return self.closure(1)

    def __post_init__(self) -> None:
        one_of("Upwind", self.accuracy, (1, 3))

    def weights(self, derivative: int) -> Weights:
        """The stencil for flow towards larger coordinates."""
        return explicit_weights((-1, 0) if self.accuracy == 1 else (-2, -1, 0, 1), derivative)

    def face_flux(self, u: Expression, law: Any, shift: Callable[[Expression, int], Expression]) -> Expression:
        """Numerical fluxes at i + ½: of the neighbouring cells, or from parabolas of the split fluxes ½(f ± αu)."""
        if self.accuracy == 1:
            return lax_friedrichs(law, u, shift(u, 1))
        f, alpha = law.flux(u), law.speed(u)
        if alpha.shape:  # the largest of the four cells that a face looks at
            pair = np.maximum(alpha, shift(alpha, 1))  # type: ignore[call-overload]
            alpha = np.maximum(shift(pair, -1), shift(pair, 1))  # type: ignore[call-overload]
        mean = (-shift(f, -1) + 7.0 * f + 7.0 * shift(f, 1) - shift(f, 2)) / 12.0
        jump = shift(u, 2) - 3.0 * shift(u, 1) + 3.0 * u - shift(u, -1)
        return mean + alpha * jump / 12.0

    def mirrored(self) -> Weights:
        """The stencil for flow towards smaller coordinates."""
        coefficients, offsets = self.weights(1)
        return tuple(-c for c in reversed(coefficients)), tuple(-o for o in reversed(offsets))
