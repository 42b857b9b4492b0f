"""`Domain`: where a problem is posed; a box of coordinates, or a part of one with a sampled boundary."""

from __future__ import annotations

import keyword
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..checks import array, function, shown
from ..errors import ModelError, UnideqError
from .predicate import StoredPredicate, stored_predicate

__all__ = ["Domain", "Points", "columns_of"]

Points = dict[str, np.ndarray]
"""Coordinate, or further column, → values (M,)."""

RESERVED = frozenset({"theta", "seed", "iteration", "keys", "measured"})
"""What graphs, results and data terms call something else."""


class Domain:
    """A box: coordinate → (low, high); time is a coordinate like the others, called `t`.

    Parameters
    ----------
    intervals
        Coordinate → (low, high), in the coordinate's units.
    inside
        `f(points)` → (M,) bool for a domain of another shape inside the box: NumPy function of a dict coordinate →
        (M,). Points of the box that aren't inside are left out.
    boundary
        Points on the boundary of such a domain, coordinate → (N,); further columns (normals) are read as `at.NAME`.
        Coordinates that are left out (time) are drawn between their ends.

    Raises
    ------
    ModelError
        If an interval is empty or a boundary point lies outside the box.

    Examples
    --------
    A disc:

    >>> import numpy as np, unideq as ude
    >>> angle = np.linspace(0, 2 * np.pi, 200, endpoint=False)
    >>> disc = ude.Domain(
    ...     {"x": (-1, 1), "y": (-1, 1)},
    ...     inside=lambda at: at["x"] ** 2 + at["y"] ** 2 < 1,
    ...     boundary={"x": np.cos(angle), "y": np.sin(angle)},
    ... )
    >>> disc
    Domain(x=(-1.0, 1.0), y=(-1.0, 1.0), inside=..., boundary=200 points)
    """

    def __init__(
        self,
        intervals: Mapping[str, tuple[float, float]],
        inside: Callable[[Points], np.ndarray] | None = None,
        boundary: Mapping[str, Any] | None = None,
    ) -> None:
        if not isinstance(intervals, Mapping) or not intervals:
            raise ModelError(f'A domain needs coordinates: `{{"x": (-1, 1), "t": (0, 1)}}`, not {shown(intervals)}.')
        self.intervals: dict[str, tuple[float, float]] = {}
        for name, interval in intervals.items():
            self.intervals[_checked_name(name)] = _checked_interval(name, interval)
        needs = "a function of a dict coordinate → (M,)"
        self.inside = function(inside, "inside", needs=needs, none=True, error=ModelError)
        self.boundary = None if boundary is None else self._checked_boundary(boundary)

    @classmethod
    def of(cls, given: Any) -> Domain:
        """A domain as it is, or made of intervals."""
        return given if isinstance(given, cls) else cls(given)

    @property
    def names(self) -> tuple[str, ...]:
        """The coordinates."""
        return tuple(self.intervals)

    def length(self, name: str) -> float:
        """high − low of a coordinate."""
        low, high = self.intervals[name]
        return high - low

    def scaled(self, name: str, unit: np.ndarray) -> np.ndarray:
        """Numbers between 0 and 1 as values of a coordinate."""
        low, high = self.intervals[name]
        return low + (high - low) * unit

    def outside(self, name: str, values: np.ndarray) -> np.ndarray:
        """Places (k,) of values beyond a coordinate's interval, or NaN; rounding is forgiven."""
        low, high = self.intervals[name]
        slack = 1e-9 * (high - low)
        return np.flatnonzero(~((values >= low - slack) & (values <= high + slack)))

    def contains(self, points: Mapping[str, np.ndarray]) -> np.ndarray:
        """(M,) bool: which points of the box are inside."""
        count = len(next(iter(points.values())))
        if self.inside is None:
            return np.ones(count, dtype=bool)
        answer = np.asarray(self.inside({n: points[n] for n in self.names}))
        if answer.shape != (count,) or answer.dtype != bool:
            raise ModelError(
                f"`inside` needs one truth value a point, (M,) bool; it returned {answer.dtype} {answer.shape} for "
                f"{count} points."
            )
        return answer

    def checked_points(
        self,
        points: Mapping[str, Any],
        what: str,
        error: type[UnideqError] = ModelError,
        partial: bool = False,
        beyond: bool = False,
    ) -> Points:
        """Columns as float arrays of one length, all coordinates among them and inside the box.

        Parameters
        ----------
        points
            Column → values (N,).
        what
            Name of the points in messages.
        error
            Kind of error.
        partial
            Whether coordinates may be left out.
        beyond
            Whether points may lie outside the box.
        """
        columns = columns_of(points, what, error)
        missing = [name for name in self.names if name not in columns]
        if (missing and not partial) or len(missing) == len(self.names):
            raise error(f"{what} has no `{missing[0]}`. Give all coordinates: {', '.join(self.names)}.")
        for name, (low, high) in self.intervals.items():
            if name in missing or beyond:
                continue
            outside = self.outside(name, columns[name])
            if len(outside):
                at = columns[name][outside[0]]
                raise error(
                    f"{what} lies outside the domain: point {outside[0]} has {name} = {at:g}, and {name} runs from "
                    f"{low:g} to {high:g}."
                )
        return columns

    def _checked_boundary(self, boundary: Mapping[str, Any]) -> Points:
        columns = self.checked_points(boundary, "The domain's boundary", partial=True)
        if not len(next(iter(columns.values()))):
            raise ModelError("The domain's boundary has no points. Give some, or leave `boundary` out.")
        return columns

    def __repr__(self) -> str:
        parts = [f"{n}=({low!r}, {high!r})" for n, (low, high) in self.intervals.items()]
        parts += ["inside=..."] if self.inside is not None else []
        if self.boundary is not None:
            parts.append(f"boundary={len(next(iter(self.boundary.values())))} points")
        return f"Domain({', '.join(parts)})"

    # ---- JSON -------------------------------------------------------------------------------------------------

    def to_json(self) -> dict[str, Any]:
        """Plain data; `inside` as a graph, where it can be traced."""
        data: dict[str, Any] = {"intervals": {n: list(v) for n, v in self.intervals.items()}}
        if self.inside is not None:
            data["inside"] = stored_predicate(self.inside, self.names)
        if self.boundary is not None:
            data["boundary"] = {n: v.tolist() for n, v in self.boundary.items()}
        return data

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Domain:
        """Inverse of `to_json`."""
        inside = StoredPredicate(data["inside"]) if "inside" in data else None
        return cls({n: tuple(v) for n, v in data["intervals"].items()}, inside, data.get("boundary"))


