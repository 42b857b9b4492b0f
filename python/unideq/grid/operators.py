"""How a scheme meets a grid: stencils with or without ghosts, and multipliers in Fourier space."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..errors import OptionError
from ..graph import Expression, apply
from .padding import checked_reach, padded, part
from .schemes import Scheme, Upwind
from .schemes.base import StencilScheme
from .spectral import along_axis, require_periodic

if TYPE_CHECKING:
    from .axis import Axis
    from .grid import Grid

__all__ = ["Operators"]


@dataclass(frozen=True)
class Operators:
    """Derivatives on one grid, at one time.

    Attributes
    ----------
    grid
        Whose axes and boundary conditions.
    t
        Time of the boundary conditions; None for the model's time variable.
    free
        Whether arrays aren't the field itself (fluxes), so that its boundary conditions don't hold for them: ghosts
        are then extrapolated from the interior.
    dealias
        Whether multipliers drop the upper third of the spectrum.
    """

    grid: Grid
    t: Expression | None = None
    free: bool = False
    dealias: bool = False

    def derivative(self, u: Expression, axis: Axis, order: int, scheme: Scheme) -> Expression:
        """The derivative of that order along an axis."""
        index = self.grid.dims.index(axis.name)
        if scheme.periodic_only:
            require_periodic((axis,), repr(scheme))
        return scheme.apply(u, axis, index - len(self.grid.axes), order, self)

    def stencil(
        self,
        scheme: StencilScheme,
        u: Expression,
        axis: Axis,
        position: int,
        coefficients: np.ndarray,
        offsets: np.ndarray,
        derivative: int,
    ) -> Expression:
        """A weighted sum of neighbours along an axis."""
        low, high = max(0, -int(offsets.min())), max(0, int(offsets.max()))
        points = scheme.closure(derivative) + self.free
        checked_reach(axis, low + high + 1 if axis.periodic else max(low + high + 1, points), repr(scheme))
        settings = {"coefficients": tuple(coefficients.tolist()), "offsets": tuple(offsets.tolist())}
        place = u.ndim + position
        if axis.periodic:
            return apply("stencil", u, axis=place, boundary="periodic", **settings)
        wide = padded(u, axis, position, (low, high), points, len(self.grid.axes), self.t, self.free)
        return part(apply("stencil", wide, axis=place, boundary="zero", **settings), position, low, low + axis.points)

    def multiplier(
        self, scheme: Scheme, u: Expression, axis: Axis, position: int, transfer: Callable[[np.ndarray], np.ndarray]
    ) -> Expression:
        """A transfer function of k·dx along a periodic axis."""
        checked_reach(axis, 2, repr(scheme))
        kdx = 2.0 * np.pi * np.arange(axis.points // 2 + 1) / axis.points
        return along_axis(u, self.grid.axes, position + len(self.grid.axes), transfer(kdx), self.dealias)

    def upwind(self, u: Expression, velocity: Expression, axis: Axis, order: int) -> Expression:
        """velocity · ∂u, each point looking where the flow comes from."""
        if order not in (1, 3):
            raise OptionError(f"`grid.upwind` has order 1 or 3, not {order!r}.")
        scheme = Upwind(order)
        position = self.grid.dims.index(axis.name) - len(self.grid.axes)

        def side(positive: bool) -> Expression:
            weights, offsets = scheme.weights(1) if positive else scheme.mirrored()
            coefficients = np.array([float(c) for c in weights]) / axis.spacing
            return self.stencil(scheme, u, axis, position, coefficients, np.array(offsets), 1)

        if velocity.is_constant and (velocity.value >= 0).all():
            return velocity * side(True)
        if velocity.is_constant and (velocity.value <= 0).all():
            return velocity * side(False)
        forwards = np.maximum(velocity, 0.0)  # type: ignore[call-overload]
        return forwards * side(True) + np.minimum(velocity, 0.0) * side(False)  # type: ignore[call-overload, return-value]
