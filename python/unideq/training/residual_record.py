"""`ResidualTraining`: what the fit of a residual problem has learned and logged so far."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ..residual import ResidualProblem
from .record import Record
from .residual_settings import ResidualSettings

__all__ = ["ResidualTraining"]


@dataclass(kw_only=True)
class ResidualTraining(Record):
    """A fit of a residual problem, in progress or at its end.

    Attributes
    ----------
    layout
        Of θ: parameters, then the networks' weights.
    best_theta
        What the results report (S, P): of a stage with redrawn points or moving weights, which has no one objective,
        the latest θ; else the best.
    best_total
        The total of `best_theta` at fixed validation points with the terms' base weights (S,), at the last judgement.
    weights
        Term → its weight (S,) that the stage began with; empty where all have the terms' own.
    points
        Term → its adaptive points, column → (M,), as last chosen.
    """

    problem: ResidualProblem
    settings: ResidualSettings
    weights: dict[str, np.ndarray] = field(default_factory=dict)
    points: dict[str, dict[str, np.ndarray]] = field(default_factory=dict)