def columns_of(points: Any, what: str, error: type[UnideqError] = ModelError) -> Points:
    """Named columns as float arrays (N,) of one length."""
    if not isinstance(points, Mapping) or not points:
        raise error(f'{what} needs a dict coordinate → values, e.g. `{{"x": [0.0, 1.0]}}`.')
    columns = {}
    for name, values in points.items():
        found = array(values, f"{what}: {name}", finite=False, error=error)
        columns[str(name)] = np.atleast_1d(found)
    shapes = {name: values.shape for name, values in columns.items()}
    if len(set(shapes.values())) > 1 or any(len(s) != 1 for s in shapes.values()):
        raise error(f"{what} needs one value a point in every column, not shapes {shapes}.")
    return columns


def _checked_name(name: Any) -> str:
    if not isinstance(name, str) or not name.isidentifier() or name.startswith("_") or keyword.iskeyword(name):
        raise ModelError(f"Coordinate names are Python identifiers such as `x`, not {name!r}.")
    if name == "time":
        raise ModelError("Call time `t`: `Initial`, `Boundary` and causal weights know it by that name.")
    if name in RESERVED:
        raise ModelError(f"Coordinate name `{name}` is taken: results and graphs use it. Choose another.")
    return name


def _checked_interval(name: str, interval: Any) -> tuple[float, float]:
    ends = array(interval, name, ndim=1, finite=False, error=ModelError, hint="Give (low, high).")
    if len(ends) != 2 or not (np.isfinite(ends).all() and ends[0] < ends[1]):
        raise ModelError(f"Coordinate `{name}` needs (low, high) with low < high, not {shown(interval)}.")
    return float(ends[0]), float(ends[1])
