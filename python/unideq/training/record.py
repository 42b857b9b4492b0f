"""`Record`: everything a fit has learned and logged so far; what checkpoints store and results are made of."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ..model import Layout
from ..optimise import Arrays

if TYPE_CHECKING:
    from .kind import Kind
    from .transferred import Transferred

__all__ = ["History", "Record"]


@dataclass
class History:
    """Logs, one row an iteration over all stages; arrays are lists of chunks (S, k) until they are joined.

    Held-out totals, and those of the fixed windows or points that batches are judged by (`judged_…`), stand at
    reports. `weights` are the terms' weights where they move or were carried on, chunk by chunk like `terms`.
    `snapshot_…` are θ (S, P) at some reports, for looks at what happened on the way.
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
    weights: list[dict[str, np.ndarray]] = field(default_factory=list)
    snapshot_iteration: list[int] = field(default_factory=list)
    snapshot_theta: list[np.ndarray] = field(default_factory=list)

    @property
    def iterations(self) -> int:
        """Number of iterations so far, over all stages."""
        return sum(chunk.shape[1] for chunk in self.total)

    def joined(self, seeds: int) -> dict[str, Any]:
        """Whole arrays: (S, iterations) each; `terms` and `weights` name → (S, iterations), NaN where a stage has none.

        `weights` is empty where no stage logged any.
        """
        empty = np.zeros((seeds, 0))

        def whole(chunks: list[np.ndarray]) -> np.ndarray:
            return np.concatenate([empty, *chunks], axis=1)

        def named(chunks: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
            names = list(dict.fromkeys(n for chunk in chunks for n in chunk))
            return {
                n: whole([c.get(n, np.full(t.shape, np.nan)) for c, t in zip(chunks, self.total, strict=True)])
                for n in names
            }

        def at_reports(rows: list[np.ndarray]) -> np.ndarray:
            return np.stack(rows, axis=1) if rows else empty

        return {
            "total": whole(self.total),
            "terms": named(self.terms),
            "gradient_norm": whole(self.gradient_norm),
            "learning_rate": whole(self.learning_rate),
            "rejected": whole(self.rejected).astype(bool),
            "stage": np.concatenate([np.zeros(0, int), *self.stage]).astype(int),
            "held_iteration": np.array(self.held_iteration, dtype=int),
            "held_total": at_reports(self.held_total),
            "judged_iteration": np.array(self.judged_iteration, dtype=int),
            "judged_total": at_reports(self.judged_total),
            "weights": named(self.weights),
        }


@dataclass(kw_only=True)
class Record:
    """A fit in progress or at its end, of any kind of model.

    Attributes
    ----------
    model
        As it was given to `fit`.
    observations
        What was measured; None for kinds of model whose measurements are a part of the model.
    layout
        Of the full θ; the model's own comes first.
    theta
        Where the optimiser stands (S, P).
    best_theta, best_total
        Best parameters of the current stage's objective, (S, P) and (S,). They start the next stage. With batches they
        are judged at reports, by fixed windows or points; where there is no one objective (redrawn points, moving
        weights) they are the latest.
    held_theta, held_best
        Parameters with the lowest held-out error (S, P), and that error (S,); None for kinds that hold nothing out.
    stage, iteration
        Stage in progress, and iterations done in it.
    state
        The optimiser's arrays, to resume bit for bit.
    status
        `running`, `finished`, `interrupted: …`, `stopped early: …` or `gave up: …`.
    events
        What happened that a person should know (solver chosen, rejected steps, switches).
    weights
        Term → its weight (S,) that the stage began with; empty where all have the terms' own.
    points
        Term → its adaptive points, column → (M,), as last chosen.
    transferred
        Where it comes from, if it was transferred.
    """

    model: Any
    settings: Any
    observations: Any = None
    layout: Layout
    theta: np.ndarray
    best_theta: np.ndarray
    best_total: np.ndarray
    engine: dict[str, Any]
    held_theta: np.ndarray | None = None
    held_best: np.ndarray | None = None
    history: History = field(default_factory=History)
    stage: int = 0
    iteration: int = 0
    state: Arrays = field(default_factory=dict)
    status: str = "running"
    events: list[str] = field(default_factory=list)
    created: str = ""
    seconds: float = 0.0
    finished: np.ndarray | None = None
    fingerprint: str = ""
    weights: dict[str, np.ndarray] = field(default_factory=dict)
    points: dict[str, dict[str, np.ndarray]] = field(default_factory=dict)
    transferred: Transferred | None = None

    @property
    def kind(self) -> Kind:
        """What is particular to the kind of model."""
        from .kind import kind_of

        return kind_of(self.model)

    @property
    def chosen_theta(self) -> np.ndarray:
        """What the results report (S, P): the best; with early stopping, those of the lowest held-out error."""
        stops = self.settings.early_stopping is not None and self.held_theta is not None
        return self.held_theta if stops else self.best_theta  # type: ignore[return-value]

    @property
    def score(self) -> np.ndarray:
        """What the best seed is chosen by (S,), lowest wins: the total; with early stopping the lowest held-out one."""
        stops = self.settings.early_stopping is not None and self.held_best is not None
        return self.held_best if stops else self.best_total  # type: ignore[return-value]

    @property
    def best_seed(self) -> int:
        """Index of the ensemble member with the lowest score."""
        return int(np.argmin(np.where(np.isfinite(self.score), self.score, np.inf)))

    @property
    def method(self) -> str:
        """Who computes the solution: a solver's name, a stepper's scheme and step; empty where there is none."""
        return self.kind.method(self)

    @property
    def done(self) -> bool:
        """Whether there is nothing left to resume."""
        return self.status != "running" and not self.status.startswith("interrupted")
