"""Divergence of the flux of a conservation law, in conservative form, on grids with and without ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import OptionError
from ..graph import Expression, apply
from .padding import checked_reach, padded, part
from .schemes import TVD, WENO, Scheme, Upwind
from .schemes.law import ConservationLaw

if TYPE_CHECKING:
    from .axis import Axis
    from .grid import Grid

__all__ = ["law_divergence"]


def law_divergence(
    grid: Grid, u: Expression, law: ConservationLaw, axis: Axis, scheme: Scheme, t: Expression | None
) -> Expression:
    """(F_{i+½} − F_{i−½})/dx with the scheme's face fluxes F."""
    if not isinstance(scheme, (Upwind, TVD, WENO)):
        raise OptionError(f"`{scheme!r}` isn't a flux form. Possible: `WENO(5)`, `TVD(limiter)`, `Upwind(1|3)`.")
    position = grid.dims.index(axis.name) - len(grid.axes)
    place, ghosts = u.ndim + position, scheme.ghosts
    checked_reach(axis, 2 * ghosts, repr(scheme))
    cells = u
    if not axis.periodic:
        cells = padded(u, axis, position, (ghosts, ghosts), scheme.interior, len(grid.axes), t)

    def shift(x: Expression, by: int) -> Expression:
        # Beside a boundary values wrap around among the ghosts' far ends, which the last line cuts off.
        return apply("roll", x, shift=-by, axis=place) if by and x.ndim else x

    faces = scheme.face_flux(cells, law, shift)
    result = (faces - shift(faces, -1)) * (1.0 / axis.spacing)
    return result if axis.periodic else part(result, position, ghosts, ghosts + axis.points)
