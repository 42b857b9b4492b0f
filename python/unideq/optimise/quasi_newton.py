"""BFGS and L-BFGS: quasi-Newton methods with a line search."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..checks import choice, known_arguments, settle
from ..objective.objective import Objective
from .phase import Phase
from .state import State, grouped

__all__ = ["BFGS", "LBFGS", "QuasiNewton"]

UPDATES = ("bfgs", "self_scaled_bfgs", "self_scaled_broyden")


class QuasiNewton(Phase):
    """Base of both: a turn is one evaluation of the loss along a direction, an iteration one line search."""

    def _begin(self, theta: np.ndarray, terms: int) -> State:
        seeds = len(theta)
        return {
            "known": np.zeros(seeds, bool),
            "total": np.full(seeds, np.inf),
            "terms": np.full((seeds, terms), np.nan),
            "gradient": np.zeros_like(theta),
            "direction": np.zeros_like(theta),
            **grouped("memory", self._curvature(*theta.shape)),
            **grouped("search", _search(theta, terms)),
        }

    def _curvature(self, seeds: int, size: int) -> State:
        """What is remembered of the curvature; `pairs` counts the pairs of differences in it."""
        raise NotImplementedError


def _search(theta: np.ndarray, terms: int) -> State:
    seeds = len(theta)
    numbers = ("step", "slope", "low", "low_total", "low_slope", "high", "high_total", "high_slope")
    return {
        **{name: np.zeros(seeds) for name in (*numbers, "safe", "safe_total")},
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

    def _curvature(self, seeds: int, size: int) -> State:
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

    def _curvature(self, seeds: int, size: int) -> State:
        return {"inverse_hessian": np.tile(np.eye(size), (seeds, 1, 1)), "pairs": np.zeros(seeds, int)}
