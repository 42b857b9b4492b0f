"""`Transferred`: what a fit that was transferred remembers of where it came from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np

__all__ = ["Transferred"]

APART = 2.0
"""Ratio of standard deviations, or shift of the mean in them, beyond which data differ enough to be told."""


@dataclass(frozen=True)
class Transferred:
    """Made by `Fit.transfer`.

    Attributes
    ----------
    retrained
        Names of the layers, networks and parameters that were trained.
    origin
        What tells the fit that it began at: `created`, `fingerprint`, `iterations`, the seeds' `total`; and
        `transferred`, where that was a transfer itself.
    scales
        Variable → how many times as much it varies in the new data as in the fit's, and how far its mean lies from
        theirs, in their standard deviations.
    start
        θ (S, P) where training began.
    """

    retrained: tuple[str, ...]
    origin: Mapping[str, Any]
    scales: Mapping[str, tuple[float, float]]
    start: np.ndarray = field(default_factory=lambda: np.zeros((0, 0)), repr=False)

    @property
    def words(self) -> str:
        """In one line."""
        return f"{', '.join(self.retrained)} retrained, from the fit of {self.origin['created']}"

    @property
    def concerns(self) -> list[str]:
        """What a person should know about the data."""
        found = []
        for name, (ratio, shift) in self.scales.items():
            differs = [f"varies {ratio:.3g} times as much as in the fit's"] * (not 1 / APART <= ratio <= APART)
            differs += [f"lies {shift:+.3g} of their standard deviations away from them"] * (abs(shift) > APART)
            if differs:
                found.append(
                    f"in the data to transfer to `{name}` {' and '.join(differs)}: numbers that the model and its "
                    "networks divide by stay those of the fit, while losses are relative to the new data"
                )
        return found

    def to_json(self) -> dict[str, Any]:
        """Plain data, without `start`."""
        scales = {n: list(pair) for n, pair in self.scales.items()}
        return {"retrained": list(self.retrained), "origin": dict(self.origin), "scales": scales}

    @classmethod
    def read(cls, text: str, start: np.ndarray) -> Self:
        """Inverse of `to_json` as text."""
        data = json.loads(text)
        scales = {n: (float(ratio), float(shift)) for n, (ratio, shift) in data["scales"].items()}
        return cls(tuple(data["retrained"]), data["origin"], scales, start)
