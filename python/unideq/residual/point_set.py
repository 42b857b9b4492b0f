"""`PointSet`: a condition at given points, with whatever columns they carry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from ..checks import array, known_arguments
from ..errors import ModelError
from ..stored import stored
from .domain import Domain, Points, columns_of
from .terms import Term

__all__ = ["PointSet"]


@stored
@known_arguments
@dataclass(frozen=True)
class PointSet(Term):
    """A condition at given points, e.g. a boundary sampled by hand.

    Parameters
    ----------
    function, weight, sampler
        See `Term`: NumPy function of (at, field, p, net) that is zero where the condition holds; weight in the total;
        how mini-batches are chosen.
    points
        Number of points in an iteration, chosen from those given; None: all of them, always.
    at
        Coordinate → values (N,); further columns (normals, measured values) are read as `at.NAME`.

    Examples
    --------
    >>> import numpy as np, unideq as ude
    >>> angle = np.linspace(0, 2 * np.pi, 100, endpoint=False)
    >>> nx, ny = np.cos(angle), np.sin(angle)
    >>> insulated = ude.PointSet(
    ...     lambda at, field: at.nx * ude.d(field.u, at.x) + at.ny * ude.d(field.u, at.y),
    ...     at={"x": nx, "y": ny, "nx": nx, "ny": ny},
    ... )
    """

    kind: ClassVar[str] = "points"
    at: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        if isinstance(self.points, Mapping):
            raise ModelError(
                "`PointSet` takes its points as `at=`; `points` is how many of them an iteration sees. Write "
                "`PointSet(function, at={...})`."
            )
        super().__post_init__()
        if self.at is None:
            raise ModelError('`PointSet` needs its points: `PointSet(function, at={"x": ..., "y": ...})`.')
        columns = columns_of(self.at, "`PointSet`")
        for name, values in columns.items():
            array(values, f"at: {name}", "PointSet", error=ModelError)
        object.__setattr__(self, "at", columns)

    def check(self, name: str, domain: Domain) -> None:
        """There are points, all of them in the domain."""
        points = self.given(domain)
        if not len(next(iter(points.values()))):
            raise ModelError(f"Term `{name}` has no points. Give `at` some, or leave the term out.")
        domain.checked_points(points, f"Term `{name}`")

    def given(self, domain: Domain) -> Points:
        """The points as they were given."""
        return dict(self.at or {})
