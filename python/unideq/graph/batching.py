"""`vmap` on graphs: one of a point becomes one of many, its products with vectors products of matrices.

The order of transforms matters. Derivatives in a point's own coordinates come first (`d`, `jvp` on the graph of one
point), then `batched`, then `vjp` in what all points share: the cotangents of weights are then sums over the batch
within products of matrices, (outputs, B) × (B, inputs), and never exist one by one.
"""

from __future__ import annotations

from collections.abc import Collection

from ..checks import is_whole
from ..errors import OptionError, unknown
from .expression import Expression, apply, variable
from .graph import Graph
from .operations.batch_rules import Flags, Values, spread

__all__ = ["batched"]


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
    return Graph(inputs, {name: spread(value, flag, count) for name, (value, flag) in outputs.items()})


def _same(node: Expression, values: Values) -> Expression:
    if all(new is old for new, old in zip(values, node.inputs, strict=True)):
        return node
    return apply(node.operation, *values, **node.attributes)


def _batched(node: Expression, values: Values, flags: Flags, count: int) -> Expression:
    rule = node.entry.batch
    made = None if rule is None else rule(node, values, flags, count)
    return _one_by_one(node, values, flags, count) if made is None else made


def _one_by_one(node: Expression, values: Values, flags: Flags, count: int) -> Expression:
    """Any operation at all: once for each point."""
    parts = []
    for m in range(count):
        own = [value[m] if flag else value for value, flag in zip(values, flags, strict=True)]
        parts.append(apply("reshape", apply(node.operation, *own, **node.attributes), shape=(1, *node.shape)))
    return apply("concatenate", *parts, axis=0)
