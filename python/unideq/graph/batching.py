"""`vmap` on graphs: one of a point becomes one of many, its products with vectors products of matrices.

The order of transforms matters. Derivatives in a point's own coordinates come first (`d`, `jvp` on the graph of one
point), then `batched`, then `vjp` in what all points share: the cotangents of weights are then sums over the batch
within products of matrices, (outputs, B) × (B, inputs), and never exist one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from ..checks import is_whole
from ..errors import OptionError, unknown
from .expression import Expression, apply, variable
from .graph import Graph
from .operation import OPERATIONS
from .operations.building import stretch

__all__ = ["batched"]

Values = Sequence[Expression]
"""A node's inputs in the new graph."""
Flags = Sequence[bool]
"""Which of them have the batch's axis, in front of their own."""


def batched(graph: Graph, mapped: Collection[str], size: int) -> Graph:
    """The graph at `size` points at once.

    Parameters
    ----------
    graph
        Of one point.
    mapped
        Names of the inputs that differ from point to point. The others (weights) are shared, and what is computed from
        those alone is computed once.
    size
        Number of points B >= 1.

    Returns
    -------
    Graph
        Inputs and outputs of the same names; those in `mapped`, and all outputs, with a leading axis of length B.

    Raises
    ------
    OptionError
        If a name isn't an input's, or `size` isn't a whole number >= 1.

    Examples
    --------
    >>> import numpy as np
    >>> from unideq.graph import Graph, batched, variable
    >>> x, w = variable("x", (2,)), variable("w", (3, 2))
    >>> many = batched(Graph([x, w], {"y": np.tanh(w @ x)}), ["x"], 5)
    >>> many.input("x").shape, many.input("w").shape, many.outputs["y"].shape
    ((5, 2), (3, 2), (5, 3))
    """
    if not is_whole(size, 1):
        raise OptionError(f"A batch needs a whole number of points >= 1, not {size!r}.")
    for name in mapped:
        if name not in graph.input_names:
            raise unknown("graph input", name, graph.input_names)
    count = int(size)
    inputs = [variable(i.name, (count, *i.shape)) if i.name in mapped else i for i in graph.inputs]
    found = {
        id(old): (new, old.name in mapped) for old, new in zip(graph.inputs, inputs, strict=True)
    }  # the expression, and whether it has the batch's axis
    for node in graph.nodes:
        if id(node) not in found:
            values, flags = zip(*(found[id(i)] for i in node.inputs), strict=True) if node.inputs else ((), ())
            found[id(node)] = (
                (_batched(node, values, flags, count), True) if any(flags) else (_same(node, values), False)
            )
    outputs = {name: found[id(node)] for name, node in graph.outputs.items()}
    return Graph(inputs, {name: _spread(value, flag, count) for name, (value, flag) in outputs.items()})


def _same(node: Expression, values: Values) -> Expression:
    if all(new is old for new, old in zip(values, node.inputs, strict=True)):
        return node
    return apply(node.operation, *values, **node.attributes)


def _spread(value: Expression, flag: bool, count: int) -> Expression:
    """The value with the batch's axis, whether it varies or not."""
    return value if flag else stretch(value, (count, *value.shape))


def _batched(node: Expression, values: Values, flags: Flags, count: int) -> Expression:
    rule = _RULES.get(node.operation)
    if rule is None and OPERATIONS[node.operation].family == "elementwise":
        rule = _elementwise
    made = None if rule is None else rule(node, values, flags, count)
    return _one_by_one(node, values, flags, count) if made is None else made


def _one_by_one(node: Expression, values: Values, flags: Flags, count: int) -> Expression:
    """Any operation at all: once for each point."""
    parts = []
    for m in range(count):
        own = [value[m] if flag else value for value, flag in zip(values, flags, strict=True)]
        parts.append(apply("reshape", apply(node.operation, *own, **node.attributes), shape=(1, *node.shape)))
    return apply("concatenate", *parts, axis=0)


# ---- one rule an operation; None where it can't say it ------------------------------------------------------------


def _lifted(value: Expression, old: Expression, ndim: int) -> Expression:
    """A varying operand with the axes that broadcasting to `ndim` would give it behind the batch's."""
    return apply("reshape", value, shape=(len(value), *(1,) * (ndim - old.ndim), *old.shape))


