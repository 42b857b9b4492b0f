"""Columns and rows of a user's table, a pandas DataFrame: numbers, and what messages call a row."""

from __future__ import annotations

from typing import Any

import numpy as np

from .errors import DataError

__all__ = ["numbers", "plain", "row_of"]


def row_of(table: Any, position: Any) -> str:
    """A row, as the table's index calls it."""
    label = table.index[int(position)]
    return f"row {plain(label)!r}"


def plain(value: Any) -> Any:
    """A NumPy scalar as Python's own."""
    return value.item() if hasattr(value, "item") else value


def numbers(table: Any, column: str) -> np.ndarray:
    """A column as floats, NaN where it is empty."""
    import pandas as pd

    given = table[column]
    found: Any = pd.to_numeric(given, errors="coerce")
    lost = (found.isna() & given.notna()).to_numpy()
    if lost.any() or given.dtype.kind in "mM":
        place = int(np.flatnonzero(lost)[0]) if lost.any() else 0
        raise DataError(
            f"`{column}` in {row_of(table, place)} is {plain(given.iloc[place])!r}, which is no number. Leave such "
            "places empty (NaN) where nothing was measured."
        )
    return found.to_numpy(dtype=float, na_value=np.nan)
