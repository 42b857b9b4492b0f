"""The named terms of a residual problem: what shall vanish, and where."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..errors import ModelError, OptionError
from .domain import Domain, Points
from .samplers import Sampler

__all__ = ["Boundary", "Initial", "Interior", "PointSet", "Term"]

Residual = Callable[..., Any]


@dataclass(frozen=True)
class Term:
    """Base of all terms: a NumPy function of (at, field, p, net) whose mean square over points is minimised.

    `at.x`, … are the point's coordinates; `field.u`, … the unknown fields there, `field(x=1.0).u` elsewhere; `p.NAME`
    parameters; `net.NAME(...)` further networks. Trailing arguments may be left out. The function returns one value, a
    tuple (squares are added), or a dict name → value: each then a term of its own, `TERM.NAME`.

    Parameters
    ----------
    function
        The residual: zero where the equation holds.
    points
        Number of points in an iteration.
    weight
        Of the term in the total.
    sampler
        How the points are drawn; None: the objective's.
    """

    kind: ClassVar[str] = ""
    function: Residual
    points: int = 128
    weight: float = 1.0
    sampler: Sampler | None = None

    def __post_init__(self) -> None:
        if isinstance(self.points, bool) or not isinstance(self.points, (int, np.integer)) or self.points < 1:
            raise OptionError(f"A term needs a whole number of points >= 1, not {self.points!r}.")

    def check(self, name: str, domain: Domain) -> None:
        """Complain about a term that the domain has no place for."""

    def columns(self, domain: Domain) -> tuple[str, ...]:
        """What `at` has besides the coordinates."""
        return ()

    def dimensions(self, domain: Domain) -> int:
        """Dimension of the unit cube that `place` maps from."""
        raise NotImplementedError

    def place(self, domain: Domain, unit: np.ndarray) -> Points:
        """Points of the term's region from points (M, dimensions) of the unit cube."""
        raise NotImplementedError


@dataclass(frozen=True)
class Interior(Term):
    """A residual inside the domain: the differential equation. See `Term` for the function."""

    kind: ClassVar[str] = "interior"

    def dimensions(self, domain: Domain) -> int:
        """All coordinates."""
        return len(domain.names)

    def place(self, domain: Domain, unit: np.ndarray) -> Points:
        """The cube scaled to the box."""
        return {n: low + (high - low) * unit[:, k] for k, (n, (low, high)) in enumerate(domain.intervals.items())}


@dataclass(frozen=True)
class Boundary(Term):
    """A condition on sides of the domain.

    Parameters
    ----------
    sides
        Coordinate → value or values where it stands: `{"x": -1.0}`, `{"x": (-1, 1), "y": 1}`. None: all ends of all
        coordinates but time (`t`).
    """

    kind: ClassVar[str] = "boundary"
    sides: Mapping[str, Any] | None = None

    def faces(self, domain: Domain) -> list[tuple[str, float]]:
        """(coordinate, value) of every side."""
        given = self.sides
        if given is None:
            given = {n: interval for n, interval in domain.intervals.items() if n != "t"}
        return [(n, float(v)) for n, values in given.items() for v in np.atleast_1d(values)]

    def check(self, name: str, domain: Domain) -> None:
        """Every side is an end of the domain, or between its ends."""
        for coordinate, value in self.faces(domain):
            if coordinate not in domain.intervals:
                raise ModelError(f"Boundary term `{name}` names `{coordinate}`, which isn't a coordinate.")
            low, high = domain.intervals[coordinate]
            if not low <= value <= high:
                raise ModelError(
                    f"Boundary term `{name}` lies outside the domain: {coordinate} = {value:g}, and {coordinate} runs "
                    f"from {low:g} to {high:g}."
                )

    def dimensions(self, domain: Domain) -> int:
        """All coordinates but one: the first also chooses the side."""
        return max(len(domain.names) - 1, 1)

    def place(self, domain: Domain, unit: np.ndarray) -> Points:
        """Sides get points by their measure."""
        faces = self.faces(domain)
        free = [[n for n in domain.names if n != name] for name, _ in faces]
        measure = np.array([np.prod([domain.length(n) for n in names]) for names in free])
        edges = np.concatenate([[0.0], np.cumsum(measure) / measure.sum()])
        which = np.clip(np.searchsorted(edges, unit[:, 0], side="right") - 1, 0, len(faces) - 1)
        rest = (unit[:, 0] - edges[which]) / (edges[which + 1] - edges[which])
        found = {n: np.empty(len(unit)) for n in domain.names}
        for k, (name, value) in enumerate(faces):
            mine = which == k
            found[name][mine] = value
            for j, n in enumerate(free[k]):
                low, high = domain.intervals[n]
                found[n][mine] = low + (high - low) * (rest[mine] if j == 0 else unit[mine, j])
        return found


@dataclass(frozen=True)
class Initial(Term):
    """A condition where time (`t`) begins."""

    kind: ClassVar[str] = "initial"

    def check(self, name: str, domain: Domain) -> None:
        """There is a time."""
        if "t" not in domain.intervals:
            raise ModelError(f"Initial term `{name}` needs a coordinate `t`; the domain has {', '.join(domain.names)}.")

    def dimensions(self, domain: Domain) -> int:
        """All coordinates but time."""
        return len(domain.names) - 1

    def place(self, domain: Domain, unit: np.ndarray) -> Points:
        """The cube scaled to the box, at its first time."""
        space = [n for n in domain.names if n != "t"]
        found = {"t": np.full(len(unit), domain.intervals["t"][0])}
        for k, n in enumerate(space):
            low, high = domain.intervals[n]
            found[n] = low + (high - low) * unit[:, k]
        return found


@dataclass(frozen=True)
class PointSet(Term):
    """A condition at given points, e.g. a boundary sampled by hand.

    Parameters
    ----------
    at
        Coordinate → values (N,); further columns (normals, measured values) are read as `at.NAME`.
    """

    kind: ClassVar[str] = "points"
    at: Mapping[str, Any] | None = None
