"""Fields divided by their standard deviation over the snapshot, also where that is zero."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["NORMALISATIONS", "by_own_deviation", "variance_of"]

NORMALISATIONS = ("snapshot", "stored")
CONSTANT = 1e-12
"""Variance, in units of the mean square, below which values may differ by rounding alone, in single precision too."""


def by_own_deviation(field: Any, dims: int) -> Any:
    """A field (*lead, *grid) by its standard deviation over the last `dims` axes; a constant one as it is.

    Neither value nor derivative is infinite where it is constant.
    """
    axes, variance = tuple(range(-dims, 0)), variance_of(field, dims)
    varies = variance > CONSTANT * np.mean(field * field, axis=axes, keepdims=True)
    return field * (1.0 / np.sqrt(np.where(varies, variance, 1.0)))


def variance_of(field: Any, dims: int) -> Any:
    """Of a field (*lead, *grid) over the last `dims` axes, which stay with length 1."""
    axes = tuple(range(-dims, 0))
    centred = field - np.mean(field, axis=axes, keepdims=True)
    return np.mean(centred * centred, axis=axes, keepdims=True)
