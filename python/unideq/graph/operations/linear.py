"""Matrix products, batched over leading axes as `np.matmul` does; both factors have at least two axes."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...errors import TraceError
from ..expression import Expression, apply
from ..location import user_line
from ..operation import Operation, register
from ..printing import SUM, UNARY, Shown
from .batch_rules import Flags, Values, broadcasting
from .building import as_number, unbroadcast, union


def _infer(inputs: Any, attributes: dict) -> tuple[tuple[int, ...], str]:
    a, b = inputs
    if a.ndim < 2 or b.ndim < 2 or a.shape[-1] != b.shape[-2]:
        raise TraceError(f"`matmul` can't multiply shapes {a.shape} and {b.shape}{user_line()}: inner lengths differ.")
    try:
        batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    except ValueError:
        raise TraceError(f"`matmul` can't broadcast batches of {a.shape} and {b.shape}{user_line()}.") from None
    return (*batch, a.shape[-2], b.shape[-1]), "float64"


def _prepare(inputs: tuple, attributes: dict) -> tuple[tuple, dict]:
    return tuple(as_number(i) for i in inputs), attributes


def _swapped(x: Expression) -> Expression:
    axes = (*range(x.ndim - 2), x.ndim - 1, x.ndim - 2)
    return apply("transpose", x, axes=axes)


def _vjp(inputs: Any, attributes: dict, y: Expression, c: Expression) -> list[Expression | None]:
    a, b = inputs
    return [
        unbroadcast(apply("matmul", c, _swapped(b)), a.shape),
        unbroadcast(apply("matmul", _swapped(a), c), b.shape),
    ]


def _pattern(inputs: Any, attributes: dict, masks: Any) -> Any:
    a, b = inputs
    left = _through(masks[0], b, left=True) if b.is_constant and b.ndim == 2 else union(masks[0], (a.ndim - 1,), True)
    right = _through(masks[1], a, left=False) if a.is_constant and a.ndim == 2 else union(masks[1], (b.ndim - 2,), True)
    shape = (*np.broadcast_shapes(a.shape[:-2], b.shape[:-2]), a.shape[-2], b.shape[-1])
    return np.bitwise_or(np.broadcast_to(left, shape), np.broadcast_to(right, shape))


def _through(masks: np.ndarray, matrix: Expression, left: bool) -> np.ndarray:
    """Bit sets multiplied with a constant matrix: its zeros let nothing through (banded operators stay banded)."""
    if left:  # masks (…, m, k) · matrix (k, n)
        columns = [
            union(masks[..., :, np.flatnonzero(matrix.value[:, j])], (masks.ndim - 1,)) for j in range(matrix.shape[1])
        ]
        return np.stack(columns, axis=-1)
    rows = [union(masks[..., np.flatnonzero(matrix.value[i]), :], (masks.ndim - 2,)) for i in range(matrix.shape[0])]
    return np.stack(rows, axis=-2)


def _show(arguments: Any, attributes: dict, latex: bool) -> Shown:
    # Not associative with elementwise products: its factors are bracketed, and so is it inside of one.
    left, right = (a.inside(UNARY, latex) for a in arguments)
    return Shown(f"{left} {right}" if latex else f"{left} @ {right}", SUM)


def _rows_times(rows: Expression, matrix: Expression, shape: tuple[int, ...]) -> Expression:
    return apply("reshape", apply("matmul", rows, matrix), shape=shape)


def _batch(node: Expression, values: Values, flags: Flags, count: int) -> Expression:
    """One product of matrices, all points' rows together, where one factor is a matrix that the points share."""
    a, b = values
    if flags == (True, False) and b.ndim == 2 and a.size:
        rows = apply("reshape", a, shape=(a.size // a.shape[-1], a.shape[-1]))
        return _rows_times(rows, b, (count, *node.shape))
    if flags == (False, True) and a.ndim == 2 and b.size:
        columns = _swapped(b)
        rows = apply("reshape", columns, shape=(b.size // b.shape[-2], b.shape[-2]))
        return _swapped(_rows_times(rows, _swapped(a), (*columns.shape[:-1], a.shape[0])))
    return broadcasting(node, values, flags, count)


register(
    Operation(
        name="matmul",
        family="linear",
        arity=2,
        infer=_infer,
        evaluate=lambda a, b: np.matmul(a, b),
        prepare=_prepare,
        linear=(0, 1),
        vjp=_vjp,
        batch=_batch,
        work=lambda node: node.size * node.inputs[0].shape[-1],
        pattern=_pattern,
        show=_show,
    )
)
