"""What the families share to write their entries: shapes, sums over broadcast axes, costs and patterns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...errors import TraceError
from ..expression import Expression, apply, constant
from ..location import user_line


def broadcast_shape(inputs: Sequence[Expression], name: str) -> tuple[int, ...]:
    """NumPy's broadcast shape, or a `TraceError` with both shapes and the user's line."""
    first = inputs[0].shape
    if all([i.shape == first for i in inputs]):  # np.broadcast_shapes is slow, and this is the usual case
        return first
    try:
        return np.broadcast_shapes(*(i.shape for i in inputs))
    except ValueError:
        shapes = " and ".join(str(i.shape) for i in inputs)
        raise TraceError(
            f"`{name}` can't broadcast shapes {shapes} together{user_line()}. Check the states' and networks' shapes."
        ) from None


def as_number(value: Expression) -> Expression:
    """Booleans count as 0 and 1 in arithmetic, as in NumPy."""
    return apply("where", value, 1.0, 0.0) if value.dtype == "bool" else value


def unbroadcast(value: Expression, shape: tuple[int, ...]) -> Expression:
    """Adjoint of broadcasting `shape` to `value.shape`: sum over the axes that were stretched."""
    if value.shape == shape:
        return value
    extra = value.ndim - len(shape)
    axes = tuple(range(extra)) + tuple(extra + i for i, n in enumerate(shape) if n == 1 and value.shape[extra + i] != 1)
    summed = apply("sum", value, axes=axes) if axes else value
    return apply("reshape", summed, shape=shape)


def stretch(value: Expression, shape: tuple[int, ...]) -> Expression:
    """`value` broadcast to `shape`."""
    return value if value.shape == shape else apply("broadcast_to", value, shape=shape)


def zeros(shape: tuple[int, ...]) -> Expression:
    """A constant array of zeros."""
    return constant(np.zeros(shape))


def resized(shape: tuple[int, ...], axis: int, length: int) -> tuple[int, ...]:
    """The shape with another length along one axis."""
    return (*shape[:axis], length, *shape[axis + 1 :])


def free(node: Expression) -> int:
    """The work of operations that compute nothing."""
    return 0


def moved_pattern(evaluate: Callable[..., Any]) -> Callable[..., Any]:
    """Dependency pattern of an operation that moves elements about: run it on the bit sets themselves."""

    def pattern(inputs: Any, attributes: dict, masks: Sequence[Any]) -> Any:
        return evaluate(*masks, **attributes)

    return pattern


def union(masks: np.ndarray, axes: tuple[int, ...], keepdims: bool = False) -> np.ndarray:
    """Union of bit sets over axes, as an object array."""
    result: Any = masks
    for axis in sorted(axes, reverse=True):
        result = np.asarray(np.bitwise_or.reduce(result, axis=axis, keepdims=keepdims, initial=0), dtype=object)
    return result
