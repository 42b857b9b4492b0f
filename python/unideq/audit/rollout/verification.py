"""How often an a-priori verdict on stability is right, measured on rollouts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr

__all__ = ["Verification", "happened"]


@dataclass(frozen=True)
class Verification:
    """How often the a-priori verdict was right.

    Attributes
    ----------
    cases
        Dataset over `case`: `e_foldings`, `predicted` and `actual` (1: unstable), `error` at the horizon (relative to
        the truth's; NaN without one or after a blow-up).
    right, total
        Numbers of cases.
    low, high
        95 % interval of the share that is right (Wilson 1927).
    """

    cases: xr.Dataset
    right: int
    total: int
    low: float
    high: float

    @property
    def table(self) -> dict[tuple[str, str], int]:
        """(predicted, actual) → number of cases; both `stable` or `unstable`."""
        words = ("stable", "unstable")
        p, a = self.cases["predicted"].values, self.cases["actual"].values
        return {(words[i], words[j]): int(((p == i) & (a == j)).sum()) for i in (0, 1) for j in (0, 1)}

    def __repr__(self) -> str:
        t = self.table
        return (
            f"Verdicts right in {self.right} of {self.total} cases ({100 * self.low:.0f}–{100 * self.high:.0f} %)\n"
            "                     stable  unstable  (what happened)\n"
            f"  called stable    {t['stable', 'stable']:8d}  {t['stable', 'unstable']:8d}\n"
            f"  called unstable  {t['unstable', 'stable']:8d}  {t['unstable', 'unstable']:8d}"
        )


def happened(rolled: np.ndarray, expected: np.ndarray | None, error: float) -> tuple[np.ndarray, np.ndarray]:
    """Whether each rollout was unstable, and its relative error at the horizon."""
    with np.errstate(all="ignore"):
        blown = ~np.isfinite(rolled).all(axis=(1, 2))
        blown |= np.nanmax(np.abs(rolled), axis=(1, 2)) > 10.0 * np.abs(rolled[:, 0]).max(axis=1)
        if expected is None:
            return blown, np.full(len(rolled), np.nan)
        difference = np.linalg.norm(rolled[:, -1] - expected[:, -1], axis=1)
        found = difference / np.linalg.norm(expected[:, -1], axis=1)
    return blown | ~(found <= error), np.where(blown, np.nan, found)
