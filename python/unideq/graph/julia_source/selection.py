"""Operations that pick elements or move them about, as Julia source."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..expression import Expression
from ..printing import Shown
from .literals import dims, wrapped
from .operands import Rule, Shows

if TYPE_CHECKING:
    from .writer import JuliaSource

__all__ = ["SELECTION"]


def _range(window: tuple[int, int, int], length: int) -> str:
    start, stop, step = window
    if (start, stop, step) == (0, length, 1):
        return ":"
    return f"{start + 1}:{stop}" if step == 1 else f"{start + 1}:{step}:{stop}"


def _slice(source: JuliaSource, node: Expression, shown: Shows) -> Shown:
    (x,) = node.inputs
    ranges = [_range(w, n) for w, n in zip(node.attributes["window"], x.shape, strict=True)]
    return Shown(f"{source.bound(x, shown)}[{', '.join(ranges)}]")


def _pad(source: JuliaSource, node: Expression, shown: Shows) -> Shown:
    ranges = [_range(w, n) for w, n in zip(node.attributes["window"], node.shape, strict=True)]
    return source.call("embed", shown[node.inputs[0]].text, f"({dims(node.shape)},)", *ranges)


def _indices(source: JuliaSource, indices: np.ndarray) -> str:
    numbers = [str(int(i) + 1) for i in indices]
    return f"[{', '.join(numbers)}]" if len(numbers) <= 12 else source.store(wrapped(numbers, ", ", "[", "]"))


def _gather(source: JuliaSource, node: Expression, shown: Shows) -> Shown:
    (x,), axis = node.inputs, node.attributes["axis"]
    picked = _indices(source, node.attributes["indices"]) if len(node.attributes["indices"]) else "1:0"
    index = ", ".join(picked if a == axis else ":" for a in range(x.ndim))
    return Shown(f"{source.bound(x, shown)}[{index}]")


def _scatter_add(source: JuliaSource, node: Expression, shown: Shows) -> Shown:
    at = node.attributes
    text = shown[node.inputs[0]].text
    return source.call("scatter_add", text, _indices(source, at["indices"]), str(at["axis"] + 1), str(at["size"]))


def _roll(source: JuliaSource, node: Expression, shown: Shows) -> Shown:
    (x,), axis, shift = node.inputs, node.attributes["axis"], node.attributes["shift"]
    by = str(shift) if x.ndim == 1 else f"({dims([shift if a == axis else 0 for a in range(x.ndim)])})"
    return Shown(f"circshift({shown[x].text}, {by})")


SELECTION: dict[str, Rule] = {
    "slice": _slice,
    "pad": _pad,
    "gather": _gather,
    "scatter_add": _scatter_add,
    "roll": _roll,
}
"""Operation → what writes it."""
