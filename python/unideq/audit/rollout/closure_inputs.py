"""What a closure sees: one row of features a place where it acts on points or patches, else one a state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...graph import Graph
from ...model import with_rows
from ...result import Fit

__all__ = ["ClosureInputs"]


@dataclass(frozen=True)
class ClosureInputs:
    """Reads the inputs of one network at states.

    Attributes
    ----------
    graph
        Inputs t, u, (c), θ; outputs the arguments.
    layout
        `pointwise`, `vector` or `grid`, as the network is called.
    radius
        Of the patches that stand for a place, where the network acts on a grid.
    dimensions
        Number of the grid's axes; patches run along these.
    """

    fit: Fit
    network: str
    graph: Graph
    layout: str
    radius: int
    dimensions: int

    @classmethod
    def of(
        cls, fit: Fit, network: str, radius: int = 2, tables: Mapping[str, Mapping[str, Any]] | None = None
    ) -> ClosureInputs:
        """For a network of a fit's model; `tables`: of forcings of a trajectory's own."""
        term = fit.model.learned[network]
        graph = with_rows(term.graph, tables or {})
        arguments = {n: e for n, e in graph.outputs.items() if n.startswith("argument_")}
        grid = getattr(fit.model, "grid", None)
        dimensions = len(grid.shape) if grid is not None else max(e.ndim for e in arguments.values())
        return cls(fit, network, Graph(graph.inputs, arguments), term.layout, radius, dimensions)

    @property
    def place_shape(self) -> tuple[int, ...]:
        """Shape of the places that have a row each: () where the network sees the whole state."""
        shapes = [e.shape for e in self.graph.outputs.values()]
        whole = np.broadcast_shapes(*shapes)
        return whole[:-1] if self.layout == "vector" else whole

    @property
    def groups(self) -> np.ndarray:
        """Which features (F,) are one quantity at several places."""
        if self.layout == "vector":
            return np.zeros(next(iter(self.graph.outputs.values())).shape[-1], dtype=int)
        per = 1 + 2 * self.radius * self.dimensions if self.layout == "grid" else 1
        return np.repeat(np.arange(len(self.graph.outputs)), per)

    def rows(self, times: np.ndarray, states: np.ndarray, c: np.ndarray | None = None) -> np.ndarray:
        """Features (M, places, F) at states (M, n) of one trajectory."""
        values: dict[str, Any] = {"t": times, "u": states, "theta": self.fit.theta[: self.fit.model.layout.size]}
        if c is not None:
            values["c"] = c
        used = {k: v for k, v in values.items() if k in self.graph.input_names}
        mapped = tuple(k for k in ("t", "u") if k in used)
        found = self.fit.engine.evaluate(self.graph, used, mapped)
        shape = (len(states), *self.place_shape)
        if self.layout == "vector":
            array = next(iter(found.values()))
            return array.reshape(len(states), -1, array.shape[-1])
        columns = []
        for array in found.values():
            if array.ndim < len(shape):  # a number a state, the same at every place
                array = array.reshape(len(states), *[1] * (len(shape) - 1))
            columns += (
                self._around(np.broadcast_to(array, shape))
                if self.layout == "grid"
                else [np.broadcast_to(array, shape)]
            )
        return np.stack(columns, axis=-1).reshape(len(states), -1, len(columns))

    def _around(self, field: np.ndarray) -> list[np.ndarray]:
        """A field and its neighbours within the radius, along the axes one after the other."""
        shifted = [field]
        for axis in range(field.ndim - self.dimensions, field.ndim):
            for offset in range(1, self.radius + 1):
                shifted += [np.roll(field, -offset, axis), np.roll(field, offset, axis)]
        return shifted
