"""Latin hypercube points: every coordinate's strata hold one point each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ...checks import known_arguments
from ...stored import stored
from .sampler import Sampler

__all__ = ["LatinHypercube"]


@stored
@known_arguments
@dataclass(frozen=True)
class LatinHypercube(Sampler):
    """Latin hypercube: of `count` equal slices along each axis, every one holds exactly one point.

    Parameters
    ----------
    redraw
        Iterations for which the same points serve; 1: new ones in every iteration; None: fixed, drawn once.

    Examples
    --------
    >>> import numpy as np, unideq as ude
    >>> points = ude.samplers.LatinHypercube().draw(4, 2, np.random.default_rng(0))
    >>> sorted((4 * points[:, 0]).astype(int).tolist())
    [0, 1, 2, 3]

    References
    ----------
    McKay, Beckman and Conover, Technometrics 21, 239 (1979).
    """

    kind: ClassVar[str] = "latin_hypercube"

    def draw(self, count: int, dimensions: int, generator: np.random.Generator) -> np.ndarray:
        """Points (count, dimensions) of the unit cube."""
        slices = generator.permuted(np.tile(np.arange(count), (dimensions, 1)), axis=1).T
        # Rounding may lift the last slice's points to 1.
        return np.minimum((slices + generator.random((count, dimensions))) / count, np.nextafter(1.0, 0.0))
