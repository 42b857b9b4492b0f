"""SOAP: Adam in the eigenbases of Shampoo's preconditioners, with Adam's rejected steps.

Vyas et al. 2024 (arXiv:2409.11321), algorithm 3. For a weight matrix with gradient G:

    G' = Q_Lᵀ G Q_R,   M' ← β₁M' + (1 − β₁) G',   V ← β₂V + (1 − β₂) G'²,   W ← W − η Q_L (M̂' / (√V̂ + ε)) Q_Rᵀ,

then L ← β₂L + (1 − β₂) GGᵀ and R ← β₂R + (1 − β₂) GᵀG, and every so many iterations new bases Q_L, Q_R. As in the
authors' public code, the first gradient only makes the bases: nothing moves. ε is added after the bias correction, as
in Adam here. Everything that isn't in a matrix takes Adam's step.

The decompositions that give new bases are the engines' own: they follow the turn (`engine/jax/eigenbasis.py`,
`julia/src/minimise/soap.jl`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..checks import known_arguments
from ..objective.objective import Objective
from .adam import Moments
from .schedule import Schedule
from .state import Arrays

__all__ = ["SOAP", "squares"]

Change = Callable[[Any, Any, Any], Any]


@known_arguments
@dataclass(frozen=True)
class SOAP(Moments):
    """SOAP: Adam in the eigenbasis of Shampoo's preconditioner (Vyas et al. 2024, arXiv:2409.11321, algorithm 3).

    Weight matrices are preconditioned from both sides; biases and parameters take Adam's step.

    Parameters
    ----------
    learning_rate
        A number or a schedule.
    iterations
        Number of updates.
    beta1, beta2
        Of the moments in the eigenbasis, and β₂ of the preconditioner.
    epsilon
        Added to the root of the second moment.
    precondition_every
        Iterations between two updates of the eigenbases.
    clip, skip, rates, precision
        As in `Adam`.
    objective
        Objective of this phase; default: the one given to `fit`.
    """

    kind: ClassVar[str] = "soap"
    whole_matrices: ClassVar[bool] = True
    later: ClassVar[Mapping[str, Any]] = {"skip": None, "clip": None, "rates": None, "precision": "float64"}
    learning_rate: float | Schedule = 3e-3
    iterations: int = 1000
    beta1: float = 0.95
    beta2: float = 0.95
    epsilon: float = 1e-8
    precondition_every: int = 10
    clip: float | None = None
    skip: float | None = None
    rates: Mapping[str, float] | None = None
    objective: Objective | None = None
    precision: str = "float64"

    def memory(self, size: int) -> Arrays:
        """Adam's moments, and of all matrices of θ one after another: preconditioners L and R, and their bases."""
        if not self.matrices:
            return super().memory(size)
        left = np.concatenate([np.eye(m.rows).ravel() for m in self.matrices])
        right = np.concatenate([np.eye(m.columns).ravel() for m in self.matrices])
        return {
            **super().memory(size),
            "bases.left": np.zeros(left.size),
            "bases.right": np.zeros(right.size),
            "bases.left_basis": left,
            "bases.right_basis": right,
        }

    def remember(self, state: Mapping[str, Any], gradient: Any) -> dict[str, Any]:
        """The preconditioners with this gradient in them, and the moments in the bases, but for the first gradient."""
        if not self.matrices:
            return super().remember(state, gradient)
        moments = super().remember(state, self._each(gradient, state, _turned))
        kept = {name: np.where(state["accepted"] > 0, new, state[name]) for name, new in moments.items()}
        whole = [gradient[m.offset : m.end].reshape(m.rows, m.columns) for m in self.matrices]
        for name, new in (("bases.left", [g @ g.T for g in whole]), ("bases.right", [g.T @ g for g in whole])):
            kept[name] = self.beta2 * state[name] + (1 - self.beta2) * np.concatenate([x.reshape(-1) for x in new])
        return kept

    def direction(self, state: Mapping[str, Any], age: Any) -> Any:
        """Adam's direction in the bases, turned back; the first gradient isn't in the moments."""
        if not self.matrices:
            return super().direction(state, age)
        return self._each(super().direction(state, age - 1), state, _turned_back)

    def _each(self, vector: Any, state: Mapping[str, Any], change: Change) -> Any:
        """θ-like vector with every matrix changed, given its bases; the rest as it is."""
        lefts = squares(state["bases.left_basis"], [m.rows for m in self.matrices])
        rights = squares(state["bases.right_basis"], [m.columns for m in self.matrices])
        pieces, at = [], 0
        for m, left, right in zip(self.matrices, lefts, rights, strict=True):
            changed = change(vector[m.offset : m.end].reshape(m.rows, m.columns), left, right)
            pieces += [vector[at : m.offset], changed.reshape(-1)]
            at = m.end
        return np.concatenate([*pieces, vector[at:]])


def squares(flat: Any, sizes: list[int]) -> list[Any]:
    """Square matrices of these sizes from an array in which they follow one another."""
    found, at = [], 0
    for size in sizes:
        found.append(flat[at : at + size**2].reshape(size, size))
        at += size**2
    return found


def _turned(x: Any, left: Any, right: Any) -> Any:
    return left.T @ x @ right


def _turned_back(x: Any, left: Any, right: Any) -> Any:
    return left @ x @ right.T
