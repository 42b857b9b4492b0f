"""Fields with ghost values beyond the ends of an axis: what turns a stencil near a boundary into one inside.

On a periodic axis ghosts are the values from the other end. Elsewhere they lie on the polynomial through the boundary
condition and the p nearest cells, so that only those cells enter: Jacobians stay banded.
"""

from __future__ import annotations

import numpy as np

from ..errors import OptionError
from ..graph import Expression, apply, as_expression, rebuild, variable
from .axis import Axis
from .boundary import Condition, Periodic
from .weights import ghost_weights

__all__ = ["boundary_value", "checked_reach", "padded", "part"]


def part(u: Expression, position: int, start: int, stop: int) -> Expression:
    """u[start:stop] along the axis at `position` (negative: counted from the back)."""
    return u[(..., slice(start, stop), *(slice(None),) * (-1 - position))]


def boundary_value(condition: Condition, position: int, dimensions: int, t: Expression | None) -> Expression:
    """The given number at time t, shaped to stand beside ghosts along the axis at `position`."""
    value = condition.expression
    if t is not None and not value.is_constant:
        value = rebuild([value], {variable("t"): t})[0]
    if value.ndim == 1:
        if dimensions == 1:
            raise OptionError(
                f"`{condition!r}` gives {value.size} numbers, but the end of a 1-D grid is one point. Give one number."
            )
        value = value[:, None] if position == -1 else value[None, :]
    return value


def checked_reach(axis: Axis, span: int, what: str) -> None:
    """Refuse what needs more points than the axis has."""
    if span > axis.points:
        raise OptionError(
            f"`{what}` needs {span} points along axis `{axis.name}`, which has {axis.points}. "
            "Use a finer grid or a scheme of lower order."
        )


def padded(
    u: Expression,
    axis: Axis,
    position: int,
    ghosts: tuple[int, int],
    points: int,
    dimensions: int,
    t: Expression | None = None,
    free: bool = False,
) -> Expression:
    """u with `ghosts` (before, after) more values along an axis.

    Parameters
    ----------
    u
        (*lead, *grid).
    axis, position
        The axis, and where it stands in u, counted from the back (−1: last).
    points
        Number p of interior points that a ghost is made from, where the axis isn't periodic.
    dimensions
        Of the grid.
    t
        Time of the boundary conditions (default: the model's time variable).
    free
        Ignore the boundary conditions and extrapolate from the interior (p points, degree p − 1): for arrays that
        aren't the field itself.
    """
    before, after = ghosts
    n = axis.points
    if isinstance(axis.boundary, Periodic):
        parts = [part(u, position, n - before, n)] if before else []
        parts += [u, *([part(u, position, 0, after)] if after else [])]
        return _joined(parts, position)
    left, right = axis.boundary
    parts = [u]
    if before:
        nearest = part(u, position, 0, points)
        parts.insert(0, _ghosts(nearest, left, position, before, axis, dimensions, t, free, mirrored=False))
    if after:
        nearest = part(u, position, n - points, n)
        parts.append(_ghosts(nearest, right, position, after, axis, dimensions, t, free, mirrored=True))
    return _joined(parts, position)


def _joined(parts: list[Expression], position: int) -> Expression:
    return parts[0] if len(parts) == 1 else apply("concatenate", *parts, axis=parts[0].ndim + position)


def _ghosts(
    nearest: Expression,
    condition: Condition,
    position: int,
    count: int,
    axis: Axis,
    dimensions: int,
    t: Expression | None,
    free: bool,
    mirrored: bool,
) -> Expression:
    rule = "none" if free else condition.rule
    rows, ends = ghost_weights(rule, nearest.shape[position], count)
    interior = np.array([[float(w) for w in row] for row in rows])
    boundary = np.array([float(b) for b in ends])
    if rule == "slope":  # weights are for dx·∂u/∂(inwards)
        boundary *= -axis.spacing if mirrored else axis.spacing
    # The first row is the nearest ghost and the first column the nearest cell; arrays run from left to right.
    if mirrored:
        interior = interior[:, ::-1]
    else:
        interior, boundary = interior[::-1], boundary[::-1]
    if position == -1:
        made = _product(nearest, interior.T)
    else:
        made = as_expression(interior) @ nearest
        boundary = boundary[:, None]
    if free:
        return made
    value = boundary_value(condition, position, dimensions, t)
    if value.is_constant and not value.value.any():
        return made
    return made + value * boundary


def _product(x: Expression, matrix: np.ndarray) -> Expression:
    return x @ as_expression(np.ascontiguousarray(matrix))
