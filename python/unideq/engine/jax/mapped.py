"""A graph over a batch, the batch's axis where it costs least: `jax.vmap` node by node.

`vmap` of a whole graph brings the batch's axis to the front wherever operands with and without one meet, at every bias
of a network. Products of matrices want it behind the channels, so that a batch of convolutions is one product
(outputs, inputs) × (inputs, batch · points) without a copy into another layout; there it stays here until a transform,
a reshape or an output asks for the front. Measured: the gradient of a 26-channel, 8-block ResNet on 48 points, batch
16, takes 1.6 times as long under one `vmap`.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ...graph import Expression, Graph
from .bound import plain_value
from .convolution import _shift, by_taps, seen_along, summed_along
from .lowering import check, lowering

__all__ = ["lower_mapped"]

Placed = tuple[Any, int | None]
"""An array, and where its batch axis is; None: it has none."""


def lower_mapped(graph: Graph, mapped: Collection[str]) -> Callable[[Mapping[str, Any]], dict[str, jax.Array]]:
    """The graph as `{input: array} -> {output: array}`; inputs in `mapped` and all outputs have a leading batch axis.

    Raises
    ------
    EngineUnsupported
        If an operation has no lowering.
    """
    check(graph)

    def run(values: Mapping[str, Any]) -> dict[str, jax.Array]:
        found: dict[int, Placed] = {}
        for node in graph.nodes:
            if node.operation == "input":
                found[id(node)] = values[node.name], 0 if node.name in mapped else None
            elif not node.inputs:
                found[id(node)] = plain_value(node), None
            else:
                found[id(node)] = _apply(node, [found[id(i)] for i in node.inputs])
        (count,) = {len(values[name]) for name in mapped if name in values}
        return {name: _output(node, found[id(node)], count) for name, node in graph.outputs.items()}

    return run


def _apply(node: Expression, arguments: Sequence[Placed]) -> Placed:
    function = lowering(node.operation)
    assert function is not None
    if node.operation == "learned":
        return arguments[0]
    if all(axis is None for _, axis in arguments):
        return function(*(value for value, _ in arguments), **node.attributes), None
    if node.entry.family == "elementwise":
        return _elementwise(function, node, arguments)
    if (
        node.operation == "convolution"
        and arguments[1][1] is None
        and node.ndim == 1 + len(node.attributes["boundary"])
    ):
        return _convolution(_moved(arguments[0], 1), arguments[1][0], **node.attributes), 1
    if node.operation == "matmul" and arguments[0][1] is None and node.ndim == 2:
        return _mapped(function, node, [arguments[0], (_moved(arguments[1], 1), 1)], 1), 1
    if node.entry.keeps_axes:
        axis = next(axis for _, axis in arguments if axis is not None)
        aligned = [(v, None) if own is None else (_moved((v, own), axis), axis) for v, own in arguments]
        return _mapped(function, node, aligned, axis), axis
    return _mapped(function, node, arguments, 0), 0


def _mapped(function: Callable[..., Any], node: Expression, arguments: Sequence[Placed], out: int) -> Any:
    values, axes = zip(*arguments, strict=True)
    # Constants stay NumPy arrays, which lowerings look at.
    varying = [i for i, axis in enumerate(axes) if axis is not None]

    def of_one(*some: Any) -> Any:
        own = list(values)
        for i, value in zip(varying, some, strict=True):
            own[i] = value
        return function(*own, **node.attributes)

    return jax.vmap(of_one, [axes[i] for i in varying], out)(*(values[i] for i in varying))


def _elementwise(function: Callable[..., Any], node: Expression, arguments: Sequence[Placed]) -> Placed:
    """Operands broadcast as NumPy does, the batch's axis where the largest has it."""
    ranks = [i.ndim for i in node.inputs]
    # Of every operand with a batch axis: its size, and where that axis is among the result's.
    placed = [
        (rank, i.size, axis + node.ndim - rank)
        for i, rank, (_, axis) in zip(node.inputs, ranks, arguments, strict=True)
        if axis is not None
    ]
    at = max(placed)[2]
    aligned = [
        _beside(argument, rank, at - (node.ndim - rank)) for argument, rank in zip(arguments, ranks, strict=True)
    ]
    return function(*aligned, **node.attributes), at


def _beside(argument: Placed, rank: int, at: int) -> Any:
    """An operand with its batch axis, or a 1 in its place, before its axis `at`; negative: left of all it has."""
    value, axis = argument
    if axis is None:
        if at <= 0:
            return value
        return np.expand_dims(value, at) if isinstance(value, np.ndarray) else jnp.expand_dims(value, at)
    value = _moved(argument, max(at, 0))
    return jnp.expand_dims(value, tuple(range(1, 1 - at))) if at < 0 else value


def _moved(argument: Placed, axis: int) -> Any:
    value, own = argument
    return value if own is None or own == axis else jnp.moveaxis(value, own, axis)


def _output(node: Expression, argument: Placed, count: int) -> jax.Array:
    value, axis = argument
    value = jnp.asarray(value, bool if node.dtype == "bool" else float)
    return jnp.broadcast_to(value, (count, *value.shape)) if axis is None else _moved((value, axis), 0)


def _convolution(x: Any, kernel: Any, boundary: tuple[str, ...]) -> Any:
    """`unideq.graph.operations.convolution` of (C_in, batch, *space) → (C_out, batch, *space)."""
    outputs, inputs, *size = kernel.shape
    if len(size) == 2 or outputs <= inputs:  # the products are wider than the smaller side by the number of taps
        product = _times(by_taps(kernel), seen_along(x, kernel, boundary, 0)).reshape(-1, outputs, *x.shape[1:])
        return summed_along(list(product), kernel, boundary)
    taps = itertools.product(*map(range, size))
    seen = jnp.concatenate([_shift(x, tap, size, boundary) for tap in taps])
    matrix = jnp.moveaxis(kernel, 1, -1).reshape(outputs, math.prod(size) * inputs)
    return _times(matrix, seen)


def _times(matrix: Any, x: Any) -> Any:
    """(outputs, inputs) × (inputs, …): flattened, as XLA turns round the products of matrices alone in an adjoint."""
    return (matrix @ x.reshape(len(x), -1)).reshape(-1, *x.shape[1:])
