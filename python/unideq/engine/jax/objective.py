"""An `Objective` as one JAX function: (θ, data) → total, (terms, whether a solve failed)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ...graph import Graph
from ...objective.program import Integration, Objective, Pointwise, Source
from .integrate import Data, integration_data, make_integration
from .lowering import lower

__all__ = ["graph_key", "make_objective", "objective_data", "objective_key", "source_key"]

Loss = Callable[[jax.Array, Data], tuple[jax.Array, tuple[jax.Array, jax.Array]]]


def graph_key(graph: Graph) -> tuple:
    """Equal for equal graphs: expressions are hash-consed, and the key keeps them alive."""
    return graph.inputs, tuple(graph.outputs.items())


def source_key(source: Source) -> tuple:
    """Equal for sources that differ in their data only."""
    if isinstance(source, Integration):
        graphs = tuple(graph_key(g) for g in (source.vector_field, source.initial, source.observe))
        return "integration", source.name, graphs, source.solver, np.shape(source.times)
    points = tuple(sorted((name, np.shape(values)) for name, values in source.points.items()))
    return "pointwise", source.name, graph_key(source.graph), points


def objective_key(objective: Objective) -> tuple:
    """Equal for objectives that differ in data and weights only: those share compiled code."""
    return tuple(source_key(s) for s in objective.sources), graph_key(objective.loss)


def objective_data(objective: Objective) -> Data:
    """Times, points and weights: the arguments of the compiled function that aren't θ."""
    sources = []
    for source in objective.sources:
        if isinstance(source, Integration):
            sources.append(integration_data(source))
        else:
            sources.append({name: np.asarray(values, float) for name, values in source.points.items()})
    weights = np.array([float(objective.weights.get(name, 1.0)) for name in objective.terms])
    return {"sources": sources, "weights": weights}


def _make_pointwise(source: Pointwise) -> Callable[[jax.Array, Data], dict[str, jax.Array]]:
    run = lower(source.graph)

    def at_points(theta: jax.Array, points: Data) -> dict[str, jax.Array]:
        values = jax.vmap(lambda point: run({"theta": theta, **point}))(points)
        return {f"{source.name}.{key}": value for key, value in values.items()}

    return at_points


def make_objective(objective: Objective, forward_mode: bool = False) -> Loss:
    """`loss(theta (P,), data) -> total, (terms (T,), failed)`; total and terms are NaN where a solve failed."""
    functions = [
        make_integration(s, forward_mode) if isinstance(s, Integration) else _make_pointwise(s) for s in objective.sources
    ]
    integrations = [isinstance(s, Integration) for s in objective.sources]
    terms_of = lower(objective.loss)
    names = objective.terms

    def loss(theta: jax.Array, data: Data) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
        arrays: dict[str, Any] = {"theta": theta}
        failed = jnp.asarray(False)
        for function, solves, values in zip(functions, integrations, data["sources"], strict=True):
            if solves:
                made, status, _ = function(theta, values)
                failed = failed | jnp.any(status != 0)
            else:
                made = function(theta, values)
            arrays.update(made)
        found = terms_of(arrays)
        terms = jnp.where(failed, jnp.nan, jnp.stack([found[name] for name in names]))
        return jnp.sum(data["weights"] * terms), (terms, failed)

    return loss
