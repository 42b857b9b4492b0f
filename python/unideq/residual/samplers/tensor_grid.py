"""Equidistant points on a tensor grid."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ...checks import known_arguments
from ...errors import OptionError
from ...stored import stored
from .sampler import Sampler

__all__ = ["TensorGrid"]


@stored
@known_arguments
@dataclass(frozen=True)
class TensorGrid(Sampler):
    """Fixed points in the middles of a tensor grid's equal cells: n points along each of d axes, n^d in all.

    Parameters
    ----------
    redraw
        None: the points are always the same.

    Raises
    ------
    OptionError
        If `redraw` isn't None or, when drawing, the number of points isn't n^d for a whole number n.

    Examples
    --------
    >>> import numpy as np, unideq as ude
    >>> ude.samplers.TensorGrid().draw(4, 2, np.random.default_rng(0)).tolist()
    [[0.25, 0.25], [0.25, 0.75], [0.75, 0.25], [0.75, 0.75]]
    """

    kind: ClassVar[str] = "grid"
    redraw: int | None = None

    def __post_init__(self) -> None:
        if self.redraw is not None:
            raise OptionError(f"`TensorGrid` has fixed points: leave `redraw` at None, not {self.redraw!r}.")

    def draw(self, count: int, dimensions: int, generator: np.random.Generator) -> np.ndarray:
        """Points (count, dimensions) of the unit cube, the last axis fastest; nothing is random."""
        side = round(count ** (1.0 / dimensions))
        if side**dimensions != count:
            below = max(int(count ** (1.0 / dimensions)), 1)
            raise OptionError(
                f"`TensorGrid` in {dimensions} dimensions makes n^{dimensions} points; {count} isn't such a number. "
                f"Ask for {below**dimensions} or {(below + 1) ** dimensions}."
            )
        middles = (np.arange(side) + 0.5) / side
        return np.stack(np.meshgrid(*[middles] * dimensions, indexing="ij"), axis=-1).reshape(count, dimensions)
