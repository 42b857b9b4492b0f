"""Rotations by 90° and reflections of a periodic grid, and which fields change their sign when it is reflected."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from ..checks import sequence, text
from ..errors import ModelError, OptionError
from ..grid import Grid
from ..model.on_grid import OnGrid

__all__ = ["Turn", "names_of_fields", "odd_fields", "turns_of"]

MOST_FIELDS = 4
"""Signs of so many fields are found by trying all."""


@dataclass(frozen=True)
class Turn:
    """One way to lay a grid on itself: its axes swapped or not, then some of them reversed about the middle."""

    swaps: bool
    reverses: tuple[bool, ...]

    @property
    def mirrors(self) -> bool:
        """Whether it is a reflection, which no rotation makes."""
        return (self.swaps + sum(self.reverses)) % 2 == 1

    def of(self, field: Any) -> Any:
        """The turned field (*lead, *grid), an array or an expression."""
        return self._reversed(np.swapaxes(field, -1, -2) if self.swaps else field)

    def back(self, field: Any) -> Any:
        """What `of` made the field of."""
        turned = self._reversed(field)
        return np.swapaxes(turned, -1, -2) if self.swaps else turned

    def _reversed(self, field: Any) -> Any:
        return field[(..., *(slice(None, None, -1) if r else slice(None) for r in self.reverses))]


def turns_of(grid: Grid, why: str) -> tuple[Turn, ...]:
    """The eight of a square grid, the four of another one with two axes, the two of an interval; first nothing.

    Raises
    ------
    OptionError
        If an axis isn't periodic; `why` says who asks.
    """
    for axis in grid.axes:
        if not axis.periodic:
            raise OptionError(
                f"{why} turns and reflects periodic grids, and axis `{axis.name}` has boundary {axis.boundary!r}."
            )
    same = {(axis.points, round(axis.length, 12)) for axis in grid.axes}
    square = len(grid.axes) == 2 and len(same) == 1
    flips = list(product((False, True), repeat=len(grid.axes)))
    return tuple(Turn(swaps, reverses) for swaps in ((False, True) if square else (False,)) for reverses in flips)


def names_of_fields(value: Any, name: str, of: str, *, least: int = 0) -> tuple[str, ...] | None:
    """None, one name or several, as a tuple; which fields there are says the model."""
    if value is None:
        return None
    needs = 'names of fields, e.g. `("vorticity",)`'
    listed = sequence((value,) if isinstance(value, str) else value, name, of, needs=needs, least=least)
    return tuple(text(v, name, of, empty=False) for v in listed)


def odd_fields(model: OnGrid, given: Sequence[str] | None, why: str) -> frozenset[str]:
    """Fields that change their sign where the grid is reflected: vorticity, and the velocity along one axis.

    Unless they are given, the model's equations say it, without forcing, closure and what is linear: their even part
    f(u) + f(−u) − 2 f(0) goes along with turns for one choice of signs.

    Raises
    ------
    ModelError
        If there is no such choice, or no such field.
    """
    if given is not None:
        wrong = next((n for n in given if n not in model.fields), None)
        if wrong is not None:
            raise ModelError(f"`odd` names `{wrong}`, and the model's fields are {', '.join(model.fields)}.")
        return frozenset(given)
    turns = turns_of(model.grid, why)
    remedy = 'Say which fields change their sign in a mirror, e.g. `odd=("vorticity",)`, or `odd=()`'
    if "vector_field" not in model.named or len(model.fields) > MOST_FIELDS:
        raise ModelError(f"{why} needs to know the fields' symmetry, which this model doesn't tell. {remedy}.")
    slope = _slope(model)
    u = np.random.default_rng(0).standard_normal(model.size)
    with np.errstate(all="ignore"):
        parts = [slope(u), slope(-u), slope(0.0 * u)]
    even, size = parts[0] + parts[1] - 2.0 * parts[2], max(float(np.abs(p).max()) for p in parts)

    def turned(values: np.ndarray, turn: Turn, signs: Sequence[int]) -> np.ndarray:
        fields = model.states.split(values)
        return model.states.join(
            {n: (s if turn.mirrors else 1) * turn.of(fields[n]) for n, s in zip(fields, signs, strict=True)}
        )

    def fits(signs: Sequence[int]) -> bool:
        for turn in turns[1:]:
            moved = turned(u, turn, signs)
            found = slope(moved) + slope(-moved) - 2.0 * parts[2]
            if np.abs(found - turned(even, turn, signs)).max() > 1e-12 * size:
                return False
        return True

    if np.isfinite(size):
        for signs in product((1, -1), repeat=len(model.fields)):
            if fits(signs):
                return frozenset(n for n, s in zip(model.fields, signs, strict=True) if s < 0)
    raise ModelError(
        f"{why} is for equations that rotations and reflections leave as they are, and these aren't (one-sided "
        f"schemes, or fields that are components of a vector), or they don't tell. {remedy}, if you know it."
    )


def _slope(model: OnGrid) -> Callable[[np.ndarray], np.ndarray]:
    """u (n,) → ∂u/∂t without a closure, at the parameters' values and without forcings of a trajectory's own."""
    graph = model.nonlinear
    values: dict[str, Any] = {i.name: np.zeros(i.shape) for i in graph.inputs}
    drawn = model.layout.unpack(model.initial_theta())
    values |= {f"p.{n}": v for n, v in drawn.items()}
    values |= {f"c.{n}": np.asarray(c.typical) for n, c in model.conditions.items()}
    terms = model.named.get("closure")

    def slope(u: np.ndarray) -> np.ndarray:
        found = graph.evaluate({**values, "u": u})["du"]
        if terms is None:
            return found
        known = terms.evaluate({**values, "u": u})
        return found - model.states.join({n: known.get(n, 0.0) for n in model.fields})

    return slope
