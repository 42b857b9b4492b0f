"""Elementwise operations as Julia source, with dots where they act on arrays."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ..expression import Expression
from ..julia_helpers import HELPERS
from ..printing import ATOM, POWER, PRODUCT, SUM, UNARY, Shown
from .operands import Rule, Shows, operands, uniform

if TYPE_CHECKING:
    from .writer import JuliaSource

__all__ = ["ELEMENTWISE", "called"]

COMPARISON = SUM - 1


def dot(node: Expression) -> str:
    return "." if node.shape else ""


def _infix(symbol: str, binding: int, inner: tuple[int, int] | None = None) -> Callable[..., Shown]:
    """`a + b`; `inner` is how tightly the operands have to bind."""
    first, second = inner or (binding, binding + 1)

    def show(source: JuliaSource, node: Expression, shown: Shows) -> Shown:
        left, right = operands(source, node, shown)
        return Shown(f"{left.inside(first, False)} {dot(node)}{symbol} {right.inside(second, False)}", binding)

    return show


def called(source: JuliaSource, node: Expression, shown: Shows) -> Shown:
    """`exp.(x)`: the function that the operation's entry names, a helper where it is one."""
    name = node.entry.julia
    if name in HELPERS:
        source.helper(name)
    arguments = ", ".join(a.text for a in operands(source, node, shown))
    return Shown(f"{name}{dot(node)}({arguments})")


def _negative(source: JuliaSource, node: Expression, shown: Shows) -> Shown:
    return Shown(f"-{operands(source, node, shown)[0].inside(UNARY, False)}", SUM)


def _not(source: JuliaSource, node: Expression, shown: Shows) -> Shown:
    return Shown(f"{dot(node)}!{operands(source, node, shown)[0].inside(ATOM, False)}", UNARY)


def _power(source: JuliaSource, node: Expression, shown: Shows) -> Shown:
    exponent = node.inputs[1]
    if uniform(exponent) and node.inputs[0].shape == node.shape:
        number = float(exponent.value.reshape(-1)[0])
        if number.is_integer() and 1 < abs(number) <= 64:
            base = shown[node.inputs[0]].inside(ATOM, False)
            return Shown(f"{base}{' .' if node.shape else ''}^{' ' if node.shape else ''}{int(number)}", POWER)
    return called(source, node, shown)


ELEMENTWISE: dict[str, Rule] = {
    "add": _infix("+", SUM),
    "subtract": _infix("-", SUM),
    "multiply": _infix("*", PRODUCT),
    "divide": _infix("/", PRODUCT),
    "power": _power,
    "negative": _negative,
    "less": _infix("<", COMPARISON, (SUM, SUM)),
    "less_equal": _infix("<=", COMPARISON, (SUM, SUM)),
    "equal": _infix("==", COMPARISON, (SUM, SUM)),
    "logical_and": _infix("&", COMPARISON, (ATOM, ATOM)),
    "logical_or": _infix("|", COMPARISON, (ATOM, ATOM)),
    "logical_not": _not,
}
"""Operation → what writes it, where that isn't a call of the function that its entry names."""
