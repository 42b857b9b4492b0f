"""NumPy indexing of symbolic arrays: integers, slices, `...`, `None`, integer arrays and constant masks."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import TraceError
from .expression import Expression, apply
from .location import user_line


def index(x: Expression, key: Any) -> Expression:
    """`x[key]`, as slices, gathers and reshapes."""
    keys = list(key) if isinstance(key, tuple) else [key]
    if any(isinstance(k, Expression) for k in keys):
        raise TraceError(
            f"A symbolic value can't be an index or a mask{user_line()}. Use `np.where(mask, a, b)` or interpolate."
        )
    if isinstance(key, str):
        raise TraceError(
            f"`[{key!r}]` on a symbolic array{user_line()}: names belong to `state`, `p` and `net`, not to values."
        )
    if any(isinstance(k, (bool, np.bool_)) for k in keys):
        raise TraceError(
            f"A single truth value can't index a symbolic array{user_line()}. Use `np.where(condition, a, b)`."
        )
    if sum(k is Ellipsis for k in keys) > 1:
        raise TraceError(f"An index can have only one `...`{user_line()}.")
    consumed = sum(np.ndim(k) if _is_mask(k) else 1 for k in keys if k is not None and k is not Ellipsis)
    if consumed > x.ndim:
        raise TraceError(f"Too many indices for shape {x.shape}{user_line()}.")
    at = next((i for i, k in enumerate(keys) if k is Ellipsis), len(keys))
    keys[at : at + 1] = [slice(None)] * (x.ndim - consumed)
    if any(_is_array(k) for k in keys):
        return _fancy(x, tuple(keys))
    window, shape, axis = [], [], 0
    flip: list[int] = []
    for k in keys:
        if k is None:
            shape.append(1)
            continue
        n = x.shape[axis]
        if isinstance(k, slice):
            start, stop, step = _bounds(k, n)
            length = len(range(start, stop, step))
            if step < 0:
                start, step = start + (length - 1) * step, -step
                flip.append(len(shape))
            window.append((start, start + (length - 1) * step + 1 if length else start, step))
            shape.append(length)
        else:
            i = _integer(k, n, x.shape)
            window.append((i, i + 1, 1))
        axis += 1
    result = apply("reshape", apply("slice", x, window=tuple(window)), shape=tuple(shape))
    for a in flip:
        result = apply("gather", result, indices=np.arange(shape[a])[::-1], axis=a)
    return result


def _bounds(k: slice, n: int) -> tuple[int, int, int]:
    try:
        return k.indices(n)
    except (TypeError, ValueError) as error:
        if isinstance(error, TraceError):
            raise
        raise TraceError(f"`{k}` can't slice a symbolic array{user_line()}: {error}.") from None


def _is_array(k: Any) -> bool:
    return isinstance(k, (list, tuple, np.ndarray)) and np.ndim(k) > 0


def _is_mask(k: Any) -> bool:
    return _is_array(k) and np.asarray(k).dtype == bool


def _integer(k: Any, n: int, shape: tuple[int, ...]) -> int:
    try:
        i = int(k.__index__())
    except (AttributeError, TypeError):
        raise TraceError(f"`{k!r}` can't index a symbolic array{user_line()}.") from None
    if not -n <= i < n:
        raise TraceError(f"Index {i} is out of bounds for an axis of length {n} (shape {shape}){user_line()}.")
    return i % n


def _fancy(x: Expression, keys: tuple[Any, ...]) -> Expression:
    """Integer arrays and masks: let NumPy index the element numbers, then gather those."""
    numbers = np.arange(x.size).reshape(x.shape)
    try:
        chosen = numbers[keys]
    except (IndexError, ValueError, TypeError) as error:
        if isinstance(error, TraceError):
            raise
        raise TraceError(f"Indexing a symbolic array of shape {x.shape} failed{user_line()}: {error}.") from None
    # Whole rows (or columns, …) stay whole: engines gather them faster than single elements.
    arrays = [i for i, k in enumerate(keys) if _is_array(k)]
    if len(arrays) == 1 and np.ndim(keys[arrays[0]]) == 1 and all(k is not None for k in keys):
        (axis,) = arrays
        if all(isinstance(k, slice) and k == slice(None) for i, k in enumerate(keys) if i != axis):
            return apply("gather", x, indices=np.arange(x.shape[axis])[(keys[axis],)], axis=axis)
    flat = apply("reshape", x, shape=(x.size,))
    return apply("reshape", apply("gather", flat, indices=chosen.reshape(-1), axis=0), shape=chosen.shape)
