"""One axis of a grid: uniform points on a circle, or uniform cells between two ends with a condition at each."""

from __future__ import annotations

import keyword
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np

from ..checks import array, known_arguments, number, text, whole
from ..errors import DataError, FileFormatError, ModelError
from .boundary import Boundary, Periodic, boundary_from_json, boundary_of

__all__ = ["Axis"]

RESERVED = frozenset({"time", "trajectory", "seed", "iteration", "t"})


class Axis:
    """A named, uniformly spaced axis.

    Parameters
    ----------
    name
        A Python identifier: the dimension that data carry.
    start, stop
        Ends of the domain, in `units`.
    points
        Number n of points. Periodic axes have xᵢ = start + i·dx, others are cell-centred: xᵢ = start + (i + ½)dx;
        dx = (stop − start)/n for both.
    boundary
        `"periodic"` (default), one condition for both ends, or a pair (left, right) of `Dirichlet` and `Neumann`.
    units
        For labels.

    Raises
    ------
    ModelError, OptionError
        If the ends, the number of points or the boundary make no axis.

    Examples
    --------
    >>> import unideq as ude
    >>> ude.Axis("x", 0.0, 1.0, 4).coordinates
    array([0.  , 0.25, 0.5 , 0.75])
    >>> ude.Axis("x", 0.0, 1.0, 4, boundary=ude.Dirichlet(0.0)).coordinates
    array([0.125, 0.375, 0.625, 0.875])
    """

    @known_arguments
    def __init__(
        self, name: str, start: float, stop: float, points: int, boundary: Any = "periodic", units: str = ""
    ) -> None:
        self.name = _checked_name(name)
        of = f"Axis {name}"
        self.start = float(number(start, "start", of, error=ModelError))
        self.stop = float(number(stop, "stop", of, error=ModelError))
        if not self.start < self.stop:
            raise ModelError(f"Axis `{name}` needs `start` below `stop`, both finite, not {start!r} and {stop!r}.")
        self.points: int = whole(points, "points", of, least=2, error=ModelError)
        self.boundary: Boundary = boundary_of(boundary, name)
        self.units = text(units, "units", of, error=ModelError)

    @classmethod
    def from_coordinates(cls, name: str, values: Any, boundary: Any = "periodic", units: str = "") -> Axis:
        """The axis that has these coordinates.

        Parameters
        ----------
        name
            Of the axis.
        values
            Increasing, uniformly spaced coordinates (n,): points of a periodic axis (its end lies one spacing after
            the last), or cell centres of another (its ends lie half a spacing outside).
        boundary, units
            As for `Axis`.

        Raises
        ------
        DataError
            If the coordinates aren't finite, increasing and uniform.

        Examples
        --------
        >>> import unideq as ude
        >>> ude.Axis.from_coordinates("x", [0.5, 1.5, 2.5], boundary=ude.Neumann())
        Axis('x', 0.0, 3.0, 3, boundary=(Neumann(0.0), Neumann(0.0)))
        """
        x = array(values, "values", f"Axis {name}", finite=False, error=DataError)
        if x.ndim != 1 or len(x) < 2 or not np.isfinite(x).all():
            raise DataError(f"Axis `{name}` needs at least two finite coordinates in one dimension, not {values!r}.")
        steps = np.diff(x)
        if (steps <= 0).any():
            i = int(np.flatnonzero(steps <= 0)[0])
            raise DataError(
                f"Coordinates of axis `{name}` must increase; {x[i + 1]:g} (index {i + 1}) follows {x[i]:g}."
            )
        spacing = (x[-1] - x[0]) / (len(x) - 1)
        off = np.abs(x - (x[0] + spacing * np.arange(len(x))))
        # Coordinates written with six digits still count as uniform.
        if off.max() > 1e-5 * spacing + 4 * np.finfo(float).eps * np.abs(x).max():
            i = int(np.argmax(off))
            raise DataError(
                f"Axis `{name}` isn't uniform: steps run from {steps.min():g} to {steps.max():g}, and {x[i]:g} "
                f"(index {i}) lies {off[i]:g} off. Interpolate the data to a uniform axis first, "
                f"e.g. `data.interp({name}=…)`."
            )
        lead = 0.0 if isinstance(boundary_of(boundary, name), Periodic) else 0.5 * spacing
        return cls(name, x[0] - lead, x[0] - lead + spacing * len(x), len(x), boundary, units)

    @property
    def periodic(self) -> bool:
        """Whether the axis is a circle."""
        return isinstance(self.boundary, Periodic)

    @property
    def length(self) -> float:
        """stop − start."""
        return self.stop - self.start

    @property
    def spacing(self) -> float:
        """dx = length / points."""
        return self.length / self.points

    @cached_property
    def coordinates(self) -> np.ndarray:
        """Where the points lie, (n,)."""
        x = self.start + self.spacing * (np.arange(self.points) + (0.0 if self.periodic else 0.5))
        x.setflags(write=False)
        return x

    def with_boundary(self, boundary: Any) -> Axis:
        """The same axis with other boundary conditions."""
        return Axis(self.name, self.start, self.stop, self.points, boundary, self.units)

    def with_points(self, points: int) -> Axis:
        """The same domain with another number of points."""
        return Axis(self.name, self.start, self.stop, points, self.boundary, self.units)

    def __repr__(self) -> str:
        end = "" if self.periodic else f", boundary={self.boundary!r}"
        units = f", units={self.units!r}" if self.units else ""
        return f"Axis({self.name!r}, {self.start!r}, {self.stop!r}, {self.points}{end}{units})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Axis) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def _key(self) -> tuple[Any, ...]:
        return self.name, self.start, self.stop, self.points, self.boundary, self.units

    def to_json(self) -> dict[str, Any]:
        """The arguments that make it again, as plain data; functions of t as their traced graphs."""
        boundary = "periodic" if isinstance(self.boundary, Periodic) else [end.to_json() for end in self.boundary]
        return {
            "name": self.name,
            "start": self.start,
            "stop": self.stop,
            "points": self.points,
            "boundary": boundary,
            "units": self.units,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Axis:
        """The axis that `to_json` wrote."""
        try:
            boundary = boundary_from_json(data["boundary"])
            return cls(data["name"], data["start"], data["stop"], data["points"], boundary, data["units"])
        except (KeyError, TypeError) as error:
            raise FileFormatError(f"The stored axis is damaged: {error}.") from error


def _checked_name(name: Any) -> str:
    if not isinstance(name, str) or not name.isidentifier() or keyword.iskeyword(name) or name.startswith("_"):
        raise ModelError(f"An axis' name is a Python identifier such as `x`, not {name!r}.")
    if name in RESERVED:
        raise ModelError(f"Axis name `{name}` is taken: results have a dimension or an input of that name.")
    return name
