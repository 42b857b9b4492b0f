"""What residuals at points become: mean squares, and their sums over slices of time with causal weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..graph import Expression, apply, constant

__all__ = ["causal_mean_square", "mean_square"]


def mean_square(residual: Expression) -> Expression:
    """Mean over points (the first axis) of the sum of squares."""
    squares: Any = residual * residual
    return np.sum(squares) * (1.0 / residual.shape[0])  # type: ignore[return-value]


def causal_mean_square(
    residual: Expression, chunks: int, tolerance: float
) -> tuple[Expression, Mapping[str, Expression]]:
    """Σⱼ wⱼ Lⱼ / chunks, wⱼ = exp(−ε Σ_{k<j} Lₖ), Lⱼ the mean square over slice j (arXiv:2203.07404, eq. 3.10).

    Parameters
    ----------
    residual
        (M, …), points in the order of their slices.
    chunks
        Number of slices; divides M.
    tolerance
        ε.

    Returns
    -------
    term, weights
        No derivative goes through the weights; they come out by number of their slice.
    """
    count = residual.shape[0]
    squares: Any = residual * residual
    sums: Any = np.sum(squares.reshape(chunks, residual.size // chunks), axis=1)
    slices = sums * (chunks / count)
    before = constant(np.tril(np.ones((chunks, chunks)), -1))
    weights: Any = apply("stop_gradient", np.exp((before @ slices) * -tolerance))
    term = np.sum(weights * slices) * (1.0 / chunks)
    return term, {str(j): weights[j] for j in range(chunks)}  # type: ignore[return-value]