def _aligned(node: Expression, values: Values, flags: Flags) -> list[Expression]:
    return [_lifted(v, i, node.ndim) if f else v for v, i, f in zip(values, node.inputs, flags, strict=True)]


def _elementwise(node: Expression, values: Values, flags: Flags, count: int) -> Expression:
    return apply(node.operation, *_aligned(node, values, flags), **node.attributes)


def _as_it_is(node: Expression, values: Values, flags: Flags, count: int) -> Expression:
    """For operations that leave leading axes alone."""
    return apply(node.operation, *values, **node.attributes)


def _identity(node: Expression, values: Values, flags: Flags, count: int) -> Expression:
    return _spread(values[0], flags[0], count)


def _reshape(node: Expression, values: Values, flags: Flags, count: int) -> Expression:
    return apply("reshape", values[0], shape=(count, *node.shape))


def _transpose(node: Expression, values: Values, flags: Flags, count: int) -> Expression:
    return apply("transpose", values[0], axes=(0, *(a + 1 for a in node.attributes["axes"])))


def _broadcast_to(node: Expression, values: Values, flags: Flags, count: int) -> Expression:
    return apply("broadcast_to", _lifted(values[0], node.inputs[0], node.ndim), shape=(count, *node.shape))


def _along_axis(node: Expression, values: Values, flags: Flags, count: int) -> Expression:
    every = [_spread(v, f, count) for v, f in zip(values, flags, strict=True)]
    return apply(node.operation, *every, **{**node.attributes, "axis": node.attributes["axis"] + 1})


def _reduction(node: Expression, values: Values, flags: Flags, count: int) -> Expression:
    return apply(node.operation, values[0], axes=tuple(a + 1 for a in node.attributes["axes"]))


def _slice(node: Expression, values: Values, flags: Flags, count: int) -> Expression:
    return apply("slice", values[0], window=((0, count, 1), *node.attributes["window"]))


def _pad(node: Expression, values: Values, flags: Flags, count: int) -> Expression:
    at = node.attributes
    return apply("pad", values[0], window=((0, count, 1), *at["window"]), shape=(count, *at["shape"]))


def _matmul(node: Expression, values: Values, flags: Flags, count: int) -> Expression:
    """One product of matrices, all points' rows together, where one factor is a matrix that the points share."""
    a, b = values
    if flags == (True, False) and b.ndim == 2:
        rows = apply("reshape", a, shape=(a.size // a.shape[-1], a.shape[-1])) if a.size else None
        return _as_it_is(node, values, flags, count) if rows is None else _rows_times(rows, b, (count, *node.shape))
    if flags == (False, True) and a.ndim == 2 and b.size:
        columns = apply("transpose", b, axes=(*range(b.ndim - 2), b.ndim - 1, b.ndim - 2))
        rows = apply("reshape", columns, shape=(b.size // b.shape[-2], b.shape[-2]))
        result = _rows_times(rows, apply("transpose", a, axes=(1, 0)), (*columns.shape[:-1], a.shape[0]))
        return apply("transpose", result, axes=(*range(b.ndim - 2), b.ndim - 1, b.ndim - 2))
    return apply("matmul", *_aligned(node, values, flags))


def _rows_times(rows: Expression, matrix: Expression, shape: tuple[int, ...]) -> Expression:
    return apply("reshape", apply("matmul", rows, matrix), shape=shape)


def _shared_weights(node: Expression, values: Values, flags: Flags, count: int) -> Expression | None:
    """Convolutions and Lux networks: leading axes of the first operand are a batch already, for one set of weights."""
    return _as_it_is(node, values, flags, count) if flags == (True, False) else None


Rule = Callable[[Expression, Values, Flags, int], Expression | None]
_RULES: dict[str, Rule] = {
    "learned": _identity,
    "stop_gradient": _as_it_is,
    "reshape": _reshape,
    "transpose": _transpose,
    "broadcast_to": _broadcast_to,
    **dict.fromkeys(("concatenate", "gather", "scatter_add", "roll", "stencil", "stencil_adjoint"), _along_axis),
    "slice": _slice,
    "pad": _pad,
    "sum": _reduction,
    "amax": _reduction,
    "matmul": _matmul,
    "rfft": _as_it_is,
    "irfft": _as_it_is,
    "piecewise_polynomial": _as_it_is,
    "convolution": _shared_weights,
    "network": _shared_weights,
}
