"""Derivatives of fields in printed equations: `u_xx` in the place of a stencil, and notes on how it is taken."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..graph import Expression, constant, latex, rebuild, text, variable
from ..graph.printing import identifier

if TYPE_CHECKING:
    from ..grid import Axis, Grid
    from ..grid.reading import Derivative

__all__ = ["Printed", "differentiated"]


@dataclass
class Printed:
    """Expressions to print, with the names that print their variables.

    Attributes
    ----------
    names, latex_names
        Variable → symbol in text and in LaTeX.
    notes
        What a reader should know besides.
    """

    outputs: dict[str, Expression]
    names: dict[Expression, str]
    latex_names: dict[Expression, str]
    notes: list[str] = field(default_factory=list)


def differentiated(outputs: Mapping[str, Expression], names: Mapping[Expression, str], grid: Grid | None) -> Printed:
    """Equations with named derivatives.

    Parameters
    ----------
    outputs, names
        Expressions, and what prints their variables, as `readable` gives them.
    grid
        Of the fields; None where there is none.

    Returns
    -------
    Printed
        Each derivative is a variable `u_x`, `u_xx`, …; where one is taken by two schemes, the second is `u_x′`.
    """
    made = Printed(dict(outputs), dict(names), dict(names))
    if grid is None:
        return made
    from ..grid.reading import derivatives

    replaced: dict[Expression, Expression] = {}
    schemes: dict[str, list[str]] = {}
    for d in derivatives(outputs.values(), grid):
        (of,) = rebuild([d.of], replaced)
        shown, shown_latex = _symbols(d, of, made)
        symbol = variable(f"derivative {shown}", d.node.shape)
        made.names[symbol], made.latex_names[symbol] = shown, shown_latex
        replaced[d.node] = symbol if abs(d.factor - 1.0) < 1e-9 else constant(d.factor) * symbol
        schemes.setdefault(d.scheme, []).append(shown)
    made.outputs = dict(zip(outputs, rebuild(list(outputs.values()), replaced), strict=True))
    if schemes:
        made.notes = [f"{', '.join(which)}: {scheme}" for scheme, which in schemes.items()]
        made.notes += [note for axis in grid.axes for note in _walls(axis)]
    return made


def _symbols(d: Derivative, of: Expression, made: Printed) -> tuple[str, str]:
    """A derivative's symbol as text and as LaTeX."""
    inner, inner_latex = text(of, made.names), latex(of, made.latex_names)
    power = f"^{{{d.order}}}" if d.order > 1 else ""
    below = rf"\partial {identifier(d.axis)}{power}"
    if inner in made.names.values() and inner.isidentifier() and "_" not in inner:
        shown, shown_latex = f"{inner}_{d.axis * d.order}", rf"\frac{{\partial{power} {inner_latex}}}{{{below}}}"
    else:
        shown = f"({inner})_{d.axis * d.order}"
        shown_latex = rf"\frac{{\partial{power}}}{{{below}}}\left({inner_latex}\right)"
    while shown in made.names.values():
        shown, shown_latex = f"{shown}′", rf"{{{shown_latex}}}'"
    return shown, shown_latex


def _walls(axis: Axis) -> list[str]:
    """What holds at the ends of an axis: `x = 0: value 0; x = 1: slope 2`."""
    from ..grid import Periodic

    if isinstance(axis.boundary, Periodic):
        return []
    ends = zip((axis.start, axis.stop), axis.boundary, strict=True)
    return ["; ".join(f"{axis.name} = {x:g}: {end.rule} {text(end.expression, limit=60)}" for x, end in ends)]
