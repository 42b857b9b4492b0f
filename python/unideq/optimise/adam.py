"""Adam and AdamW.

Written out rather than taken from a library: a rejected step goes on from the last good point with the moments from
before, and needs the direction without a gradient.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..checks import known_arguments
from ..objective.objective import Objective
from .first_order import FirstOrder
from .schedule import Schedule
from .state import Arrays

__all__ = ["Adam", "AdamW", "Moments"]


class Moments(FirstOrder):
    """Base of what steps along the gradient's first moment over the root of its second (algorithm 1 of the paper)."""

    later: ClassVar[Mapping[str, Any]] = {"skip": None, "rates": None, "precision": "float64"}
    beta1: float
    beta2: float
    epsilon: float

    def memory(self, size: int) -> Arrays:
        """First and second moment."""
        return {"mean": np.zeros(size), "square": np.zeros(size)}

    def remember(self, state: Mapping[str, Any], gradient: Any) -> dict[str, Any]:
        """The moments with this gradient in them."""
        return {
            "mean": self.beta1 * state["mean"] + (1 - self.beta1) * gradient,
            "square": self.beta2 * state["square"] + (1 - self.beta2) * gradient**2,
        }

    def direction(self, state: Mapping[str, Any], age: Any) -> Any:
        """The first moment over the root of the second, their biases corrected for as many updates."""
        age = np.maximum(age, 1)
        mean, square = state["mean"] / (1 - self.beta1**age), state["square"] / (1 - self.beta2**age)
        return mean / (np.sqrt(square) + self.epsilon)


@known_arguments
@dataclass(frozen=True)
class Adam(Moments):
    """Adam (Kingma & Ba 2015).

    Parameters
    ----------
    learning_rate
        A number or a schedule.
    iterations
        Number of updates.
    beta1, beta2, epsilon
        As in the paper.
    clip
        Largest allowed gradient norm, or None.
    skip
        Leave out updates whose gradient norm exceeds `skip` times the running mean of the accepted updates' norms
        (exponential, 0.99 an update); None: none. They are logged as rejected, and cost no learning rate; after 200
        in a row the seed stops.
    rates
        Factors on the learning rate (weight decay included), by names of parameters, networks, layers and single
        weights: `{"closure": 0.1, "closure.layer_1": 1.0}`. Of a network and its layer the layer's counts; what isn't
        named has 1. Unknown names are refused before anything is compiled.
    objective
        Objective of this phase; default: the one given to `fit`.
    precision
        `float64`, or `float32`, which large networks train faster in: on JAX everything that the phase computes is
        single; on Julia convolutions and large products of matrices are, and what they add up to stays double. Only
        for objectives without adaptive solves (`Unrolled`, `Collocation`, `Residual`, rollouts).
    """

    kind: ClassVar[str] = "adam"
    learning_rate: float | Schedule = 1e-3
    iterations: int = 1000
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    clip: float | None = None
    skip: float | None = None
    rates: Mapping[str, float] | None = None
    objective: Objective | None = None
    precision: str = "float64"


@known_arguments
@dataclass(frozen=True)
class AdamW(Moments):
    """Adam with decoupled weight decay (Loshchilov & Hutter 2019); the decay acts on network weights only."""

    kind: ClassVar[str] = "adamw"
    learning_rate: float | Schedule = 1e-3
    iterations: int = 1000
    weight_decay: float = 1e-4
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    clip: float | None = None
    skip: float | None = None
    rates: Mapping[str, float] | None = None
    objective: Objective | None = None
    precision: str = "float64"
