"""Independent uniform points."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ...checks import known_arguments
from ...stored import stored
from .sampler import Sampler

__all__ = ["Uniform"]


@stored
@known_arguments
@dataclass(frozen=True)
class Uniform(Sampler):
    """Independent points, uniform over a term's region.

    Parameters
    ----------
    redraw
        Iterations for which the same points serve; 1: new ones in every iteration; None: fixed, drawn once.
    """

    kind: ClassVar[str] = "uniform"

    def draw(self, count: int, dimensions: int, generator: np.random.Generator) -> np.ndarray:
        """Points (count, dimensions) of the unit cube."""
        return generator.random((count, dimensions))
