"""NumPy's reductions, cumulative sums and differences on symbolic arrays."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np

from ..errors import TraceError
from .expression import Expression, apply, as_expression
from .location import user_line
from .numpy_layout import all_axes, concatenate, moveaxis, one_axis
from .numpy_products import matmul

__all__ = ["REDUCTIONS", "one_value_at_a_time"]

_single: ContextVar[bool] = ContextVar("single", default=False)


@contextmanager
def one_value_at_a_time() -> Iterator[None]:
    """Within this, what reduces an array refuses a single value: whoever writes it believes to have all of them."""
    token = _single.set(True)
    try:
        yield
    finally:
        _single.reset(token)


def _several(a: Any) -> Expression:
    """What a reduction is taken of."""
    x = as_expression(a)
    if not x.ndim and _single.get():
        raise TraceError(f"A sum, mean or maximum is taken over one value{user_line()}.")
    return x


def _plain(dtype: Any, out: Any) -> None:
    """Refuse settings that can't be recorded."""
    if out is not None:
        raise TraceError(f"`out=` can't be recorded{user_line()}. Assign the result to a new name.")
    if dtype is not None and np.dtype(dtype) != np.float64:
        raise TraceError(f"`dtype={dtype!r}` can't be recorded{user_line()}: symbolic arrays hold float64 numbers.")


def _reduced(operation: str, a: Any, axis: Any, keepdims: Any) -> Expression:
    x = _several(a)
    axes = all_axes(x, axis)
    result = apply(operation, x, axes=axes)
    if keepdims:
        result = apply("reshape", result, shape=tuple(1 if i in axes else n for i, n in enumerate(x.shape)))
    return result


def _sum(a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False) -> Expression:
    _plain(dtype, out)
    return _reduced("sum", a, axis, keepdims)


def _max(a: Any, axis: Any = None, out: Any = None, keepdims: Any = False) -> Expression:
    _plain(None, out)
    return _reduced("amax", a, axis, keepdims)


def _min(a: Any, axis: Any = None, out: Any = None, keepdims: Any = False) -> Expression:
    _plain(None, out)
    return -_reduced("amax", -as_expression(a), axis, keepdims)


def _count(x: Expression, axis: Any) -> int:
    return math.prod(x.shape[i] for i in all_axes(x, axis))


def _mean(a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False) -> Expression:
    x = as_expression(a)
    return _sum(x, axis, dtype, out, keepdims) * (1.0 / _count(x, axis))


def _average(
    a: Any, axis: Any = None, weights: Any = None, returned: bool = False, *, keepdims: Any = False
) -> Expression:
    if returned:
        raise TraceError(f"`np.average` with returned=True can't be recorded{user_line()}. Sum the weights yourself.")
    if weights is None:
        return _mean(a, axis, keepdims=keepdims)
    x, w = as_expression(a), as_expression(weights)
    if w.shape != x.shape:
        if axis is None or isinstance(axis, (tuple, list)) or w.shape != (x.shape[one_axis(x, axis)],):
            raise TraceError(
                f"`np.average` of shape {x.shape} with weights of shape {w.shape}{user_line()}: they don't fit."
            )
        place = one_axis(x, axis)
        w = apply("reshape", w, shape=tuple(n if i == place else 1 for i, n in enumerate(x.shape)))
        w = apply("broadcast_to", w, shape=x.shape)
    return _sum(x * w, axis, keepdims=keepdims) / _sum(w, axis, keepdims=keepdims)


def _var(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, ddof: float = 0, keepdims: Any = False
) -> Expression:
    _plain(dtype, out)
    x = as_expression(a)
    centred = x - _mean(x, axis, keepdims=True)
    return _sum(centred * centred, axis, keepdims=keepdims) * (1.0 / (_count(x, axis) - ddof))


def _std(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, ddof: float = 0, keepdims: Any = False
) -> Expression:
    return apply("sqrt", _var(a, axis, dtype, out, ddof, keepdims))


def _flat_or(a: Any, axis: Any) -> tuple[Expression, int]:
    """The array and the axis to work along; without an axis, the flattened array."""
    x = _several(a)
    return (apply("reshape", x, shape=(x.size,)), 0) if axis is None else (x, one_axis(x, axis))


def _prod(a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False) -> Expression:
    _plain(dtype, out)
    x, place = _flat_or(a, axis)
    parts = [x[(slice(None),) * place + (i,)] for i in range(x.shape[place])]
    rest = x.shape[:place] + x.shape[place + 1 :]
    result = functools.reduce(lambda p, q: p * q, parts) if parts else as_expression(np.ones(rest))
    if not keepdims:
        return result
    whole = as_expression(a)
    return apply(
        "reshape", result, shape=tuple(1 if axis is None or i == place else n for i, n in enumerate(whole.shape))
    )


def _cumsum(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Expression:
    _plain(dtype, out)
    x, place = _flat_or(a, axis)
    n = x.shape[place]
    return moveaxis(matmul(moveaxis(x, place, -1), np.triu(np.ones((n, n)))), -1, place)


def _diff(a: Any, n: int = 1, axis: int = -1, prepend: Any = None, append: Any = None) -> Expression:
    x = as_expression(a)
    place = one_axis(x, axis)
    ends = [None if end is None else as_expression(end) for end in (prepend, append)]
    shape = tuple(1 if i == place else m for i, m in enumerate(x.shape))
    ends = [apply("broadcast_to", end, shape=shape) if end is not None and not end.ndim else end for end in ends]
    parts = [part for part in (ends[0], x, ends[1]) if part is not None]
    x = concatenate(parts, place)
    lead = (slice(None),) * place
    for _ in range(n):
        x = x[(*lead, slice(1, None))] - x[(*lead, slice(None, -1))]
    return x


def _trapezoid(y: Any, x: Any = None, dx: float = 1.0, axis: int = -1) -> Expression:
    value = as_expression(y)
    place = one_axis(value, axis)
    lead = (slice(None),) * place
    middle = 0.5 * (value[(*lead, slice(1, None))] + value[(*lead, slice(None, -1))])
    width: Any = dx
    if x is not None:
        width = _diff(x, axis=-1 if np.ndim(x) == 1 else axis)
        if width.ndim == 1:
            width = apply("reshape", width, shape=(width.size,) + (1,) * (value.ndim - 1 - place))
    return _sum(middle * width, place)


def _norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Expression:
    value = as_expression(x)
    axes = all_axes(value, axis)
    if not (ord is None or (ord == 2 and len(axes) == 1) or (ord == "fro" and len(axes) == 2)):
        raise TraceError(
            f"`np.linalg.norm` of {len(axes)} axes with ord={ord!r} can't be recorded{user_line()}: "
            "only Euclidean norms can. Write it with `np.sum`, `np.max` and `np.abs`."
        )
    return apply("sqrt", _sum(value * value, axes, keepdims=keepdims))


REDUCTIONS: dict[Any, Callable[..., Any]] = {
    np.sum: _sum,
    np.max: _max,
    np.amax: _max,
    np.min: _min,
    np.amin: _min,
    np.mean: _mean,
    np.average: _average,
    np.var: _var,
    np.std: _std,
    np.prod: _prod,
    np.cumsum: _cumsum,
    np.diff: _diff,
    np.trapezoid: _trapezoid,
    np.linalg.norm: _norm,
}
