"""`Flow`: what is meant by energy and enstrophy of a field, and the scales of its grid."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...grid.spectrum import Shells

__all__ = ["FLOOR", "QUANTITIES", "Flow", "log_rmse"]

QUANTITIES = ("energy", "enstrophy")
FLOOR = 1e-12
"""Part of a spectrum's largest value below which it is rounding: shells where the truth has less don't count."""


class Flow:
    """A field on a periodic grid.

    Of vorticity ω energy is ½⟨ψω⟩ = ½⟨|u|²⟩, with Δψ = −ω, and enstrophy ½⟨ω²⟩; of any other field u energy is ½⟨u²⟩
    and enstrophy ½⟨|∇u|²⟩. Either way one eddy turnover is 1/√(2 · enstrophy), and a term Π of ∂u/∂t changes them by
    ⟨(−Δ)^(p/2) u · Π⟩ with p = −2 and 0, or 0 and 2.
    """

    def __init__(self, shape: Sequence[int], lengths: Sequence[float], vorticity: bool) -> None:
        self.shells, self.vorticity = Shells(shape, lengths), vorticity
        self.powers = (-2.0, 0.0) if vorticity else (0.0, 2.0)

    @property
    def space(self) -> tuple[int, ...]:
        """The grid's axes of an array (…, *grid)."""
        return self.shells.axes

    def spectra(self, values: np.ndarray) -> np.ndarray:
        """Energy and enstrophy by shell, (…, 2, K), of fields (…, *grid); they sum to the totals."""
        return np.stack([0.5 * self.shells.product(values, values, p) for p in self.powers], axis=-2)

    def transfers(self, values: np.ndarray, terms: np.ndarray) -> np.ndarray:
        """Rates at which terms change both by shell, (…, 2, K); they sum to the means of `local`."""
        return np.stack([self.shells.product(values, terms, p) for p in self.powers], axis=-2)

    def local(self, values: np.ndarray, terms: np.ndarray) -> np.ndarray:
        """The same place by place, (2, …, *grid): positive is back-scatter, negative forward transfer."""
        return np.stack([self.shells.scaled(values, p) * terms for p in self.powers])

    @property
    def carried(self) -> np.ndarray:
        """(K,) shells up to two thirds of the largest wavenumber, which dealiased models carry, without the mean."""
        waves, whole = self.shells.wavenumbers, self.shells.resolved
        return whole & (waves <= 2.0 / 3.0 * waves[whole].max() * (1 + 1e-9))

    def log_rmse(self, found: np.ndarray, true: np.ndarray) -> np.ndarray:
        """`log_rmse` over the shells that are carried."""
        return log_rmse(found[..., self.carried], true[..., self.carried])


def log_rmse(found: Any, true: Any) -> np.ndarray:
    """Root mean squared ln(found / true) over the last axis, where the truth isn't rounding.

    What is below `FLOOR` of the truth's largest value counts as that: nothing at all is an error of 28 at the most.
    NaN where `found` is.
    """
    least = FLOOR * np.max(true, axis=-1, keepdims=True)
    counts = true > least
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        off = np.where(counts, np.log(np.maximum(found, least) / np.where(counts, true, 1.0)), 0.0)
        return np.sqrt((off**2).sum(axis=-1) / counts.sum(axis=-1))
