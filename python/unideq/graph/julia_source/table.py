"""Operation → what writes it as Julia source; one entry an operation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..expression import Expression
from ..printing import Shown
from .algebra import ALGEBRA
from .elementwise import ELEMENTWISE
from .grid import GRID
from .interpolation import INTERPOLATION
from .operands import Rule, Shows
from .selection import SELECTION
from .structure import STRUCTURE

if TYPE_CHECKING:
    from .writer import JuliaSource

__all__ = ["TABLE"]


def _first(source: JuliaSource, node: Expression, shown: Shows) -> Shown:
    return shown[node.inputs[0]]


TABLE: dict[str, Rule] = {
    **ELEMENTWISE,
    **STRUCTURE,
    **SELECTION,
    **ALGEBRA,
    **GRID,
    **INTERPOLATION,
    "stop_gradient": _first,
    "learned": _first,
}
"""A test fails where it lacks an operation."""
