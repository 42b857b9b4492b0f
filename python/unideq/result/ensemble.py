"""Which members of an ensemble describe the data about as well as the best one: their spread is what plots show."""

from __future__ import annotations

import numpy as np

from ..training.record import Record

__all__ = ["near_best"]


def near_best(record: Record, factor: float = 2.0) -> np.ndarray:
    """(S,) bool: seeds whose misfit is at most `factor` times the best one's; the best one is always among them.

    Likelihoods are compared by the noise that they imply: log(factor)/2 a variable above the best is the same factor.
    """
    score = record.score
    best = float(score[record.best_seed])
    if record.kind.is_likelihood(record, best):
        limit = best + 0.5 * np.log(factor) * len(record.observations.names)
    else:
        limit = factor * best
    near = np.isfinite(score) & (score <= limit)
    near[record.best_seed] = True
    return near
