"""Attributes that compare and hash by content, so that equal expressions can be found again."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["FrozenArray", "freeze"]


def freeze(value: Any) -> Any:
    """Lists become tuples, arrays `FrozenArray`, NumPy's numbers Python's."""
    if isinstance(value, (list, tuple)):
        return tuple(freeze(v) for v in value)
    if isinstance(value, np.ndarray):
        return FrozenArray(value)
    if isinstance(value, np.generic):
        return value.item()
    return value


class FrozenArray:
    """A read-only array that compares and hashes by content, so that it can be an attribute."""

    __slots__ = ("array", "hash")

    def __init__(self, array: np.ndarray) -> None:
        self.array = np.array(array, copy=True, order="C")
        self.array.setflags(write=False)
        self.hash = hash((self.array.dtype.str, self.array.shape, self.array.tobytes()))

    def __hash__(self) -> int:
        return self.hash

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, FrozenArray)
            and self.array.dtype == other.array.dtype
            and self.array.shape == other.array.shape
            and self.array.tobytes() == other.array.tobytes()
        )
