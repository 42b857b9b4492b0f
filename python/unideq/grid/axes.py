"""`Axes`: one or two axes, the points on them, and what needs no scheme: sums, neighbours, values at faces."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..checks import whole
from ..errors import ModelError, OptionError, unknown
from ..graph import Expression, apply
from .axis import Axis
from .field import field_of, handed_back, time_of
from .padding import checked_reach, padded, part

__all__ = ["Axes"]


class Axes:
    """One or two axes with different names; `Grid` adds the derivatives.

    Parameters
    ----------
    *axes
        One or two `Axis`.

    Raises
    ------
    ModelError
        If there are more, or two share a name.
    """

    def __init__(self, *axes: Axis) -> None:
        for axis in axes:
            if not isinstance(axis, Axis):
                raise ModelError(f'A grid is made of axes such as `Axis("x", 0.0, 1.0, 64)`, not {axis!r}.')
        if len(axes) not in (1, 2):
            raise ModelError(f"A grid has one or two axes, not {len(axes)}.")
        names = [a.name for a in axes]
        if len(set(names)) < len(names):
            raise ModelError(f"Two axes of the grid are called `{names[0]}`. Rename one.")
        self.axes = axes

    # ---- what it is -------------------------------------------------------------------------------------------

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of points along each axis."""
        return tuple(a.points for a in self.axes)

    @property
    def dims(self) -> tuple[str, ...]:
        """Names of the axes."""
        return tuple(a.name for a in self.axes)

    @property
    def periodic(self) -> bool:
        """Whether all axes are circles."""
        return all(a.periodic for a in self.axes)

    @property
    def cell(self) -> float:
        """Length or area of one cell, Π dx."""
        return math.prod(a.spacing for a in self.axes)

    def axis(self, name: str | None = None) -> Axis:
        """The axis of that name; in 1-D the name may be left out.

        Raises
        ------
        OptionError
            If there is none, or the grid has two and no name is given.
        """
        if name is None:
            if len(self.axes) == 1:
                return self.axes[0]
            raise OptionError(f"The grid has two axes: write `axis={self.dims[0]!r}` or `axis={self.dims[1]!r}`.")
        for axis in self.axes:
            if axis.name == name:
                return axis
        raise unknown("axis of the grid", name, self.dims)

    def coordinates(self, name: str | None = None) -> np.ndarray:
        """Where the points lie along an axis, (n,)."""
        return self.axis(name).coordinates

    def mesh(self) -> tuple[np.ndarray, ...]:
        """Coordinates of all points, one array of the grid's shape an axis."""
        return tuple(np.meshgrid(*(a.coordinates for a in self.axes), indexing="ij"))

    # ---- sums -------------------------------------------------------------------------------------------------

    def integral(self, u: Any) -> Any:
        """∫ u over the grid: the sum of all cells times their size; leading axes stay."""
        x = field_of(u, self.shape)
        axes = tuple(range(x.ndim - len(self.axes), x.ndim))
        return handed_back(np.sum(x, axis=axes) * self.cell, u)  # type: ignore[call-overload]

    def mean(self, u: Any) -> Any:
        """Mean over the grid; leading axes stay."""
        x = field_of(u, self.shape)
        axes = tuple(range(x.ndim - len(self.axes), x.ndim))
        return handed_back(np.mean(x, axis=axes), u)  # type: ignore[call-overload]

    def patch(self, u: Any, radius: int = 1, t: Any = None) -> tuple[Any, ...]:
        """The field as seen from each point: its neighbours within `radius`, one field each.

        Parameters
        ----------
        u
            Field (*lead, *grid).
        radius
            r: 2r + 1 fields in 1-D, (2r + 1)² in 2-D, offsets rising, the last axis' fastest. Beyond a boundary
            they are quadratic ghost values.
        t
            Time of boundary values that depend on it; needed with arrays only.

        Examples
        --------
        >>> import numpy as np, unideq as ude
        >>> grid = ude.Grid(ude.Axis("x", 0.0, 4.0, 4))
        >>> [p.tolist() for p in grid.patch(np.arange(4.0))]
        [[3.0, 0.0, 1.0, 2.0], [0.0, 1.0, 2.0, 3.0], [1.0, 2.0, 3.0, 0.0]]
        """
        radius = whole(radius, "radius", least=0)
        fields = [field_of(u, self.shape)]
        for i, axis in enumerate(self.axes):
            checked_reach(axis, 2 * radius + 1, "grid.patch")
            position = i - len(self.axes)
            # A shift along one axis leaves the other's length, so its boundary conditions still apply.
            fields = [s for x in fields for s in self._shifted(x, axis, position, radius, time_of(t))]
        return tuple(handed_back(x, u, t) for x in fields)

    def _shifted(self, x: Expression, axis: Axis, position: int, radius: int, t: Expression | None) -> list[Expression]:
        if axis.periodic:
            return [apply("roll", x, shift=-o, axis=x.ndim + position) if o else x for o in range(-radius, radius + 1)]
        wide = padded(x, axis, position, (radius, radius), 2, len(self.axes), t)
        return [part(wide, position, o, o + axis.points) for o in range(2 * radius + 1)]

    # ---- faces ------------------------------------------------------------------------------------------------

    def to_faces(self, u: Any, axis: str | None = None, t: Any = None) -> Any:
        """The field at the faces between cells, by the mean of both sides (second order).

        Parameters
        ----------
        u
            Field (*lead, *grid).
        axis
            Name; may be left out in 1-D.
        t
            Time of boundary values that depend on it; needed with arrays only.

        Returns
        -------
        Expression or numpy.ndarray
            One longer than the grid along that axis, the outer faces included (a periodic axis has the same first and
            last face). At a Dirichlet end the outer face has exactly the given value.

        Examples
        --------
        >>> import numpy as np, unideq as ude
        >>> grid = ude.Grid(ude.Axis("x", 0.0, 1.0, 4, boundary=ude.Dirichlet(7.0)))
        >>> grid.to_faces(np.array([1.0, 2.0, 3.0, 4.0]))
        array([7. , 1.5, 2.5, 3.5, 7. ])
        """
        return self._faces(u, axis, t, (0.5, 0.5), 0)

    def face_gradient(self, u: Any, axis: str | None = None, t: Any = None) -> Any:
        """∂u at the faces between cells, by the difference of both sides (second order); see `to_faces`.

        At a Neumann end the outer face has exactly the given slope, so `grid.divergence(D * grid.face_gradient(u))`
        changes the integral of u by what flows through the ends, to rounding.
        """
        return self._faces(u, axis, t, (-1.0, 1.0), 1)

    def _faces(self, u: Any, axis: str | None, t: Any, coefficients: tuple[float, float], derivative: int) -> Any:
        at = self.axis(axis)
        position = self.dims.index(at.name) - len(self.axes)
        wide = padded(field_of(u, self.shape), at, position, (1, 1), 1, len(self.axes), time_of(t))
        scaled = tuple(c / at.spacing**derivative for c in coefficients)
        sides = apply("stencil", wide, coefficients=scaled, offsets=(-1, 0), axis=wide.ndim + position, boundary="zero")
        return handed_back(part(sides, position, 1, at.points + 2), u, t)
