"""Which outputs depend on which inputs (`sparsity`), and which columns can share one derivative (`colour`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import unknown
from .expression import Expression
from .graph import Graph, topological

_ROUNDS = 8

__all__ = ["chosen_output", "colour", "dependencies", "sparsity"]


def chosen_output(graph: Graph, output: str | None) -> Expression:
    """The output of that name; without a name, the graph's only output."""
    if output is None and len(graph.outputs) == 1:
        return next(iter(graph.outputs.values()))
    if output not in graph.outputs:
        raise unknown("graph output", output, graph.outputs)
    return graph.outputs[output]


def dependencies(output: Expression, wrt: Expression) -> np.ndarray:
    """One bit set (Python integer) an element of `output`: bit j where the derivative by element j can be non-zero.

    Returns
    -------
    ndarray
        Object array of the output's shape.
    """
    bits = np.empty(wrt.size, dtype=object)
    bits[:] = [1 << j for j in range(wrt.size)]
    masks: dict[int, np.ndarray | None] = {id(wrt): bits.reshape(wrt.shape)}
    for node in topological([output]):
        if id(node) in masks:
            continue
        inner = [masks[id(i)] for i in node.inputs]
        if all(mask is None for mask in inner):  # most nodes of a network don't depend on the state at all
            masks[id(node)] = None
            continue
        whole = [_empty(i.shape) if mask is None else mask for i, mask in zip(node.inputs, inner, strict=True)]
        found = node.entry.pattern(node.inputs, node.attributes, whole)
        masks[id(node)] = _objects(found, node.shape)
    result = masks[id(output)]
    return _empty(output.shape) if result is None else result


def _empty(shape: tuple[int, ...]) -> np.ndarray:
    return np.full(shape, 0, dtype=object)


def _objects(found: Any, shape: tuple[int, ...]) -> np.ndarray:
    # NumPy turns 0-d object results into plain integers; back into an array, or later steps would take them for int64.
    return (
        found
        if isinstance(found, np.ndarray) and found.dtype == object
        else np.asarray(found, dtype=object).reshape(shape)
    )


def sparsity(graph: Graph, wrt: str, output: str | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Structural non-zeros of ∂output/∂wrt, both flattened in C order.

    Parameters
    ----------
    graph
        The function.
    wrt
        Name of an input.
    output
        Name of an output; may be left out where there is only one.

    Returns
    -------
    rows, columns
        int64 arrays (nnz,), sorted by row, then column.
    """
    source = graph.input(wrt)
    masks = dependencies(chosen_output(graph, output), source).reshape(-1)
    width = (source.size + 7) // 8
    rows: list[np.ndarray] = []
    columns: list[np.ndarray] = []
    for row, mask in enumerate(masks):
        if mask:
            packed = np.frombuffer(int(mask).to_bytes(width, "little"), dtype=np.uint8)
            found = np.flatnonzero(np.unpackbits(packed, bitorder="little"))
            columns.append(found)
            rows.append(np.full(len(found), row))
    if not rows:
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    return np.concatenate(rows).astype(np.int64), np.concatenate(columns).astype(np.int64)


def colour(rows: np.ndarray, columns: np.ndarray, shape: Sequence[int]) -> np.ndarray:
    """Colour the columns so that no two of one colour share a row: one directional derivative a colour suffices.

    Greedy in the order of the columns (Gebremedhin, Manne and Pothen, "What color is your Jacobian?", SIAM Review 47,
    2005), then a few rounds of iterated greedy: again, class by class, in another order of the classes, which never
    takes more colours and often fewer (Culberson 1992).

    Parameters
    ----------
    rows, columns
        The non-zeros (nnz,).
    shape
        Shape of the matrix.

    Returns
    -------
    ndarray
        Colour of each column (n_columns,), int64, from 0. Columns without non-zeros have colour 0.
    """
    of_column: list[list[int]] = [[] for _ in range(shape[1])]
    for row, column in zip(np.asarray(rows).tolist(), np.asarray(columns).tolist(), strict=True):
        of_column[column].append(row)
    least = int(np.bincount(rows).max()) if len(rows) else 0  # the columns of the fullest row differ
    best = _greedy(of_column, shape[0], np.arange(shape[1]))
    for attempt in range(_ROUNDS):
        if best.max(initial=-1) + 1 <= max(least, 1):
            break
        rank = np.arange(best.max() + 1)[::-1]
        if attempt % 2:
            rank = np.random.default_rng(attempt).permutation(rank)
        best = _greedy(of_column, shape[0], np.argsort(rank[best], kind="stable"))
    return best


def _greedy(of_column: list[list[int]], n_rows: int, order: np.ndarray) -> np.ndarray:
    colours = np.zeros(len(of_column), dtype=np.int64)
    used = [0] * n_rows  # bit set of the colours met in each row
    for column in order.tolist():
        taken = 0
        for row in of_column[column]:
            taken |= used[row]
        free = ~taken & (taken + 1)  # the lowest bit that isn't taken
        for row in of_column[column]:
            used[row] |= free
        colours[column] = free.bit_length() - 1
    return colours
