"""Sums, maxima and matrix products as Julia source."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ..expression import Expression
from ..printing import PRODUCT, Shown
from .literals import dims
from .operands import Rule, Shows, lifted

if TYPE_CHECKING:
    from .writer import JuliaSource

__all__ = ["ALGEBRA"]


def _reduction(name: str) -> Callable[..., Shown]:
    def show(source: JuliaSource, node: Expression, shown: Shows) -> Shown:
        (x,), axes = node.inputs, node.attributes["axes"]
        text = shown[x].text
        if not axes:
            return shown[x]
        if len(axes) == x.ndim:
            return Shown(f"{name}({text})")
        over = str(axes[0] + 1) if len(axes) == 1 else f"({dims([a + 1 for a in axes])})"
        return Shown(f"dropdims({name}({text}; dims = {over}); dims = {over})")

    return show


def _matmul(source: JuliaSource, node: Expression, shown: Shows) -> Shown:
    a, b = node.inputs
    if a.ndim == b.ndim == 2:
        transposed = b.operation == "transpose" and b not in source.known
        right = f"{source.bound(b.inputs[0], shown)}'" if transposed else source.bound(b, shown)
        return Shown(f"{source.bound(a, shown)} * {right}", PRODUCT)
    return source.call("batched_product", *(lifted(i, shown, node.ndim).text for i in (a, b)))


ALGEBRA: dict[str, Rule] = {
    "sum": _reduction("sum"),
    "amax": _reduction("maximum"),
    "matmul": _matmul,
}
"""Operation → what writes it."""
