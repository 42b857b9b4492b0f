"""Which parts of θ SOAP takes as weight matrices: the blocks of a phase's settings.

A block [offset, rows, columns] says where in θ a matrix W (rows, columns) lies, row by row. Whoever knows the layout of
θ gives them with the phase's settings: `{**phase.settings(), "blocks": matrix_blocks(layout)}`. Without blocks every
entry takes Adam's step.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from ..errors import OptionError

if TYPE_CHECKING:
    from ..model.layout import Layout

__all__ = ["Block", "matrix_blocks", "read_blocks"]


def matrix_blocks(layout: Layout) -> list[list[int]]:
    """[offset, rows, columns] of every free matrix of a network's weights in θ, in order."""
    return [
        [layout.offsets[entry.name], *entry.shape]
        for entry in layout.of_kind("network")
        if entry.free and len(entry.shape) == 2 and entry.size
    ]


class Block(NamedTuple):
    """A weight matrix in θ, and where its square matrices begin among those of the left and of the right."""

    offset: int
    rows: int
    columns: int
    left: int
    right: int


def read_blocks(settings: Mapping[str, Any], size: int) -> tuple[Block, ...]:
    """The blocks of a phase's settings, in a θ of that size; none where the settings have none.

    Raises
    ------
    OptionError
        If a block reaches beyond θ, or two share entries.
    """
    blocks: list[Block] = []
    left = right = end = 0
    for offset, rows, columns in sorted(tuple(int(n) for n in block) for block in settings.get("blocks") or ()):
        if offset < end or rows < 1 or columns < 1 or offset + rows * columns > size:
            raise OptionError(
                f"A block of {rows} × {columns} weights at {offset} doesn't fit: θ has {size} entries, of which the "
                f"first {end} belong to blocks before. Give blocks [offset, rows, columns] that don't overlap."
            )
        blocks.append(Block(offset, rows, columns, left, right))
        left, right, end = left + rows**2, right + columns**2, offset + rows * columns
    return tuple(blocks)
