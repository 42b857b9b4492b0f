"""What a network is to a model: named weights, and an expansion into graph operations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from ..graph import Expression
from ..stored import Stored

__all__ = ["Network"]


class Network(Stored):
    """Base of all network specifications: frozen, JSON-serialisable, engine-independent.

    A specification has `inputs` and `outputs` (feature counts), names its weights, draws their initial values and
    expands into graph operations.
    """

    family: ClassVar[str] = "network"
    acts_on: ClassVar[str] = "points"
    """`points`: each point's features by themselves. `grid`: whole fields, see `unideq.nn.GridNetwork`."""
    inputs: int
    outputs: int

    def weight_shapes(self) -> dict[str, tuple[int, ...]]:
        """Weight name (`layer_1.weight`, …) → shape."""
        raise NotImplementedError

    def fixed_weights(self) -> frozenset[str]:
        """Names of the weights that are drawn and stored but that training leaves as they are; none by default."""
        return frozenset()

    def draw(self, generator: np.random.Generator) -> dict[str, np.ndarray]:
        """Initial weights, by name."""
        raise NotImplementedError

    def expand(self, weights: Mapping[str, Expression], x: Expression) -> Expression:
        """The output (…, outputs) for input (…, inputs); on grids (…, outputs, *space) for (…, inputs, *space)."""
        raise NotImplementedError

    @property
    def size(self) -> int:
        """Number of weights."""
        return sum(int(np.prod(shape)) for shape in self.weight_shapes().values())
