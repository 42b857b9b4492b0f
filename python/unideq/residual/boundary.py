"""`Boundary`: conditions on sides of the box, or on a domain's sampled boundary."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..checks import array, known_arguments, mapping
from ..errors import ModelError, unknown
from ..stored import stored
from .domain import Domain, Points
from .terms import Term

__all__ = ["Boundary"]


@stored
@known_arguments
@dataclass(frozen=True)
class Boundary(Term):
    """A condition on sides of the domain, or on its sampled boundary.

    Parameters
    ----------
    function, points, weight, sampler
        See `Term`: NumPy function of (at, field, p, net) that is zero where the condition holds; number of points in
        an iteration (default 128, or all of a sampled boundary); weight in the total; how the points are drawn.
    sides
        Coordinate → value or values where it stands: `{"x": -1.0}`, `{"x": (-1, 1), "y": 1}`. None: the domain's
        sampled boundary where it has one, else all ends of all coordinates but time (`t`). Sides get points by their
        measure.

    Examples
    --------
    >>> import unideq as ude
    >>> walls = ude.Boundary(lambda at, field: field.u)
    >>> no_flux = ude.Boundary(lambda at, field: ude.d(field.u, at.x), sides={"x": (0, 1)})

    Periodic in x on (0, 1), where `Field(periodic=...)` isn't wanted; derivatives elsewhere move with the point:

    >>> def periodic(at, field):
    ...     there = field(x=at.x + 1.0)
    ...     return field.u - there.u, ude.d(field.u, at.x) - ude.d(there.u, at.x)
    >>> ends = ude.Boundary(periodic, sides={"x": 0.0})
    """

    kind: ClassVar[str] = "boundary"
    sides: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.sides is not None:
            needs = 'a dict such as `{"x": (-1, 1)}`'
            for name, values in mapping(self.sides, "sides", "Boundary", needs=needs, error=ModelError).items():
                array(values, f"sides: {name}", "Boundary", error=ModelError)

    def sampled(self, domain: Domain) -> Points | None:
        """The domain's boundary points, where this term is about those."""
        return domain.boundary if self.sides is None else None

    def given(self, domain: Domain) -> Points | None:
        """The domain's boundary points, where they have all coordinates."""
        points = self.sampled(domain)
        return points if points is not None and all(n in points for n in domain.names) else None

    def cut(self, domain: Domain) -> bool:
        """Whether points on sides may lie outside the domain."""
        return domain.inside is not None and self.sampled(domain) is None

    def columns(self, domain: Domain) -> tuple[str, ...]:
        """What the boundary's points have besides the coordinates."""
        return tuple(n for n in self.sampled(domain) or () if n not in domain.intervals)

    def faces(self, domain: Domain) -> list[tuple[str, float]]:
        """(coordinate, value) of every side."""
        sides = self.sides
        if sides is None:
            sides = {n: interval for n, interval in domain.intervals.items() if n != "t"}
        return [(n, float(v)) for n, values in sides.items() for v in np.atleast_1d(np.asarray(values, dtype=float))]

    def check(self, name: str, domain: Domain) -> None:
        """Every side is an end of the domain, or between its ends."""
        if self.sampled(domain) is not None:
            return
        if self.sides is None and domain.inside is not None:
            raise ModelError(
                f"Boundary term `{name}` doesn't know where the domain's boundary is. Give "
                "`Domain(..., boundary=points)`, or `sides={...}` of the box."
            )
        faces = self.faces(domain)
        if not faces:
            raise ModelError(f"Boundary term `{name}` has no sides. Use `Initial` for conditions where time begins.")
        for coordinate, value in faces:
            if coordinate not in domain.intervals:
                raise ModelError(f"Boundary term `{name}`: {unknown('coordinate', coordinate, domain.names)}")
            low, high = domain.intervals[coordinate]
            if not low <= value <= high:
                raise ModelError(
                    f"Boundary term `{name}` lies outside the domain: {coordinate} = {value:g}, and {coordinate} runs "
                    f"from {low:g} to {high:g}."
                )

    def dimensions(self, domain: Domain) -> int:
        """All coordinates but one: the first also chooses the side; one and what a sampled boundary leaves open."""
        points = self.sampled(domain)
        if points is not None:
            return 1 + sum(n not in points for n in domain.names)
        return max(len(domain.names) - 1, 1)

    def place(self, domain: Domain, unit: np.ndarray) -> Points:
        """Sides get points by their measure; all points of a sampled boundary count the same."""
        points = self.sampled(domain)
        if points is None:
            return self._on_sides(domain, unit)
        count = len(next(iter(points.values())))
        rows = np.minimum((unit[:, 0] * count).astype(int), count - 1)
        free = [n for n in domain.names if n not in points]
        drawn = {n: domain.scaled(n, unit[:, k]) for k, n in enumerate(free, 1)}
        return {**{n: values[rows] for n, values in points.items()}, **drawn}

    def _on_sides(self, domain: Domain, unit: np.ndarray) -> Points:
        faces = self.faces(domain)
        free = [[n for n in domain.names if n != name] for name, _ in faces]
        measure = np.array([np.prod([domain.length(n) for n in names]) for names in free])
        edges = np.concatenate([[0.0], np.cumsum(measure) / measure.sum()])
        which = np.zeros(len(unit), dtype=int)  # a few comparisons: much faster than `searchsorted`
        for edge in edges[1:-1]:
            which += unit[:, 0] >= edge
        # Which part of its side's share a point's first number is, and the other numbers as they are.
        along = [(unit[:, 0] - edges[which]) / np.diff(edges)[which], *unit.T[1:]]
        found = {}
        for n, (low, high) in domain.intervals.items():
            start = np.array([value if name == n else low for name, value in faces])
            found[n] = start[which]
            for j, numbers in enumerate(along):
                reach = np.array([high - low if names[j : j + 1] == [n] else 0.0 for names in free])
                if reach.any():
                    found[n] = found[n] + reach[which] * numbers
        return found

    def stored_values(self) -> dict[str, Any]:
        sides = self.sides
        listed = None if sides is None else {n: np.atleast_1d(np.asarray(v, float)) for n, v in sides.items()}
        return {**super().stored_values(), "sides": listed}
