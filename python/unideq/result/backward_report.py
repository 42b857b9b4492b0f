"""The value that a backward problem's fit is after, as lines and as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .html import table
from .rows import number

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["value_lines", "value_table"]

DIGITS = 7


def _rows(found: xr.Dataset) -> list[tuple[str, ...]]:
    """One row a seed."""
    rows = []
    for seed in found["seed"].values:
        one = found.sel(seed=seed)
        miss = float(one["mismatch"] / one["terminal_spread"])
        value = [number(one[n], DIGITS) for n in ("u0", "low", "high", "trained")]
        rows.append((str(seed), value[0], f"{value[1]} to {value[2]}", value[3], f"{miss:.3g}"))
    return rows


def value_lines(found: xr.Dataset) -> list[str]:
    """Of the fit's `/diagnostics`, for terminals."""
    return [
        f"seed {seed:<3} {value:>12}  ({interval}; trained {own})" for seed, value, interval, own, _ in _rows(found)
    ]


def value_table(found: xr.Dataset) -> str:
    """The same in HTML."""
    heads = ["seed", "u(t₀, x₀)", "interval of 95 %", "as trained", "mismatch / spread of g"]
    note = (
        f"<p>Corrected by the mean martingale residual of {found.attrs['paths']} fresh paths of {found.attrs['steps']} "
        "steps; the interval holds its standard error and what half the steps change.</p>"
    )
    return table(heads, _rows(found), [0, 1, 3, 4]) + note
