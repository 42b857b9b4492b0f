"""What every sampler offers: points of the unit cube, the same for the same seed and draw."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ...checks import known_arguments, settle, whole
from ...stored import Stored

__all__ = ["Sampler"]


@known_arguments
@dataclass(frozen=True)
class Sampler(Stored):
    """Base of all samplers.

    Parameters
    ----------
    redraw
        Iterations for which the same points serve; 1: new ones in every iteration; None: fixed, drawn once.

    Raises
    ------
    OptionError
        If `redraw` isn't a whole number >= 1 or None.
    """

    family: ClassVar[str] = "sampler"
    redraw: int | None = 1

    def __post_init__(self) -> None:
        settle(self, whole, "redraw", least=1, none=True)

    def draw(self, count: int, dimensions: int, generator: np.random.Generator) -> np.ndarray:
        """Points (count, dimensions) of the unit cube."""
        raise NotImplementedError

    def number(self, iteration: int) -> int:
        """Which draw an iteration uses."""
        return 0 if self.redraw is None else iteration // self.redraw
