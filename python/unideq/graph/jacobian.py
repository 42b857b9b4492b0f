"""Sparse analytic Jacobians as graphs: one directional derivative a colour of the sparsity pattern."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .derivative import pullback, pushforward
from .expression import Expression, apply, constant
from .graph import Graph
from .sparsity import chosen_output, colour, sparsity

__all__ = ["Jacobian", "jacobian"]


@dataclass(frozen=True, eq=False)
class Jacobian:
    """The matrix ∂output/∂wrt of a graph, both flattened in C order; structural zeros aren't stored.

    Attributes
    ----------
    graph
        Same inputs as the differentiated graph; one output, `values` (nnz,): the non-zeros, sorted by row, then column.
    rows, columns
        Where they stand, int64 (nnz,).
    shape
        (output size, input size).
    colours
        Colour of each column, int64 (input size,): columns of one colour share no row.
    """

    graph: Graph
    rows: np.ndarray
    columns: np.ndarray
    shape: tuple[int, int]
    colours: np.ndarray

    @property
    def n_colours(self) -> int:
        """Number of directional derivatives that the matrix takes."""
        return int(self.colours[self.columns].max(initial=-1)) + 1

    def dense(self, values: np.ndarray) -> np.ndarray:
        """The full matrix from its non-zeros: (…, nnz) → (…, *shape)."""
        values = np.asarray(values, dtype=float)
        matrix = np.zeros((*values.shape[:-1], *self.shape))
        matrix[..., self.rows, self.columns] = values
        return matrix


def jacobian(graph: Graph, wrt: str, output: str | None = None) -> Jacobian:
    """The sparse Jacobian of one output by one input.

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
    Jacobian
        Its graph shares the primal computation between all colours. Where rows need fewer colours than columns
        (a scalar output, say), it is built in reverse mode.
    """
    source, target = graph.input(wrt), chosen_output(graph, output)
    rows, columns = sparsity(graph, wrt, output)
    shape = (target.size, source.size)
    colours = colour(rows, columns, shape)
    by_row = colour(columns, rows, shape[::-1])
    if by_row.max(initial=0) < colours.max(initial=0):
        values = _reverse(target, source, rows, columns, by_row)
    else:
        values = _forward(target, source, rows, columns, colours)
    return Jacobian(Graph(graph.inputs, {"values": values}), rows, columns, shape, colours)


def _forward(
    target: Expression, source: Expression, rows: np.ndarray, columns: np.ndarray, colours: np.ndarray
) -> Expression:
    products = [
        pushforward([target], {source: constant(seed.reshape(source.shape))})[0] for seed in _seeds(colours, columns)
    ]
    return _picked(products, colours[columns], rows)


def _reverse(
    target: Expression, source: Expression, rows: np.ndarray, columns: np.ndarray, colours: np.ndarray
) -> Expression:
    products = [
        pullback([target], [constant(seed.reshape(target.shape))], [source])[0] for seed in _seeds(colours, rows)
    ]
    return _picked(products, colours[rows], columns)


def _seeds(colours: np.ndarray, used: np.ndarray) -> list[np.ndarray]:
    """One 0/1 direction a colour; lines without non-zeros stay out."""
    alive = np.zeros(len(colours), dtype=bool)
    alive[used] = True
    count = int(colours[alive].max(initial=-1)) + 1
    return [np.where(alive & (colours == c), 1.0, 0.0) for c in range(count)]


def _picked(products: list[Expression], which: np.ndarray, place: np.ndarray) -> Expression:
    """Element `place[k]` of product `which[k]`, for each k."""
    if not products:
        return constant(np.zeros(0))
    flat = [apply("reshape", p, shape=(p.size,)) for p in products]
    everything = apply("concatenate", *flat, axis=0)
    return apply("gather", everything, indices=which * flat[0].size + place, axis=0)
