"""Where in θ the weight matrices lie: what optimisers that look at whole matrices (SOAP) are told."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from ..errors import OptionError

if TYPE_CHECKING:
    from ..model.layout import Layout

__all__ = ["Matrix", "checked_matrices", "weight_matrices"]


class Matrix(NamedTuple):
    """A weight matrix (rows, columns) in θ, row by row from `offset` on."""

    offset: int
    rows: int
    columns: int

    @property
    def end(self) -> int:
        """Where θ goes on after it."""
        return self.offset + self.rows * self.columns


def weight_matrices(layout: Layout) -> tuple[Matrix, ...]:
    """Every free matrix of a network's weights in θ, in order."""
    return tuple(
        Matrix(layout.offsets[entry.name], *entry.shape)
        for entry in layout.of_kind("network")
        if entry.free and len(entry.shape) == 2 and entry.size
    )


def checked_matrices(given: Sequence[Sequence[int]], size: int) -> tuple[Matrix, ...]:
    """Matrices (offset, rows, columns) in a θ of that size, in order.

    Raises
    ------
    OptionError
        If one reaches beyond θ, or two share entries.
    """
    end, found = 0, sorted(Matrix(*(int(n) for n in one)) for one in given)
    for one in found:
        if one.offset < end or one.rows < 1 or one.columns < 1 or one.end > size:
            raise OptionError(
                f"A block of {one.rows} × {one.columns} weights at {one.offset} doesn't fit: θ has {size} entries, "
                f"of which the first {end} belong to blocks before. Give blocks [offset, rows, columns] that don't "
                "overlap."
            )
        end = one.end
    return tuple(found)
