"""NumPy's products of arrays (`@`, `dot`, `outer`, `cross`, …) on symbolic arrays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import TraceError
from .expression import Expression, apply, as_expression
from .location import user_line

__all__ = ["PRODUCTS", "matmul"]


def matmul(a: Any, b: Any) -> Expression:
    """`a @ b` with NumPy's rules for vectors."""
    x, y = as_expression(a), as_expression(b)
    if x.ndim == 0 or y.ndim == 0:
        raise TraceError(f"`@` needs arrays, not scalars{user_line()}. Use `*`.")
    left = apply("reshape", x, shape=(1, *x.shape)) if x.ndim == 1 else x
    right = apply("reshape", y, shape=(*y.shape, 1)) if y.ndim == 1 else y
    product = apply("matmul", left, right)
    *batch, rows, columns = product.shape
    shape = (*batch, *(() if x.ndim == 1 else (rows,)), *(() if y.ndim == 1 else (columns,)))
    return apply("reshape", product, shape=shape)


def _dot(a: Any, b: Any, out: Any = None) -> Expression:
    x, y = as_expression(a), as_expression(b)
    if x.ndim == 0 or y.ndim == 0:
        return x * y
    if y.ndim > 2:
        raise TraceError(f"`np.dot` with a second factor of {y.ndim} axes{user_line()}. Use `np.matmul`.")
    return matmul(x, y)


def _outer(a: Any, b: Any, out: Any = None) -> Expression:
    x, y = as_expression(a), as_expression(b)
    return apply("reshape", x, shape=(x.size, 1)) * apply("reshape", y, shape=(1, y.size))


def _inner(a: Any, b: Any) -> Expression:
    x, y = as_expression(a), as_expression(b)
    if x.ndim == 0 or y.ndim == 0:
        return x * y
    if x.ndim != 1 or y.ndim != 1:
        raise TraceError(f"`np.inner` of shapes {x.shape} and {y.shape}{user_line()}. Use `np.matmul`.")
    return _vdot(x, y)


def _vdot(a: Any, b: Any) -> Expression:
    x, y = as_expression(a), as_expression(b)
    if x.size != y.size:
        raise TraceError(f"`np.vdot` of shapes {x.shape} and {y.shape}{user_line()}: their sizes differ.")
    flat = apply("reshape", x, shape=(x.size,)) * apply("reshape", y, shape=(y.size,))
    return apply("sum", flat, axes=(0,))


def _cross(a: Any, b: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None) -> Expression:
    x, y = as_expression(a), as_expression(b)
    if (axisa, axisb, axisc, axis) != (-1, -1, -1, None) or x.shape[-1:] != (3,) or y.shape[-1:] != (3,):
        raise TraceError(
            f"`np.cross` of shapes {x.shape} and {y.shape}{user_line()}: only vectors of 3 on the last axis."
        )
    (a0, a1, a2), (b0, b1, b2) = ([v[..., i] for i in range(3)] for v in (x, y))
    return np.stack([a1 * b2 - a2 * b1, a2 * b0 - a0 * b2, a0 * b1 - a1 * b0], axis=-1)  # type: ignore[return-value]


PRODUCTS: dict[Any, Callable[..., Any]] = {
    np.dot: _dot,
    np.outer: _outer,
    np.inner: _inner,
    np.vdot: _vdot,
    np.cross: _cross,
}
