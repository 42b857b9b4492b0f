"""Whole numbers as settings take them: Python's or NumPy's, but no truth values."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["is_whole"]


def is_whole(value: Any, least: int) -> bool:
    """Whether a value is a whole number, and at least so large."""
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool) and bool(value >= least)
