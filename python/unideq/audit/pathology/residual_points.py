"""Where residuals are large: their share in few points, and how they lie in time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...engine.protocol import Engine
from ...objective.program import LossProgram

__all__ = ["FEW", "SLICES", "concentration", "squares", "time_slices"]

FEW = 0.05
"""Share of the points that `concentration` looks at."""
SLICES = 10
"""Slices of time of equal length."""


def squares(
    engine: Engine, objective: LossProgram, theta: np.ndarray, terms: Sequence[str]
) -> dict[str, tuple[dict[str, np.ndarray], np.ndarray]]:
    """Term → its points, column → (M,), and Σ r² at each (K, M), for K parameter vectors θ (K, P)."""
    found = {}
    for term in terms:
        one = objective.mean_square(term)
        if one is None:
            continue
        graph, points = one.source.graph, {n: np.asarray(v, dtype=float) for n, v in one.source.data.items()}
        values = [engine.evaluate(graph, {**points, "theta": row}, list(points))[one.output] for row in theta]
        found[term] = points, (np.stack(values).reshape(len(theta), len(values[0]), -1) ** 2).sum(axis=2)
    return found


def concentration(values: np.ndarray) -> np.ndarray:
    """Share of Σ r² in the largest `FEW` of the points, (…, M) → (…): 0.28 where r is normally distributed."""
    ordered = np.sort(values, axis=-1)[..., ::-1]
    count = max(1, round(FEW * values.shape[-1]))
    whole = ordered.sum(axis=-1)
    return np.where(whole > 0.0, ordered[..., :count].sum(axis=-1) / np.where(whole > 0.0, whole, 1.0), FEW)


def time_slices(t: np.ndarray, values: np.ndarray, start: float, end: float) -> np.ndarray:
    """Mean of r² in each of `SLICES` equal slices of (start, end): (K, M) → (K, SLICES); NaN without points."""
    which = np.clip(((t - start) / (end - start) * SLICES).astype(int), 0, SLICES - 1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.stack(
            [
                values[:, which == j].mean(axis=1) if (which == j).any() else np.full(len(values), np.nan)
                for j in range(SLICES)
            ],
            axis=1,
        )
