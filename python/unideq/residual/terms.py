"""The named terms of a residual problem: what shall vanish, and where. The base, and terms of the whole box."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from ..checks import function, instance, known_arguments, number, settle, whole
from ..errors import ModelError
from ..stored import Stored, stored
from .domain import Domain, Points
from .samplers import Sampler

__all__ = ["Initial", "Interior", "Term"]

DRAWN = 128
"""Points in an iteration where a term doesn't say."""


@dataclass(frozen=True)
class Term(Stored):
    """Base of all terms: a NumPy function of (at, field, p, net) whose mean square over points is minimised.

    `at.x`, … are the point's coordinates; `field.u`, … the unknown fields there, `field(x=1.0).u` elsewhere; `p.NAME`
    parameters; `net.NAME(...)` further networks. Trailing arguments may be left out. The function returns one value, a
    tuple (squares are added), or a dict name → value: each then a term of its own, `TERM.NAME`.

    Parameters
    ----------
    function
        The residual: zero where the equation holds.
    points
        Number of points in an iteration; None: 128, or all where the points are given.
    weight
        Of the term in the total.
    sampler
        How the points are drawn; None: the objective's.
    """

    family: ClassVar[str] = "term"
    function: Callable[..., Any]
    points: int | None = None
    weight: float = 1.0
    sampler: Sampler | None = None

    def __post_init__(self) -> None:
        settle(self, function, "function", needs="a function of (at, field, p, net)")
        settle_shared(self)

    def check(self, name: str, domain: Domain) -> None:
        """Complain about a term that the domain has no place for."""

    def given(self, domain: Domain) -> Points | None:
        """All points of a term that chooses from given ones, coordinates and columns; None where they are drawn."""
        return None

    def cut(self, domain: Domain) -> bool:
        """Whether drawn points may lie outside the domain, in the rest of its box."""
        return domain.inside is not None and self.given(domain) is None

    def columns(self, domain: Domain) -> tuple[str, ...]:
        """What `at` has besides the coordinates."""
        given = self.given(domain)
        return tuple(n for n in given or () if n not in domain.intervals)

    def dimensions(self, domain: Domain) -> int:
        """Dimension of the unit cube that `place` maps from."""
        return 1

    def place(self, domain: Domain, unit: np.ndarray) -> Points:
        """Points of the term's region from points (M, dimensions) of the unit cube."""
        given = self.given(domain)
        if given is None:
            raise NotImplementedError
        count = len(next(iter(given.values())))
        rows = np.minimum((unit[:, 0] * count).astype(int), count - 1)
        return {n: values[rows] for n, values in given.items()}

    @classmethod
    def parts(cls) -> dict[str, type[Stored]]:
        return {"sampler": Sampler}

    def stored_values(self) -> dict[str, Any]:
        """The settings; the function is kept as a graph by the problem."""
        return {n: v for n, v in super().stored_values().items() if n != "function"}

    @classmethod
    def from_values(cls, values: dict[str, Any]) -> Self:
        return cls(function=not_kept, **values)


def settle_shared(term: Any) -> None:
    """What all terms share is what it should be."""
    settle(term, whole, "points", least=1, none=True)
    settle(term, number, "weight", least=0)
    settle(term, instance, "sampler", kinds=Sampler, needs="a sampler such as `ude.samplers.Uniform()`", none=True)


def not_kept(*arguments: Any) -> Any:
    """Stands for the function of a term that was read from a file."""
    raise ModelError("This term was read from a file, which keeps its traced residual, not the Python function.")


@stored
@known_arguments
@dataclass(frozen=True)
class Interior(Term):
    """A residual inside the domain: the differential equation.

    Parameters
    ----------
    function, points, weight, sampler
        See `Term`: NumPy function of (at, field, p, net) that is zero where the equation holds; number of points in
        an iteration (default 128); weight in the total; how the points are drawn.

    Examples
    --------
    >>> import unideq as ude
    >>> decay = ude.Interior(lambda at, field, p: ude.d(field.u, at.t) + p.rate * field.u, points=64)
    """

    kind: ClassVar[str] = "interior"

    def dimensions(self, domain: Domain) -> int:
        """All coordinates."""
        return len(domain.names)

    def place(self, domain: Domain, unit: np.ndarray) -> Points:
        """The cube scaled to the box."""
        return {n: domain.scaled(n, unit[:, k]) for k, n in enumerate(domain.names)}


@stored
@known_arguments
@dataclass(frozen=True)
class Initial(Term):
    """A condition where time (`t`) begins.

    Parameters
    ----------
    function, points, weight, sampler
        See `Term`: NumPy function of (at, field, p, net) that is zero where the condition holds; number of points in
        an iteration (default 128); weight in the total; how the points are drawn.

    Examples
    --------
    >>> import numpy as np, unideq as ude
    >>> start = ude.Initial(lambda at, field: field.u - np.sin(np.pi * at.x))
    """

    kind: ClassVar[str] = "initial"

    def check(self, name: str, domain: Domain) -> None:
        """There is a time."""
        if "t" not in domain.intervals:
            raise ModelError(
                f"Initial term `{name}` needs a coordinate `t`; the domain has {', '.join(domain.names)}. "
                "Call time `t`, or use `Boundary(..., sides={...})`."
            )

    def dimensions(self, domain: Domain) -> int:
        """All coordinates but time."""
        return max(len(domain.names) - 1, 1)

    def place(self, domain: Domain, unit: np.ndarray) -> Points:
        """The cube scaled to the box, at its first time."""
        space = [n for n in domain.names if n != "t"]
        found = {n: domain.scaled(n, unit[:, k]) for k, n in enumerate(space)}
        return {**found, "t": np.full(len(unit), domain.intervals["t"][0])}
