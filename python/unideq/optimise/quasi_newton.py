"""BFGS and L-BFGS: quasi-Newton methods with a line search."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypedDict

import numpy as np

from ..checks import choice, known_arguments, settle
from ..objective.objective import Objective
from .phase import Phase
from .state import A, State, start_of

__all__ = ["BFGS", "LBFGS", "Dense", "Limited", "QuasiNewton", "QuasiNewtonState", "Search"]

UPDATES = ("bfgs", "self_scaled_bfgs", "self_scaled_broyden")


class Dense(TypedDict, Generic[A]):
    """The curvature of `BFGS`: the inverse Hessian (P, P), and the number of pairs of differences in it."""

    inverse_hessian: A
    pairs: A


class Limited(TypedDict, Generic[A]):
    """The curvature of `LBFGS`: the last pairs s, y (memory, P), newest last, ρ = 1 / sᵀy, and the pairs' number."""

    s: A
    y: A
    rho: A
    pairs: A


class Search(TypedDict, Generic[A]):
    """A line search on its way: the trial's step, the bracket's two ends, and the lowest point that would do.

    `turns` counts evaluations; `slope` is that at the origin; `broken`: a trial wasn't finite.
    """

    step: A
    turns: A
    bracketed: A
    broken: A
    slope: A
    low: A
    low_total: A
    low_slope: A
    high: A
    high_total: A
    high_slope: A
    safe: A
    safe_total: A
    safe_terms: A
    safe_gradient: A


class QuasiNewtonState(State[A]):
    """The state of `BFGS` and `LBFGS`: what is `known` of θ, where the search goes, and its curvature."""

    known: A
    total: A
    terms: A
    gradient: A
    direction: A
    memory: Dense[A] | Limited[A]
    search: Search[A]


class QuasiNewton(Phase):
    """Base of both: a turn is one evaluation of the loss along a direction, an iteration one line search."""

    def _begin(self, theta: np.ndarray, terms: int) -> QuasiNewtonState[np.ndarray]:
        seeds = len(theta)
        return {
            **start_of(theta),
            "known": np.zeros(seeds, bool),
            "total": np.full(seeds, np.inf),
            "terms": np.full((seeds, terms), np.nan),
            "gradient": np.zeros_like(theta),
            "direction": np.zeros_like(theta),
            "memory": self._curvature(*theta.shape),
            "search": _search(theta, terms),
        }

    def _curvature(self, seeds: int, size: int) -> Dense[np.ndarray] | Limited[np.ndarray]:
        """What is remembered of the curvature; `pairs` counts the pairs of differences in it."""
        raise NotImplementedError


def _search(theta: np.ndarray, terms: int) -> Search[np.ndarray]:
    seeds = len(theta)
    return {
        "step": np.zeros(seeds),
        "slope": np.zeros(seeds),
        "low": np.zeros(seeds),
        "low_total": np.zeros(seeds),
        "low_slope": np.zeros(seeds),
        "high": np.zeros(seeds),
        "high_total": np.zeros(seeds),
        "high_slope": np.zeros(seeds),
        "safe": np.zeros(seeds),
        "safe_total": np.zeros(seeds),
        "turns": np.zeros(seeds, int),
        "bracketed": np.zeros(seeds, bool),
        "broken": np.zeros(seeds, bool),
        "safe_terms": np.zeros((seeds, terms)),
        "safe_gradient": np.zeros_like(theta),
    }


@known_arguments
@dataclass(frozen=True)
class LBFGS(QuasiNewton):
    """Limited-memory BFGS with a strong-Wolfe (zoom) line search (Nocedal & Wright, algorithms 3.5, 3.6, 7.4).

    Parameters
    ----------
    iterations
        Largest number of updates.
    memory
        Number of update pairs kept.
    tolerance
        Stops where the gradient's largest entry falls below it.
    line_search
        Largest number of evaluations a line search.
    objective
        Objective of this phase; default: the one given to `fit`.
    """

    kind: ClassVar[str] = "lbfgs"
    iterations: int = 500
    memory: int = 20
    tolerance: float = 1e-9
    line_search: int = 20
    objective: Objective | None = None

    def _curvature(self, seeds: int, size: int) -> Limited[np.ndarray]:
        return {
            "s": np.zeros((seeds, self.memory, size)),
            "y": np.zeros((seeds, self.memory, size)),
            "rho": np.zeros((seeds, self.memory)),
            "pairs": np.zeros(seeds, int),
        }


@known_arguments
@dataclass(frozen=True)
class BFGS(QuasiNewton):
    """BFGS with the dense inverse Hessian and a strong-Wolfe line search (Nocedal & Wright, algorithms 3.5, 3.6, 6.1).

    Memory grows with the square of the number of parameters: prefer `LBFGS` above a few thousand.

    Parameters
    ----------
    iterations
        Largest number of updates.
    tolerance
        Stops where the gradient's largest entry falls below it.
    line_search
        Largest number of evaluations a line search.
    update
        How the inverse Hessian takes a new pair: `"bfgs"`; `"self_scaled_bfgs"`, which scales it before every update;
        or `"self_scaled_broyden"`, which also chooses the member of Broyden's family (Al-Baali & Khalfan 2005). On
        residual problems the self-scaled ones have been found to go on where BFGS stalls (Urbán, Stefanou & Pons 2025).
    objective
        Objective of this phase; default: the one given to `fit`.
    """

    kind: ClassVar[str] = "bfgs"
    later: ClassVar[Mapping[str, Any]] = {"update": "bfgs"}
    iterations: int = 500
    tolerance: float = 1e-9
    line_search: int = 20
    update: str = "bfgs"
    objective: Objective | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        settle(self, choice, "update", choices=UPDATES)

    def _curvature(self, seeds: int, size: int) -> Dense[np.ndarray]:
        return {"inverse_hessian": np.tile(np.eye(size), (seeds, 1, 1)), "pairs": np.zeros(seeds, int)}
