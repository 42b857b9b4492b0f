"""Where a learned term was seen, and how far it is believed there: what pictures and audits share."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from .ensemble import near_best
from .hull import convex_hull, inside
from .network import TrainedNetwork

if TYPE_CHECKING:
    from .fit import Fit
    from .learned import Visited

__all__ = ["DOUBTED", "Region", "believed", "disagreement", "seen_in_training"]

DOUBTED = 0.2
"""Spread of the good seeds, as a share of what the term varies by, from which it isn't believed."""
MOST = 2000
"""Points that a term is looked at, at most."""


@dataclass(frozen=True)
class Region:
    """Where points (M, k) are: between the ends of one argument, in the hull of two, in the box of more.

    Attributes
    ----------
    points
        (M, k), finite.
    """

    points: np.ndarray

    @property
    def ends(self) -> tuple[np.ndarray, np.ndarray]:
        """Lowest and highest of every argument, (k,) each."""
        return self.points.min(axis=0), self.points.max(axis=0)

    @cached_property
    def hull(self) -> np.ndarray:
        """Corners (H, 2) of the hull of two arguments; fewer than three where points lie on a line."""
        return convex_hull(self.points)

    def holds(self, points: np.ndarray) -> np.ndarray:
        """Whether points (…, k) are inside, or just outside (2 % of its size)."""
        hull = self.hull if self.points.shape[-1] == 2 else ()
        if len(hull) > 2:
            return inside(points, hull)
        low, high = self.ends
        slack = 0.02 * (high - low)
        return np.asarray(((points >= low - slack) & (points <= high + slack)).all(axis=-1))


def seen_in_training(fit: Fit, seen: Visited) -> tuple[Region, np.ndarray]:
    """Where the best seed's solutions called a network at times that training saw, and the points (M, k) that they
    called it with at others; those up to a trajectory's last measurement in training count as seen."""
    record = fit.record
    arguments = seen.arguments[record.best_seed]  # (trajectory, time, cell, k)
    times = np.broadcast_to(fit.tree["/learned_term"].to_dataset()["time"].values, arguments.shape[:2])
    train, _ = record.observations.split(record.settings.holdout)
    last = [s.times[-1] if len(s.times) else -np.inf for s in train.series]
    trained = np.repeat((times <= np.array(last)[:, None])[..., None], arguments.shape[2], axis=2)
    finite = np.isfinite(arguments).all(axis=-1)
    inner = arguments[trained & finite]
    return Region(inner if len(inner) else arguments[finite]), arguments[~trained & finite]


def disagreement(fit: Fit, network: str, points: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """By how much the good seeds differ on a network at points (…, k): their standard deviation over `scale`, the
    largest of the outputs', (…)."""
    good = [s for s, near in zip(fit.seeds, near_best(fit.record), strict=True) if near]
    shape = (*points.shape[:-1], -1)
    values = np.stack([TrainedNetwork(fit, network, s)(points).reshape(shape) for s in good])
    return (values.std(axis=0) / scale).max(axis=-1)


def believed(fit: Fit, seen: Visited, region: Region) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Some points (M, k) of a region, by how much the good seeds differ there (M,), zero where one seed is alone, and
    what the term varies by (outputs,).
    """
    points = region.points[:: max(1, len(region.points) // MOST)]
    own = TrainedNetwork(fit, seen.network)(points).reshape(len(points), -1)
    scale, size = np.ptp(own, axis=0), np.abs(own).max(axis=0)
    scale = np.where(scale > 1e-12 * size, scale, np.where(size > 0, size, 1.0))  # of a constant its size
    return points, disagreement(fit, seen.network, points, scale), scale
