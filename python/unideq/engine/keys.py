"""What compiled programs are told apart by: graphs and settings, without the data. Engine-independent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from ..graph import Graph
from ..objective.program import Given, Integration, Objective, Rollout, Source

__all__ = ["graph_key", "objective_key", "shapes_key", "source_key", "term_weights"]


def graph_key(graph: Graph) -> tuple:
    """Equal for equal graphs: expressions are hash-consed, and the key keeps them alive."""
    return graph.inputs, tuple(graph.outputs.items())


def source_key(source: Source) -> tuple:
    """Equal for sources that differ in their data only."""
    if isinstance(source, Integration):
        graphs = tuple(graph_key(g) for g in (source.vector_field, source.initial, source.observe))
        return "integration", source.name, graphs, replace(source.solver, dt=None), np.shape(source.times)
    if isinstance(source, Given):
        return "given", source.name, shapes_key(source.arrays)
    if isinstance(source, Rollout):
        graphs = graph_key(source.step), graph_key(source.observe)
        counts = source.steps, source.every, source.warmup
        return "rollout", source.name, graphs, counts, source.gradient, source.checkpoint, shapes_key(source.data)
    return "pointwise", source.name, graph_key(source.graph), shapes_key(source.points)


def shapes_key(arrays: Mapping[str, np.ndarray]) -> tuple:
    """Equal for arrays of the same names and shapes."""
    return tuple(sorted((name, np.shape(values)) for name, values in arrays.items()))


def objective_key(objective: Objective) -> tuple:
    """Equal for objectives that differ in data and weights only: those share compiled code."""
    return tuple(source_key(s) for s in objective.sources), graph_key(objective.loss)


def term_weights(objective: Objective) -> np.ndarray:
    """Weights in the order of the terms (T,); a term without one counts once."""
    return np.array([float(objective.weights.get(name, 1.0)) for name in objective.terms])
