"""How derivatives, terms and their coefficients are written for people."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from ...graph import Expression, Graph, rebuild, text, variable
from ...grid.reading import moments
from .uniform_grid import UniformGrid

__all__ = ["derivative_name", "factor_text", "opaque_stencils", "term_label"]

_SUPERSCRIPT = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


def opaque_stencils(graph: Graph, space: UniformGrid, names: Mapping[Expression, str]) -> dict[Expression, Expression]:
    """Stencils printed as derivatives: node → a variable with the derivative's name."""
    found: dict[Expression, Expression] = {}
    for node in graph.nodes:
        if node.operation == "stencil":
            index = space.axis(node.attributes["axis"], node.ndim)
            if index is not None:
                _, order = moments(node, space.spacings[index])
                name = derivative_name(node.inputs[0], space.names[index], max(order, 0), names, found)
                found[node] = variable(name, node.shape)
    return found


def derivative_name(
    x: Expression, axis: str, order: int, names: Mapping[Expression, str], opaque: Mapping[Expression, Expression]
) -> str:
    shown = _text(x, names, opaque)
    if not shown.replace("_", "").isalnum():
        shown = f"({shown})"
    return f"{shown}{'' if '_' in shown and shown.isidentifier() else '_'}{axis * order}" if order else shown


def _text(e: Expression, names: Mapping[Expression, str], opaque: Mapping[Expression, Expression]) -> str:
    (shown,) = rebuild([e], opaque)
    return text(shown, {**names, **{v: v.name for v in opaque.values()}})


def term_label(
    part: Expression, tangent: Expression, name: str, names: Mapping[Expression, str], opaque: Any
) -> tuple[str, float]:
    """Text of a term without its sign, and the sign; the factors of a product by length, the derivative last."""
    shown = _text(part, {**names, tangent: name}, opaque)
    sign = 1.0
    if shown.startswith("-") and "+" not in shown and "-" not in shown[1:]:
        shown, sign = shown[1:], -1.0
        if _pieces(shown, "·") == [shown] and shown.startswith("(") and shown.endswith(")"):
            shown = shown[1:-1]
    factors = _pieces(shown, "·")
    if len(factors) > 1 and not any(_pieces(f, c) != [f] for f in factors for c in "+-/"):
        factors = [*sorted((f for f in factors if f != name), key=lambda f: (len(f) > 1, f)), name]
        shown = "·".join(factors)
    return shown, sign


def _pieces(shown: str, separator: str) -> list[str]:
    """A text cut at a separator outside all brackets."""
    pieces, depth = [""], 0
    for c in shown:
        depth += (c in "([") - (c in ")]")
        if c == separator and not depth:
            pieces.append("")
        else:
            pieces[-1] += c
    return pieces


def factor_text(factor: float, order: int, spacing: float, axis: str) -> str:
    """`dx/2`, `-dx²/12`: the number before a power of the spacing, as a fraction where it is one."""
    number = factor / spacing**order
    power = f"d{axis or 'x'}{str(order).translate(_SUPERSCRIPT) if order > 1 else ''}"
    fraction = Fraction(number).limit_denominator(2000)
    if abs(float(fraction) - number) > 1e-6 * abs(number):
        return f"{number:.4g}·{power}"
    sign = "-" if fraction < 0 else ""
    top = abs(fraction.numerator)
    bottom = "" if fraction.denominator == 1 else f"/{fraction.denominator}"
    return f"{sign}{'' if top == 1 else f'{top}·'}{power}{bottom}"
