"""Rollouts of a model with events: the fit's own solutions, which know when and how much."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ...result import Fit
from ...result.sampling import predict

__all__ = ["own_courses"]


def own_courses(fit: Fit, trajectories: Sequence[Any], starts: np.ndarray, dt: float, steps: int) -> np.ndarray:
    """States (B, steps + 1, n) of trained trajectories, by their labels, from these times (B,) on."""
    series = fit.record.observations.series
    chosen = [next(k for k, s in enumerate(series) if s.label == label) for label in trajectories]
    begin = np.array([s.start for s in series])
    begin[chosen] = starts
    times = begin[:, None] + dt * np.arange(steps + 1)
    record = replace(fit.record, settings=replace(fit.record.settings, seeds=(fit.best_seed,)))
    return predict(record, fit.engine, times, fit.theta[None]).states[0, chosen]
