"""`Density`: the distribution of a field's values in units of the truth's deviation, with its tails."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

__all__ = ["TAIL", "Density", "tail_errors"]

TAIL = 3.0
"""Deviations from the truth's mean beyond which values are the tail."""
_WIDTH = 0.25
_SEEN = 10
"""Values that the truth has in a bin of the tail, at least, for it to count."""


@dataclass
class Density:
    """Values of runs, added up piece by piece.

    Attributes
    ----------
    edges
        Of the bins, in deviations.
    counts
        (B, bins) for each run; values beyond the last edges are in no bin.
    powers
        (B, 5): sums of z⁰ … z⁴.
    largest
        (B,): largest |z|.
    """

    edges: np.ndarray
    counts: np.ndarray
    powers: np.ndarray
    largest: np.ndarray = field(default_factory=lambda: np.zeros(0))

    @classmethod
    def empty(cls, runs: int, furthest: float) -> Density:
        """For so many runs, with bins to one and a half times the truth's furthest value."""
        half = int(np.ceil(max(2.0 * TAIL, 1.5 * furthest) / _WIDTH))
        edges = _WIDTH * np.arange(-half, half + 1)
        return cls(edges, np.zeros((runs, 2 * half)), np.zeros((runs, 5)), np.zeros(runs))

    @property
    def centres(self) -> np.ndarray:
        """(bins,)"""
        return 0.5 * (self.edges[1:] + self.edges[:-1])

    def add(self, run: int, z: np.ndarray) -> None:
        """More values of one run."""
        if not z.size:
            return
        self.counts[run] += np.histogram(z, self.edges)[0]
        power = np.ones_like(z)
        for k in range(5):
            self.powers[run, k] += power.sum()
            power = power * z
        self.largest[run] = max(self.largest[run], float(np.abs(z).max()))

    def density(self) -> np.ndarray:
        """(bins,) of all runs together."""
        with np.errstate(invalid="ignore"):
            return self.counts.sum(0) / (self.powers[:, 0].sum() * _WIDTH)

    def kurtosis(self) -> float:
        """⟨(z − ⟨z⟩)⁴⟩ / ⟨(z − ⟨z⟩)²⟩² of all runs together: 3 for a Gaussian, more with longer tails."""
        with np.errstate(invalid="ignore", divide="ignore"):
            _, a, b, c, d = self.powers.sum(0) / self.powers[:, 0].sum()
            return float((d - 4 * a * c + 6 * a**2 * b - 3 * a**4) / (b - a**2) ** 2)

    def deviation(self) -> float:
        """Of all runs together, in units of the truth's."""
        with np.errstate(invalid="ignore", divide="ignore"):
            _, a, b = self.powers[:, :3].sum(0) / self.powers[:, 0].sum()
            return float(np.sqrt(max(b - a**2, 0.0)))


def tail_errors(found: Density, true: Density) -> tuple[float, float]:
    """Root mean square and mean of log₁₀(density / true density) in the bins beyond `TAIL` that the truth fills.

    A negative mean says that tails are too short. A bin in which nothing was found counts as half a value. NaN where
    the truth has no such tails, or nothing was found at all.
    """
    seen = (np.abs(true.centres) > TAIL) & (true.counts.sum(0) >= _SEEN)
    total, expected = found.powers[:, 0].sum(), true.powers[:, 0].sum()
    if not seen.any() or not total:
        return float("nan"), float("nan")
    own = np.maximum(found.counts.sum(0)[seen], 0.5) / total
    off = np.log10(own / (true.counts.sum(0)[seen] / expected))
    return float(np.sqrt((off**2).mean())), float(off.mean())
