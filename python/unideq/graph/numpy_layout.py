"""NumPy's functions that lay elements out anew (reshape, join, split, roll, pad, …) on symbolic arrays."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..errors import TraceError
from .expression import Expression, apply, as_expression
from .location import user_line

__all__ = ["LAYOUT", "all_axes", "concatenate", "expand_dims", "moveaxis", "one_axis"]


def one_axis(x: Expression, axis: Any, extra: int = 0) -> int:
    """The axis counted from the front, `extra` more axes being there to choose from."""
    n = x.ndim + extra
    if not -n <= axis < n:
        raise TraceError(f"Axis {axis} is out of bounds for shape {x.shape}{user_line()}.")
    return int(axis) % n


def all_axes(x: Expression, axis: Any) -> tuple[int, ...]:
    """One axis, several or (None) all of them, sorted and counted from the front."""
    if axis is None:
        return tuple(range(x.ndim))
    axes = tuple(sorted(one_axis(x, a) for a in (axis if isinstance(axis, (tuple, list)) else (axis,))))
    if len(set(axes)) < len(axes):
        raise TraceError(f"Axis {axis} names an axis twice{user_line()}.")
    return axes


# ---- shapes -----------------------------------------------------------------------------------------------------


def _reshape(a: Any, /, shape: Any = None, order: str = "C", *, newshape: Any = None, copy: Any = None) -> Expression:
    x = as_expression(a)
    shape = newshape if shape is None else shape
    wanted = [int(n) for n in (shape if isinstance(shape, (tuple, list)) else (shape,))]
    if order != "C":
        raise TraceError(f"`reshape` with order={order!r} can't be recorded{user_line()}. Transpose, then reshape.")
    if wanted.count(-1) == 1:
        rest = math.prod(n for n in wanted if n != -1)
        wanted[wanted.index(-1)] = x.size // rest if rest else 0
    return apply("reshape", x, shape=tuple(wanted))


def _ravel(a: Any, order: str = "C") -> Expression:
    return _reshape(a, (-1,), order)


def _transpose(a: Any, axes: Any = None) -> Expression:
    x = as_expression(a)
    order = tuple(range(x.ndim))[::-1] if axes is None else tuple(one_axis(x, i) for i in axes)
    if sorted(order) != list(range(x.ndim)):
        raise TraceError(f"`np.transpose` of shape {x.shape} needs each of its axes once, not {axes}{user_line()}.")
    return apply("transpose", x, axes=order)


def _swapaxes(a: Any, axis1: int, axis2: int) -> Expression:
    x = as_expression(a)
    order = list(range(x.ndim))
    i, j = one_axis(x, axis1), one_axis(x, axis2)
    order[i], order[j] = order[j], order[i]
    return apply("transpose", x, axes=tuple(order))


def _matrix_transpose(x: Any, /) -> Expression:
    return _swapaxes(x, -1, -2)


def moveaxis(a: Any, source: Any, destination: Any) -> Expression:
    """`np.moveaxis`."""
    x = as_expression(a)
    sources = [one_axis(x, i) for i in (source if isinstance(source, (tuple, list)) else (source,))]
    places = [one_axis(x, i) for i in (destination if isinstance(destination, (tuple, list)) else (destination,))]
    order = [i for i in range(x.ndim) if i not in sources]
    for place, axis in sorted(zip(places, sources, strict=True)):
        order.insert(place, axis)
    return apply("transpose", x, axes=tuple(order))


def expand_dims(a: Any, axis: Any) -> Expression:
    """`np.expand_dims`."""
    x = as_expression(a)
    axes = axis if isinstance(axis, (tuple, list)) else (axis,)
    places = {one_axis(x, i, len(axes)) for i in axes}
    lengths = iter(x.shape)
    shape = tuple(1 if i in places else next(lengths) for i in range(x.ndim + len(axes)))
    return apply("reshape", x, shape=shape)


def _squeeze(a: Any, axis: Any = None) -> Expression:
    x = as_expression(a)
    gone = {i for i, n in enumerate(x.shape) if n == 1} if axis is None else set(all_axes(x, axis))
    return apply("reshape", x, shape=tuple(n for i, n in enumerate(x.shape) if i not in gone))


def _broadcast_to(array: Any, shape: Any, subok: bool = False) -> Expression:
    shape = tuple(shape) if isinstance(shape, (tuple, list)) else (shape,)
    return apply("broadcast_to", as_expression(array), shape=shape)


def _broadcast_arrays(*arrays: Any, subok: bool = False) -> tuple[Expression, ...]:
    parts = [as_expression(a) for a in arrays]
    shape = np.broadcast_shapes(*(p.shape for p in parts))
    return tuple(_broadcast_to(p, shape) for p in parts)


def _atleast(n: int) -> Callable[..., Any]:
    def widen(*arrays: Any) -> Any:
        parts = [as_expression(a) for a in arrays]
        wide = [apply("reshape", p, shape=(1,) * max(n - p.ndim, 0) + p.shape) for p in parts]
        return wide[0] if len(wide) == 1 else tuple(wide)

    return widen


# ---- joining and splitting --------------------------------------------------------------------------------------


def concatenate(arrays: Sequence[Any], axis: Any = 0, **settings: Any) -> Expression:
    """`np.concatenate`."""
    if settings:
        raise TypeError(f"{', '.join(settings)} can't be recorded")
    parts = [as_expression(a) for a in arrays]
    if axis is None:
        parts, axis = [apply("reshape", p, shape=(p.size,)) for p in parts], 0
    if any(p.ndim == 0 for p in parts):
        raise TraceError(f"`np.concatenate` can't join scalars{user_line()}. Use `np.stack([...])`.")
    return apply("concatenate", *parts, axis=one_axis(parts[0], axis))


def _stack(arrays: Sequence[Any], axis: int = 0, **settings: Any) -> Expression:
    parts = [as_expression(a) for a in arrays]
    if len({p.shape for p in parts}) > 1:
        shapes = ", ".join(str(p.shape) for p in parts)
        raise TraceError(f"`np.stack` needs equal shapes, not {shapes}{user_line()}.")
    return concatenate([expand_dims(p, axis) for p in parts], one_axis(parts[0], axis, 1), **settings)


def _hstack(tup: Sequence[Any], **settings: Any) -> Expression:
    parts = [expand_dims(p, 0) if p.ndim == 0 else p for p in map(as_expression, tup)]
    return concatenate(parts, 0 if parts[0].ndim == 1 else 1, **settings)


def _vstack(tup: Sequence[Any], **settings: Any) -> Expression:
    return concatenate([_reshape(p, (1, p.size)) if p.ndim < 2 else p for p in map(as_expression, tup)], 0, **settings)


def _column_stack(tup: Sequence[Any]) -> Expression:
    return concatenate([_reshape(p, (p.size, 1)) if p.ndim < 2 else p for p in map(as_expression, tup)], 1)


def _append(arr: Any, values: Any, axis: Any = None) -> Expression:
    return concatenate([arr, values], axis)


def _split(ary: Any, indices_or_sections: Any, axis: int = 0) -> list[Expression]:
    x = as_expression(ary)
    place = one_axis(x, axis)
    numbers = np.split(np.arange(x.shape[place]), indices_or_sections)  # NumPy decides where, and what doesn't fit
    lead = (slice(None),) * place
    return [x[(*lead, slice(int(n[0]), int(n[-1]) + 1) if len(n) else slice(0, 0))] for n in numbers]


def _unstack(x: Any, /, *, axis: int = 0) -> tuple[Expression, ...]:
    value = as_expression(x)
    place = one_axis(value, axis)
    return tuple(value[(slice(None),) * place + (i,)] for i in range(value.shape[place]))


# ---- moving elements --------------------------------------------------------------------------------------------


def _roll(a: Any, shift: Any, axis: Any = None) -> Expression:
    x = as_expression(a)
    if axis is None:
        flat = apply("roll", apply("reshape", x, shape=(x.size,)), shift=int(shift), axis=0)
        return apply("reshape", flat, shape=x.shape)
    for s, i in np.broadcast(shift, axis):
        x = apply("roll", x, shift=int(s), axis=one_axis(x, int(i)))
    return x


def _flip(m: Any, axis: Any = None) -> Expression:
    x = as_expression(m)
    for i in all_axes(x, axis):
        x = x[(slice(None),) * i + (slice(None, None, -1),)]
    return x


def _take(a: Any, indices: Any, axis: Any = None, out: Any = None, mode: str = "raise") -> Expression:
    if out is not None or mode != "raise":
        raise TraceError(f"`np.take` with `out=` or mode={mode!r} can't be recorded{user_line()}.")
    x = as_expression(a)
    if axis is None:
        return apply("reshape", x, shape=(x.size,))[_index(indices)]
    return x[(slice(None),) * one_axis(x, axis) + (_index(indices),)]


def _index(indices: Any) -> Any:
    return indices if isinstance(indices, Expression) or np.ndim(indices) == 0 else np.asarray(indices)


def _rearranged(x: Expression, numbers: np.ndarray) -> Expression:
    """Elements by their numbers in C order."""
    flat = apply("reshape", x, shape=(x.size,))
    return apply("reshape", apply("gather", flat, indices=numbers.reshape(-1), axis=0), shape=numbers.shape)


def _numbered(x: Expression) -> np.ndarray:
    return np.arange(x.size).reshape(x.shape)


def _repeat(a: Any, repeats: Any, axis: Any = None) -> Expression:
    x = as_expression(a)
    return _rearranged(x, np.repeat(_numbered(x), repeats, axis))


def _tile(A: Any, reps: Any) -> Expression:
    x = as_expression(A)
    return _rearranged(x, np.tile(_numbered(x), reps))


def _diagonal(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Expression:
    x = as_expression(a)
    return _rearranged(x, np.diagonal(_numbered(x), offset, axis1, axis2))


def _diag(v: Any, k: int = 0) -> Expression:
    x = as_expression(v)
    if x.ndim != 1:
        return _diagonal(x, k)
    n = x.size + abs(k)
    places = np.flatnonzero(np.diag(np.ones(x.size), k))
    return apply("reshape", apply("scatter_add", x, indices=places, axis=0, size=n * n), shape=(n, n))


def _trace(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Expression:
    picked = _diagonal(a, offset, axis1, axis2)
    return apply("sum", picked, axes=(picked.ndim - 1,))


def _pad(array: Any, pad_width: Any, mode: str = "constant", constant_values: Any = 0.0) -> Expression:
    x = as_expression(array)
    widths = np.broadcast_to(np.asarray(pad_width, dtype=int), (x.ndim, 2))
    if mode == "constant":
        window = tuple((int(low), int(low) + n, 1) for (low, _), n in zip(widths, x.shape, strict=True))
        shape = tuple(int(low) + n + int(high) for (low, high), n in zip(widths, x.shape, strict=True))
        frame = np.pad(np.zeros(x.shape), widths, constant_values=constant_values)
        padded = apply("pad", x, window=window, shape=shape)
        return padded + frame if frame.any() else padded
    if mode not in ("wrap", "edge", "reflect", "symmetric"):
        raise TraceError(
            f"`np.pad` with mode={mode!r}{user_line()}: possible are constant, wrap, edge, reflect, symmetric."
        )
    return _rearranged(x, np.pad(_numbered(x), widths, mode=mode))  # type: ignore[call-overload]


LAYOUT: dict[Any, Callable[..., Any]] = {
    np.reshape: _reshape,
    np.ravel: _ravel,
    np.transpose: _transpose,
    np.swapaxes: _swapaxes,
    np.matrix_transpose: _matrix_transpose,
    np.moveaxis: moveaxis,
    np.expand_dims: expand_dims,
    np.squeeze: _squeeze,
    np.broadcast_to: _broadcast_to,
    np.broadcast_arrays: _broadcast_arrays,
    np.atleast_1d: _atleast(1),
    np.atleast_2d: _atleast(2),
    np.concatenate: concatenate,
    np.stack: _stack,
    np.hstack: _hstack,
    np.vstack: _vstack,
    np.column_stack: _column_stack,
    np.append: _append,
    np.split: _split,
    np.roll: _roll,
    np.flip: _flip,
    np.take: _take,
    np.repeat: _repeat,
    np.tile: _tile,
    np.diagonal: _diagonal,
    np.diag: _diag,
    np.trace: _trace,
    np.pad: _pad,
}
if hasattr(np, "unstack"):  # NumPy 2.1 and later
    LAYOUT[np.unstack] = _unstack
