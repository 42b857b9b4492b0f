"""Numbers and constant arrays as Julia literals, exact to the last bit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..printing import ATOM, UNARY, Shown

__all__ = ["LONGEST", "dims", "julia_array", "julia_number", "wrapped"]

LONGEST = 76
WIDTH = 100


def julia_number(value: Any) -> Shown:
    """A literal, exact to the last bit."""
    if isinstance(value, bool | np.bool_):
        return Shown("true" if value else "false")
    value = float(value)
    text = repr(value).replace("inf", "Inf").replace("nan", "NaN")
    return Shown(text, UNARY if text.startswith("-") else ATOM)


def julia_array(value: np.ndarray) -> str:
    """An array of NumPy's shape: vectors with commas, matrices with one row a line."""
    numbers = [julia_number(v).text for v in value.reshape(-1)]
    if not value.size:
        return f"zeros({', '.join(map(str, value.shape))})"
    if value.ndim == 0:
        return numbers[0]
    if value.ndim == 1:
        return wrapped(numbers, ", ", "[", "]")
    if value.ndim == 2:
        rows, columns = value.shape
        if columns == 1:
            return wrapped(numbers, "; ", "[", ";;]")
        lines = [" ".join(numbers[i * columns : (i + 1) * columns]) for i in range(rows)]
        inline = f"[{'; '.join(lines)}]"
        return inline if len(inline) <= LONGEST or rows == 1 else "[\n    " + "\n    ".join(lines) + "\n]"
    lengths = dims(value.shape[::-1])
    vector = wrapped(numbers, ", ", "[", "]")
    return f"permutedims(reshape({vector}, {lengths}), {value.ndim}:-1:1)"


def wrapped(parts: list[str], separator: str, opening: str, closing: str) -> str:
    inline = opening + separator.join(parts) + closing
    if len(inline) <= WIDTH:
        return inline
    lines, line = [], ""
    for part in parts:
        if line and len(line) + len(part) > WIDTH - 8:
            lines.append(line.rstrip())
            line = ""
        line += part + separator
    lines.append(line.rstrip().rstrip(separator.strip()))
    return opening + "\n    " + "\n    ".join(lines) + "\n" + closing


def dims(shape: Sequence[int]) -> str:
    return ", ".join(map(str, shape))
