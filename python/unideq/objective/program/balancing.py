"""`Balancing`: weights that move while an objective is minimised."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["Balancing"]


@dataclass(frozen=True)
class Balancing:
    """How the weights λ of an objective's terms follow their gradients while it is minimised; plain data.

    Attributes
    ----------
    rule
        A name of `unideq.objective.weighting_rules.RULES`: `annealing`, `gradient_norm`, `ntk` move the weights every
        so many iterations; `config`, `pcgrad` combine the terms' gradients into one direction in every iteration.
    terms
        The terms that take part; others keep their weights.
    counted
        (P,) numbers c >= 0 (or bool): the entries of θ that a rule's statistics look at, where free; means are
        Σ c x / Σ c. Or (G, P), a row a group of entries: annealing then takes the groups' largest ratio.
    every
        Iterations between two updates of the weights; the first is before the first update of θ.
    rate
        α of λ ← (1 − α) λ + α λ̂.
    reference
        Annealing: the terms whose gradient is the measure, and whose weights stay.
    denominator
        Annealing: `weighted` (mean |∇ λ_i L_i|, with the current weight) or `plain` (mean |∇ L_i|).
    """

    rule: str
    terms: tuple[str, ...]
    counted: np.ndarray
    every: int = 10
    rate: float = 0.1
    reference: tuple[str, ...] = ()
    denominator: str = "weighted"
