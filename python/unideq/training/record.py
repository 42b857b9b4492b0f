"""`Training`: everything a fit has learned and logged so far; what checkpoints store and results are made of."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..model import ODE, Layout, Stepper
from ..objective import Observations
from .settings import FitSettings

__all__ = ["History", "Training"]


@dataclass
class History:
    """Logs, one row an iteration over all stages; arrays are lists of chunks (S, k) until they are joined.

    Held-out totals, and those of the fixed windows that mini-batches are judged by (`judged_…`), stand at reports.
    """

    total: list[np.ndarray] = field(default_factory=list)
    terms: list[dict[str, np.ndarray]] = field(default_factory=list)
    gradient_norm: list[np.ndarray] = field(default_factory=list)
    learning_rate: list[np.ndarray] = field(default_factory=list)
    rejected: list[np.ndarray] = field(default_factory=list)
    stage: list[np.ndarray] = field(default_factory=list)
    held_iteration: list[int] = field(default_factory=list)
    held_total: list[np.ndarray] = field(default_factory=list)
    judged_iteration: list[int] = field(default_factory=list)
    judged_total: list[np.ndarray] = field(default_factory=list)

    @property
    def iterations(self) -> int:
        """Number of iterations so far, over all stages."""
        return sum(chunk.shape[1] for chunk in self.total)

    def joined(self, seeds: int) -> dict[str, Any]:
        """Whole arrays: (S, iterations) each, `terms` name → (S, iterations) with NaN where a stage lacks a term."""
        names = list(dict.fromkeys(n for chunk in self.terms for n in chunk))
        empty = np.zeros((seeds, 0))

        def whole(chunks: list[np.ndarray]) -> np.ndarray:
            return np.concatenate([empty, *chunks], axis=1)

        terms = {
            n: whole([c.get(n, np.full(t.shape, np.nan)) for c, t in zip(self.terms, self.total, strict=True)])
            for n in names
        }
        return {
            "total": whole(self.total),
            "terms": terms,
            "gradient_norm": whole(self.gradient_norm),
            "learning_rate": whole(self.learning_rate),
            "rejected": whole(self.rejected).astype(bool),
            "stage": np.concatenate([np.zeros(0, int), *self.stage]).astype(int),
            "held_iteration": np.array(self.held_iteration, dtype=int),
            "held_total": np.stack(self.held_total, axis=1) if self.held_total else empty,
            "judged_iteration": np.array(self.judged_iteration, dtype=int),
            "judged_total": np.stack(self.judged_total, axis=1) if self.judged_total else empty,
        }


@dataclass
class Training:
    """A fit in progress or at its end.

    Attributes
    ----------
    layout
        Of the full θ: model, initial values, segment starts, noise.
    theta
        Where the optimiser stands (S, P).
    best_theta, best_total
        Best parameters of the current stage's objective, (S, P) and (S,). They start the next stage. With mini-batches
        they are judged at reports, by a fixed set of windows.
    chosen_theta
        What the results report (S, P): the best ones, or with early stopping those with the lowest held-out error.
    stage, iteration
        Stage in progress, and iterations done in it.
    state
        The optimiser's arrays, to resume bit for bit.
    status
        `running`, `finished`, `interrupted: …`, `stopped early: …` or `gave up: …`.
    events
        What happened that a person should know (solver chosen, rejected steps, switches).
    """

    model: ODE
    observations: Observations
    settings: FitSettings
    layout: Layout
    theta: np.ndarray
    best_theta: np.ndarray
    best_total: np.ndarray
    held_theta: np.ndarray
    held_best: np.ndarray
    engine: dict[str, Any]
    history: History = field(default_factory=History)
    stage: int = 0
    iteration: int = 0
    state: dict[str, np.ndarray] = field(default_factory=dict)
    status: str = "running"
    events: list[str] = field(default_factory=list)
    created: str = ""
    seconds: float = 0.0
    finished: np.ndarray | None = None
    fingerprint: str = ""

    @property
    def chosen_theta(self) -> np.ndarray:
        """What the results report (S, P): the best; with early stopping, those of the lowest held-out error."""
        return self.held_theta if self.settings.early_stopping is not None else self.best_theta

    @property
    def best_seed(self) -> int:
        """Index of the ensemble member with the lowest training total (of the held-out one, with early stopping)."""
        score = self.held_best if self.settings.early_stopping is not None else self.best_total
        return int(np.argmin(np.where(np.isfinite(score), score, np.inf)))

    @property
    def method(self) -> str:
        """Who advances the state: the solver's name, or a stepper's scheme and step."""
        if isinstance(self.model, Stepper):
            return f"{self.model.scheme_text} in steps of {self.model.dt:g}"
        return self.settings.solver.name

    @property
    def done(self) -> bool:
        """Whether there is nothing left to resume."""
        return self.status != "running" and not self.status.startswith("interrupted")
