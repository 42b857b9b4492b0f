"""How far samples are from a cloud of training samples: in principal components, to neighbours, as distributions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["Cloud", "energy_distance"]

_VARIANCE = 0.999
_COMPONENTS = 20
_SAMPLES = 4000
_FLOOR = 1e-3
"""Least variance of a direction, relative to the whole: what a few trajectories never vary in (a conserved mean, say)
mustn't make every small change enormous."""


@dataclass(frozen=True)
class Cloud:
    """Training samples, reduced to what describes their spread.

    Attributes
    ----------
    centre, scale
        Mean and standard deviation of the features (F,), the latter pooled over a group.
    directions, spread
        Principal components (F, k) of the scaled features and their variances (k,).
    rest
        Variance that the components leave, a number: all directions off them count as one more.
    samples
        Scaled and whitened training samples (M, k), for neighbours.
    reference
        Self-distances of training samples that took no part in the components (cross-validated), (M,).
    neighbours
        Distances of training samples to the nearest other one, of another fold, (M,).
    """

    centre: np.ndarray
    scale: np.ndarray
    directions: np.ndarray
    spread: np.ndarray
    rest: float
    samples: np.ndarray
    reference: np.ndarray
    neighbours: np.ndarray

    @classmethod
    def of(cls, features: np.ndarray, folds: np.ndarray, groups: np.ndarray | None = None, seed: int = 0) -> Cloud:
        """From samples (M, F) with the number of the fold that each belongs to (M,).

        Features of one group (F,) are the same quantity at several places and share a scale; default: each its own.
        """
        groups = np.arange(features.shape[1]) if groups is None else groups
        generator = np.random.default_rng(seed)
        if len(features) > _SAMPLES:
            picked = np.sort(generator.choice(len(features), _SAMPLES, replace=False))
            features, folds = features[picked], folds[picked]
        whole = _components(features, groups)
        own = cls(*whole, _whitened(features, *whole), np.zeros(0), np.zeros(0))
        reference, nearest = np.zeros(len(features)), np.zeros(len(features))
        for fold in np.unique(folds):
            out = folds == fold
            if out.all():
                reference[out], nearest[out] = own.distance(features[out]), 0.0
                continue
            part = _components(features[~out], groups)
            reference[out] = _distance(features[out], *part)
            nearest[out] = _nearest(own.samples[out], own.samples[~out])
        return cls(*whole, own.samples, reference, nearest)

    def distance(self, features: np.ndarray) -> np.ndarray:
        """Mahalanobis distance (M,) of samples (M, F), divided by √(number of directions): about 1 inside the cloud."""
        return _distance(features, self.centre, self.scale, self.directions, self.spread, self.rest)

    def whitened(self, features: np.ndarray) -> np.ndarray:
        """Principal components (M, k) of samples (M, F), each with unit variance over the training samples."""
        return _whitened(features, self.centre, self.scale, self.directions, self.spread, self.rest)

    def nearest(self, features: np.ndarray) -> np.ndarray:
        """Distance (M,) to the nearest training sample, in whitened components."""
        return _nearest(self.whitened(features), self.samples)

    def quantile(self, level: float) -> float:
        """Quantile of the self-distances."""
        return float(np.quantile(self.reference, level))


Parts = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, float]


def _components(features: np.ndarray, groups: np.ndarray) -> Parts:
    centre = features.mean(axis=0)
    variances = features.var(axis=0)
    scale = np.sqrt(np.array([variances[groups == g].mean() for g in groups]))
    scale = np.where(scale > 0, scale, 1.0)
    z = (features - centre) / scale
    _, singular, directions = np.linalg.svd(z, full_matrices=False)
    variance = singular**2 / max(len(features), 1)
    total = float(variance.sum()) or 1.0
    count = int(np.searchsorted(np.cumsum(variance) / total, _VARIANCE)) + 1
    count = max(1, min(count, _COMPONENTS, len(variance)))
    floor = _FLOOR * total
    return (
        centre,
        scale,
        directions[:count].T,
        np.maximum(variance[:count], floor),
        max(float(variance[count:].sum()), floor),
    )


def _whitened(
    features: np.ndarray, centre: np.ndarray, scale: np.ndarray, directions: np.ndarray, spread: np.ndarray, rest: float
) -> np.ndarray:
    return ((features - centre) / scale) @ directions / np.sqrt(spread)


def _distance(
    features: np.ndarray, centre: np.ndarray, scale: np.ndarray, directions: np.ndarray, spread: np.ndarray, rest: float
) -> np.ndarray:
    z = (features - centre) / scale
    inner = z @ directions
    off = np.maximum((z**2).sum(axis=1) - (inner**2).sum(axis=1), 0.0)
    left = max(z.shape[1] - directions.shape[1], 0)
    off = off / rest if left else np.zeros(len(z))  # all directions left, as one more
    return np.sqrt(((inner**2 / spread).sum(axis=1) + off) / (len(spread) + (left > 0)))


def _nearest(samples: np.ndarray, training: np.ndarray) -> np.ndarray:
    training = training[:: max(1, len(training) // 1500)]
    square = (training**2).sum(axis=1)
    found = np.empty(len(samples))
    for start in range(0, len(samples), 1000):
        part = samples[start : start + 1000]
        gaps = (part**2).sum(axis=1)[:, None] - 2.0 * part @ training.T + square
        found[start : start + 1000] = np.sqrt(np.maximum(gaps.min(axis=1), 0.0))
    return found


def energy_distance(one: np.ndarray, two: np.ndarray, most: int = 600, seed: int = 0) -> float:
    """Energy distance of samples (M, k) from reference samples (N, k): 0 where both are distributed alike.

    (2 E|x−y| − E|x−x'| − E|y−y'|) / (2 E|y−y'|) (Székely & Rizzo 2013), in units of the reference's own spread.
    """
    generator = np.random.default_rng(seed)
    x, y = (s[generator.choice(len(s), most, replace=False)] if len(s) > most else s for s in (one, two))

    def mean_gap(a: np.ndarray, b: np.ndarray) -> float:
        square = (a**2).sum(1)[:, None] - 2.0 * a @ b.T + (b**2).sum(1)
        return float(np.sqrt(np.maximum(square, 0.0)).mean())

    spread = mean_gap(y, y)
    return max(0.0, mean_gap(x, y) - 0.5 * (mean_gap(x, x) + spread)) / (spread or 1.0)
