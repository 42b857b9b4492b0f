"""`Series`: the measurements of one trajectory."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ..model import Record
from .own_events import Schedule

__all__ = ["Series"]


@dataclass(frozen=True)
class Series:
    """One trajectory: its measured times (K,) and values name → (K, *shape), NaN where not measured.

    `start` is where the integration begins (see `unideq.objective.reading.read`); `extra` holds the data's further
    coordinates, from which initial values and conditions are read; `inputs` the records of its own forcings; `beside`
    what stands beside measured values, (K, *shape): standard deviations, limits; `groups` the labels of the groups that
    it belongs to, by their coordinates; `tables` the tables that its events are read from, `happening` what they say.
    """

    label: Any
    start: float
    times: np.ndarray
    values: dict[str, np.ndarray]
    extra: dict[str, np.ndarray]
    inputs: dict[str, Record] = field(default_factory=dict)
    beside: dict[str, np.ndarray] = field(default_factory=dict)
    groups: dict[str, Any] = field(default_factory=dict)
    tables: dict[str, np.ndarray] = field(default_factory=dict)
    happening: Schedule | None = None

    def select(self, keep: np.ndarray | slice) -> Series:
        """The part of it where `keep` (K,) holds."""
        values, beside = ({n: v[keep] for n, v in arrays.items()} for arrays in (self.values, self.beside))
        return replace(self, times=self.times[keep], values=values, beside=beside)
