"""What is left of a residual problem's terms at the end of training, as numbers and in words.

Limits of all verdicts were set on small fits (networks 30/3, Adam 1e-3, 128 points a term); `docs/how-to/audit.md` has
the numbers. Numbers of training are medians over its second half: single gradients scatter.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import xarray as xr

__all__ = ["LATE", "UNSOLVED", "named", "percent", "ranged"]

UNSOLVED = 1e-3
"""Part of a term's largest value that is left of one that isn't solved: three per cent in amplitude."""
LATE = 1e-2
"""What is left of a term that is far from solved."""


def percent(part: float) -> str:
    return f"{100 * part:.2g} %" if part < 0.995 else "all"


def named(names: Iterable[str]) -> str:
    return ", ".join(f"`{n}`" for n in names)


def ranged(values: xr.DataArray) -> str:
    low, high = float(values.min()), float(values.max())
    return f"{low:.3g}" if np.isclose(low, high) or not np.isfinite(low) else f"{low:.3g}–{high:.3g}"
