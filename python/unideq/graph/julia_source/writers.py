"""What writes an operation as Julia source: its family's table, else a call of the function that its entry names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..expression import Expression
from ..printing import Shown
from .algebra import ALGEBRA
from .elementwise import ELEMENTWISE, called
from .grid import GRID
from .interpolation import INTERPOLATION
from .operands import Rule, Shows
from .selection import SELECTION
from .structure import STRUCTURE

if TYPE_CHECKING:
    from .writer import JuliaSource

__all__ = ["rule_of"]


def _first(source: JuliaSource, node: Expression, shown: Shows) -> Shown:
    return shown[node.inputs[0]]


_TABLE: dict[str, Rule] = {
    **ELEMENTWISE,
    **STRUCTURE,
    **SELECTION,
    **ALGEBRA,
    **GRID,
    **INTERPOLATION,
    "stop_gradient": _first,
    "learned": _first,
}


def rule_of(node: Expression) -> Rule | None:
    """What writes an operation; None where nothing does."""
    return _TABLE.get(node.operation, called if node.entry.family == "elementwise" else None)
