"""`Source`: what every program that makes arrays for a loss says of itself."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Mapping

import numpy as np

from ...graph import Graph

__all__ = ["Source", "graph_key", "shapes_key", "theta_size"]


class Source(ABC):
    """Base of all programs that make arrays, `NAME.OUTPUT`, for the loss of a `LossProgram`; frozen dataclasses.

    A kind of program is a subclass in a file of its own, and an entry in each engine's table of programs
    (`unideq.engine.jax.programs`, `unideq.engine.julia.programs`).

    Attributes
    ----------
    name
        Prefix of the arrays that it makes.
    data
        Input name → array: what a batch may replace, by arrays of the same names and shapes; empty where nothing.
    precision
        What it computes in; kinds that can choose have it as a field.
    """

    name: str
    data: Mapping[str, np.ndarray]
    precision: str = "float64"

    @property
    @abstractmethod
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Array name → shape, as the loss graph sees them."""

    @property
    def graphs(self) -> tuple[Graph, ...]:
        """The graphs that make the arrays; none where they are given."""
        return ()

    @property
    def reads(self) -> tuple[str, ...]:
        """Arrays of earlier sources that its graphs read, in order; those of a loss are chained so."""
        return ()

    @property
    def settings(self) -> Hashable:
        """What besides graphs and the data's shapes decides the compiled code."""
        return ()

    @property
    def key(self) -> tuple[Hashable, ...]:
        """Equal for sources that differ in their numbers only: those share compiled code."""
        graphs = tuple(map(graph_key, self.graphs))
        return type(self).__name__, self.name, graphs, self.settings, shapes_key(self.data)

    @property
    def parameters(self) -> int:
        """Length of θ; 0 where no graph reads it."""
        return theta_size(self.graphs)

    def laid_out(self) -> Graph | None:
        """One graph of all arrays, by output, in `theta` and the data; None where they come from a solve."""
        return None


def theta_size(graphs: tuple[Graph, ...]) -> int:
    """Length of θ, as the first graph that reads it says; 0 where none does."""
    return next((graph.input("theta").size for graph in graphs if "theta" in graph.input_names), 0)


def graph_key(graph: Graph) -> tuple[Hashable, ...]:
    """Equal for equal graphs: expressions are hash-consed, and the key keeps them alive."""
    return graph.inputs, tuple(graph.outputs.items())


def shapes_key(arrays: Mapping[str, np.ndarray]) -> tuple[Hashable, ...]:
    """Equal for arrays of the same names and shapes."""
    return tuple(sorted((name, np.shape(values)) for name, values in arrays.items()))
