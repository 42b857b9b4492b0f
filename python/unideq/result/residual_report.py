"""Sections of a residual problem's report: residuals, errors, and what to say of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .html import table
from .rows import number, rms_rows

if TYPE_CHECKING:
    import xarray as xr

    from .fit import Fit

__all__ = ["UNAUDITED", "error_table", "lost_seeds", "residual_table"]

UNAUDITED = "<p>Not made: <code>fit.audit()</code>, called before the report, looks at gradients and curvature.</p>"


def residual_table(fit: Fit) -> str:
    """Root mean squares of the residuals."""
    rows = rms_rows(fit.record, fit.tree["/diagnostics"].to_dataset())
    note = "<p>Root mean squares at the validation points, which are fixed; those of data at the data.</p>"
    return table(["residual", "root mean square"], rows, [1]) + note


def error_table(fit: Fit, reference: xr.Dataset) -> str:
    """Errors of the fields against a reference."""
    errors = fit.error(reference, seed="all")
    rows = [
        (str(n), number(e.values[fit.record.best_seed]), number(e.min()), number(e.max())) for n, e in errors.items()
    ]
    heads = ["field", "relative L2 error", "lowest of all seeds", "highest of all seeds"]
    return table(heads, rows, [1, 2, 3])


def lost_seeds(fit: Fit) -> list[str]:
    """Seeds whose residuals aren't finite, in words."""
    rms = fit.tree["/diagnostics"].to_dataset()["rms"]
    lost = [seed for seed, row in zip(fit.seeds, rms.values, strict=True) if not np.isfinite(row).all()]
    if not lost:
        return []
    return [f"Residuals of seed{'s' * (len(lost) > 1)} {', '.join(map(str, lost))} aren't finite."]
