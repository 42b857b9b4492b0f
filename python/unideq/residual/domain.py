"""`Domain`: where a problem is posed; a box of coordinates, or a part of one with a sampled boundary."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..errors import ModelError

__all__ = ["Domain", "Points"]

Points = dict[str, np.ndarray]
"""Coordinate → values (M,)."""


class Domain:
    """A box: coordinate → (low, high); time is a coordinate like the others.

    Parameters
    ----------
    intervals
        Coordinate → (low, high), in the coordinate's units.
    inside
        `f(points)` → (M,) bool for a domain of another shape inside the box: NumPy function of a dict coordinate →
        (M,).
    boundary
        Points on the boundary of such a domain, coordinate → (N,); further columns (normals) are read as `at.NAME`.

    Raises
    ------
    ModelError
        If an interval is empty or a boundary point lies outside the box.
    """

    def __init__(
        self,
        intervals: Mapping[str, tuple[float, float]],
        inside: Callable[[Points], np.ndarray] | None = None,
        boundary: Mapping[str, Any] | None = None,
    ) -> None:
        if not isinstance(intervals, Mapping) or not intervals:
            raise ModelError('A domain needs coordinates: `{"x": (-1, 1), "t": (0, 1)}`.')
        self.intervals: dict[str, tuple[float, float]] = {}
        for name, interval in intervals.items():
            self.intervals[_checked_name(name)] = _checked_interval(name, interval)
        self.inside = inside
        self.boundary = None if boundary is None else self.checked_points(boundary, "the domain's boundary")

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

    def checked_points(self, points: Mapping[str, Any], what: str) -> Points:
        """Columns as float arrays of one length, all coordinates among them and inside the box."""
        columns = {name: np.atleast_1d(np.asarray(values, dtype=float)) for name, values in points.items()}
        missing = [name for name in self.names if name not in columns]
        if missing:
            raise ModelError(f"{what} has no `{missing[0]}`. Give all coordinates: {', '.join(self.names)}.")
        counts = {name: values.shape for name, values in columns.items()}
        if len(set(counts.values())) > 1 or any(len(s) != 1 for s in counts.values()):
            raise ModelError(f"{what} needs one value a point in every column, not shapes {counts}.")
        for name, (low, high) in self.intervals.items():
            slack = 1e-9 * (high - low)
            outside = np.flatnonzero((columns[name] < low - slack) | (columns[name] > high + slack))
            if len(outside):
                at = columns[name][outside[0]]
                raise ModelError(
                    f"{what} lies outside the domain: point {outside[0]} has {name} = {at:g}, and {name} runs from "
                    f"{low:g} to {high:g}."
                )
        return columns


def _checked_name(name: Any) -> str:
    if not isinstance(name, str) or not name.isidentifier() or name.startswith("_"):
        raise ModelError(f"Coordinate names are Python identifiers such as `x`, not {name!r}.")
    return name


def _checked_interval(name: str, interval: Any) -> tuple[float, float]:
    try:
        low, high = (float(v) for v in interval)
    except (TypeError, ValueError):
        raise ModelError(f"Coordinate `{name}` needs (low, high), not {interval!r}.") from None
    if not (np.isfinite([low, high]).all() and low < high):
        raise ModelError(f"Coordinate `{name}` needs low < high, not {interval!r}.")
    return low, high
