"""Operands as Julia broadcasts them, and what a rule of the table is."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ..expression import Expression
from ..printing import ATOM, Shown
from .literals import dims, julia_number

if TYPE_CHECKING:
    from .writer import JuliaSource

__all__ = ["Rule", "Shows", "lifted", "operands", "uniform"]

Shows = dict[Expression, Shown]
Rule = Callable[["JuliaSource", Expression, Shows], Shown]


def uniform(node: Expression) -> bool:
    return node.is_constant and node.size > 0 and bool((node.value == node.value.reshape(-1)[0]).all())


def operands(source: JuliaSource, node: Expression, shown: Shows) -> list[Shown]:
    """Operands that Julia broadcasts as NumPy does: Julia aligns leading axes, NumPy trailing ones."""
    whole = {
        id(i) for i in node.inputs if i.shape == node.shape and not i.is_constant and i.operation != "broadcast_to"
    }
    result = []
    for i in node.inputs:
        if whole and id(i) not in whole and node.shape:
            while i.operation == "broadcast_to" and i not in source.known:
                i = i.inputs[0]
            if uniform(i):
                result.append(julia_number(i.value.reshape(-1)[0]))
                continue
        result.append(lifted(i, shown, node.ndim))
    return result


def lifted(node: Expression, shown: Shows, ndim: int) -> Shown:
    """An array with axes of length 1 put in front, where it has fewer axes."""
    if node.ndim == 0 or node.ndim == ndim:
        return shown[node]
    if (node.ndim, ndim) == (1, 2):
        return Shown(f"{shown[node].inside(ATOM, False)}'")
    return Shown(f"reshape({shown[node].text}, {dims((*(1,) * (ndim - node.ndim), *node.shape))})")
