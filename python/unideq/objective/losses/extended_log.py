"""A logarithm that stays finite where a prediction strays to zero or below."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["extended_log"]

SMALLEST = 1e-6


def extended_log(x: Any) -> Any:
    """log x down to x = 1e-6, its tangent there below: finite, with a slope that leads back."""
    inside = np.maximum(x, SMALLEST)
    return np.log(inside) + np.minimum(x - SMALLEST, 0.0) * (1.0 / SMALLEST)
