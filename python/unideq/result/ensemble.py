"""Which members of an ensemble describe the data about as well as the best one: their spread is what plots show."""

from __future__ import annotations

import numpy as np

from ..training.record import Record, Training

__all__ = ["near_best", "selection_score"]


def selection_score(record: Training) -> np.ndarray:
    """What the best seed is chosen by (S,): the training total, or with early stopping the lowest held-out one."""
    return record.held_best if record.settings.early_stopping is not None else record.best_total


def near_best(record: Record, factor: float = 2.0) -> np.ndarray:
    """(S,) bool: seeds whose misfit is at most `factor` times the best one's; the best one is always among them.

    Likelihoods are compared by the noise that they imply: log(factor)/2 a variable above the best is the same factor.
    """
    score = selection_score(record) if isinstance(record, Training) else record.score
    best = float(score[record.best_seed])
    if isinstance(record, Training) and (record.settings.loss.estimates_noise or best <= 0):
        limit = best + 0.5 * np.log(factor) * len(record.observations.names)
    else:
        limit = factor * best
    near = np.isfinite(score) & (score <= limit)
    near[record.best_seed] = True
    return near
