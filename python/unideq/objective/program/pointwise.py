"""`Pointwise`: values at points."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ...graph import Graph, batched
from .source import Source

__all__ = ["Pointwise"]


@dataclass(frozen=True)
class Pointwise(Source):
    """A graph evaluated at M points.

    Attributes
    ----------
    name
        Prefix of the arrays it makes: `NAME.OUTPUT`, shape (M, *output shape).
    graph
        Inputs are `theta` (P,) and the keys of `data`.
    data
        Input name → array (M, *input shape).
    """

    name: str
    graph: Graph
    data: Mapping[str, np.ndarray]

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        return {f"{self.name}.{key}": (self.count, *e.shape) for key, e in self.graph.outputs.items()}

    @property
    def graphs(self) -> tuple[Graph, ...]:
        return (self.graph,)

    @property
    def count(self) -> int:
        """Number M of points."""
        return len(next(iter(self.data.values())))

    def laid_out(self) -> Graph:
        return batched(self.graph, list(self.data), self.count)
