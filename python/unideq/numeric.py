"""Numbers as settings take them: Python's or NumPy's, but no truth values."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["is_number", "is_whole"]


def is_number(value: Any) -> bool:
    """Whether a value is one finite number."""
    real = isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)
    return real and bool(np.isfinite(value))


def is_whole(value: Any, least: int) -> bool:
    """Whether a value is a whole number, and at least so large."""
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool) and bool(value >= least)
