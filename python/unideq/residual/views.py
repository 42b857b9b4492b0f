"""What a term's function gets: `at.x`, a point's coordinates and columns; `field.u`, unknowns there or elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..errors import ModelError, TraceError, unknown
from ..graph import Expression, as_expression, variable
from ..graph.location import user_line
from ..graph.transform import rebuild
from ..model.names import normal
from .derivative import FIXED

__all__ = ["FieldView", "PointView"]


class PointView:
    """`at.x`: a point's coordinates, and further columns of the term's points; iterates over them in order."""

    def __init__(self, values: Mapping[str, Expression]) -> None:
        self._values = dict(values)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return self[name]

    def __getitem__(self, name: str) -> Any:
        name = normal(name)
        if name not in self._values:
            raise ModelError(f"{unknown('coordinate', name, self._values)}{user_line()}")
        return self._values[name]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._values.values())

    def __repr__(self) -> str:
        return f"<at: {', '.join(self._values)}>"


class FieldView:
    """`field.u` at the point; `field(x=1.0).u` with some coordinates elsewhere.

    Parameters
    ----------
    values
        Unknown → its value in the coordinates `at`.
    at
        Coordinate → its variable.
    moved
        Coordinate → where it is instead.
    """

    def __init__(
        self,
        values: Mapping[str, Expression],
        at: Mapping[str, Expression],
        moved: Mapping[str, Expression] | None = None,
    ) -> None:
        self._values, self._at, self._moved = dict(values), dict(at), dict(moved or {})

    def __call__(self, **elsewhere: Any) -> FieldView:
        for name in elsewhere:
            if name not in self._at:
                raise ModelError(f"{unknown('coordinate', name, self._at)}{user_line()}")
        return FieldView(self._values, self._at, {**self._moved, **{n: _place(n, v) for n, v in elsewhere.items()}})

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return self[name]

    def __getitem__(self, name: str) -> Any:
        name = normal(name)
        if name not in self._values:
            raise ModelError(f"{unknown('field', name, self._values)}{user_line()}")
        value = self._values[name]
        if self._moved:
            (value,) = rebuild([value], {self._at[n]: there for n, there in self._moved.items()})
        return value

    def __iter__(self) -> Iterator[Any]:
        return (self[name] for name in self._values)

    def __contains__(self, name: object) -> bool:
        return name in self._values

    def __repr__(self) -> str:
        return f"<field: {', '.join(self._values)}>"


def _place(name: str, value: Any) -> Expression:
    """A coordinate's value elsewhere; a number keeps the coordinate's name, so that `d` notices it."""
    there = as_expression(value)
    if there.shape:
        raise TraceError(f"`field({name}=...)` needs one value, not an array of shape {there.shape}{user_line()}.")
    return variable(f"{name}{FIXED}{float(there.value)!r}") if there.is_constant else there
