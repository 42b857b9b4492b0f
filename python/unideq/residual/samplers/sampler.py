"""What every sampler offers: points of the unit cube, the same for the same seed and draw."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ...errors import OptionError

__all__ = ["Sampler"]


@dataclass(frozen=True)
class Sampler:
    """Base of all samplers.

    Parameters
    ----------
    redraw
        Iterations for which the same points serve; 1: new ones in every iteration; None: fixed, drawn once.
    """

    kind: ClassVar[str] = ""
    redraw: int | None = 1

    def __post_init__(self) -> None:
        if self.redraw is not None and (
            isinstance(self.redraw, bool) or not isinstance(self.redraw, (int, np.integer)) or self.redraw < 1
        ):
            raise OptionError(
                f"`redraw` needs a whole number of iterations >= 1, or None for fixed points, not {self.redraw!r}."
            )

    def draw(self, count: int, dimensions: int, generator: np.random.Generator) -> np.ndarray:
        """Points (count, dimensions) of the unit cube."""
        raise NotImplementedError

    def number(self, iteration: int) -> int:
        """Which draw an iteration uses."""
        return 0 if self.redraw is None else iteration // self.redraw
