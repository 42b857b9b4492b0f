"""`Minimisation`: all that a run of an optimiser is given, checked, in one object."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..checks import instance, settle, whole
from ..errors import ModelError, OptionError
from ..objective.program import Balancing, Batches, LossProgram
from ..optimise import Arrays, Phase, checked_matrices, restore
from .batches import check_batches
from .term_roles import checked_balancing

__all__ = ["Minimisation"]


@dataclass(frozen=True)
class Minimisation:
    """One run of an optimiser over S seeds.

    Attributes
    ----------
    objective, optimizer
        What to minimise, and how.
    theta
        Start (S, P).
    free
        (P,) bool: entries that may move; or one for all.
    decay
        (P,) bool: entries that weight decay acts on; or one for all.
    state
        A report's state to resume from.
    batches
        Fresh data for every iteration (Adam, AdamW and SOAP only); the totals logged are then those of the batches.
    balancing
        How the terms' weights move (Adam, AdamW and SOAP only). `config` and `pcgrad` make them anew in every
        iteration, from the objective's; terms of weight 0 take no part.
    weights
        (S, T): every seed's weights at the start instead of the objective's; without `balancing` they stay.
    report_every
        Iterations between two reports.
    matrices
        (offset, rows, columns) of the weight matrices in θ, for optimisers that look at whole ones.

    Raises
    ------
    OptionError
        If a setting is unknown, or doesn't fit the optimiser.
    ModelError
        If an array has the wrong shape.
    """

    objective: LossProgram
    theta: np.ndarray
    optimizer: Phase
    free: np.ndarray | bool = True
    decay: np.ndarray | bool = True
    state: Mapping[str, np.ndarray] | None = None
    batches: Batches | None = None
    balancing: Balancing | None = None
    weights: np.ndarray | None = None
    report_every: int = 50
    matrices: Sequence[Sequence[int]] = ()

    def __post_init__(self) -> None:
        settle(self, instance, "optimizer", kinds=Phase, needs="a phase such as `ude.Adam(1e-2, 1000)`")
        settle(self, whole, "report_every", least=1)
        theta = np.array(self.theta, dtype=float)
        if theta.ndim != 2:
            raise ModelError(f"`minimise` needs θ of shape (S, P), not {theta.shape}.")
        check_batches(self.batches, self.optimizer, len(theta))
        size = theta.shape[1]
        settled = {
            "theta": theta,
            "free": np.broadcast_to(np.asarray(self.free, bool), (size,)),
            "decay": np.broadcast_to(np.asarray(self.decay, bool), (size,)),
            "optimizer": self.optimizer.with_numbers({}, checked_matrices(self.matrices, size)),
            "balancing": checked_balancing(self.balancing, self.objective, self.optimizer, size),
            "weights": self._checked_weights(len(theta)),
        }
        for name, value in settled.items():
            object.__setattr__(self, name, value)

    def _checked_weights(self, seeds: int) -> np.ndarray | None:
        if self.weights is None:
            return None
        count, weights = len(self.objective.terms), np.array(self.weights, dtype=float)
        if weights.shape != (seeds, count):
            raise ModelError(f"`weights` needs shape ({seeds}, {count}), seeds and terms, not {weights.shape}.")
        if not np.isfinite(weights).all():
            raise OptionError("`weights` needs finite numbers.")
        return weights

    @property
    def seeds(self) -> int:
        """Number S of parameter vectors."""
        return len(self.theta)

    @property
    def precision(self) -> str:
        """What the objective is evaluated in."""
        return self.optimizer.precision

    @property
    def iterations(self) -> int:
        """Iterations of the whole run, those before the state to resume from among them."""
        return self.optimizer.iterations

    def start(self) -> Arrays:
        """The state to begin with, or to resume from; where weights move, or were given, it has them (S, T)."""
        start = self.optimizer.begin(self.theta, len(self.objective.terms))
        if self.weights is not None:
            start["weights"] = self.weights
        elif self.balancing is not None or (self.state is not None and "weights" in self.state):
            start["weights"] = np.tile(self.objective.term_weights, (self.seeds, 1))
        return self.resumed(start)

    def resumed(self, start: Arrays) -> Arrays:
        """The state to resume from in place of one to begin with, where there is one."""
        return start if self.state is None else restore(start, self.state)
