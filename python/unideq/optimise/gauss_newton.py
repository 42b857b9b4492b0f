"""Gauss–Newton steps on sums of squared residuals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..checks import known_arguments, number, settle
from ..objective.objective import Objective
from .phase import Phase
from .state import A, State, start_of

__all__ = ["GaussNewton", "GaussNewtonState"]


class GaussNewtonState(State[A]):
    """The state of `GaussNewton`."""

    damping: A
    """μ; 0: not chosen yet."""
    growth: A
    """Of μ, at the next rejection."""


@known_arguments
@dataclass(frozen=True)
class GaussNewton(Phase):
    """Gauss–Newton steps with Levenberg–Marquardt damping, for losses that are sums of squared residuals.

    Solves (JᵀJ + μI) δ = −Jᵀr with the Jacobian J of all residuals (in the smaller of its two dimensions), bends the
    step along the geodesic by a second-order correction (Transtrum & Sethna 2012, arXiv:1201.5885), and takes it where
    it lowers the loss; else μ grows (Nocedal & Wright, section 10.3; damping after Nielsen 1999). The natural gradient
    of a least-squares loss: on residual problems it reaches errors that first-order methods don't, from the initial
    weights on. Every term needs to be a mean of squared residuals at points; give at least as many residuals as
    parameters, the points stay the same throughout.

    Memory grows with residuals × parameters, time with residuals × parameters²: some thousands of each.

    Parameters
    ----------
    iterations
        Largest number of updates.
    damping
        First μ, as a fraction of the largest diagonal entry of JᵀJ.
    tolerance
        Stops where the gradient's largest entry falls below it.
    objective
        Objective of this phase; default: the one given to `fit`.
    """

    kind: ClassVar[str] = "gauss_newton"
    needs_residuals: ClassVar[bool] = True
    iterations: int = 200
    damping: float = 1e-3
    tolerance: float = 1e-12
    objective: Objective | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        settle(self, number, "damping", above=0, below=1e9)

    def _begin(self, theta: np.ndarray, terms: int) -> GaussNewtonState[np.ndarray]:
        return {**start_of(theta), "damping": np.zeros(len(theta)), "growth": np.full(len(theta), 2.0)}
