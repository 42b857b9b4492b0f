"""`x += 1` on symbolic arrays: NumPy would change the array that was given, and all who look at it; a trace can't."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..errors import TraceError
from .location import user_line

if TYPE_CHECKING:
    from .expression import Expression

__all__ = ["in_place"]


def in_place(x: Expression, symbol: str) -> Any:
    """Leave `x += y` to Python, which then writes `x = x + y`; refuse it where NumPy would change an input.

    Numbers aren't changed by `+=` in Python either, and a new array belongs to the function that made it.

    Raises
    ------
    TraceError
        If x is an array that the function was given, or a part of one.
    """
    source = x
    while source.entry.view:
        source = source.inputs[0]
    if x.shape and source.operation == "input":
        raise TraceError(
            f"`{symbol}` would change the array that the function was given{user_line()}: NumPy would, and everything "
            f"that reads it later would see it; a trace doesn't. Write `x = x {symbol[:-1]} …`: that makes a new array."
        )
    return NotImplemented
