"""`Series`: the measurements of one trajectory."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ..model import Record

__all__ = ["Series"]


@dataclass(frozen=True)
class Series:
    """One trajectory: its measured times (K,) and values name → (K, *shape), NaN where not measured.

    `start` is where the integration begins (see `unideq.objective.reading.read`); `extra` holds the data's further
    coordinates, from which initial values and conditions are read; `inputs` the records of its own forcings.
    """

    label: Any
    start: float
    times: np.ndarray
    values: dict[str, np.ndarray]
    extra: dict[str, np.ndarray]
    inputs: dict[str, Record] = field(default_factory=dict)

    def select(self, keep: np.ndarray) -> Series:
        """The part of it where `keep` (K,) holds."""
        values = {n: v[keep] for n, v in self.values.items()}
        return replace(self, times=self.times[keep], values=values)
