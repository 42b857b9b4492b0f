"""An `Objective` as one JAX function: (θ, data) → total, (terms, whether a solve failed)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ...graph import factored
from ...objective.program import Given, Integration, Objective, Rollout, Source
from .integrate import Data, integration_data, make_integration
from .lowering import lower
from .rollout import make_rollout, rollout_data

__all__ = ["make_objective", "source_data"]

Loss = Callable[[jax.Array, Data], tuple[jax.Array, tuple[jax.Array, jax.Array]]]


def source_data(objective: Objective) -> list[Data]:
    """States, times, points, targets: what compiled functions take besides θ and the weights."""
    return [_data(source) for source in objective.sources]


def _data(source: Source) -> Data:
    if isinstance(source, Integration):
        return integration_data(source)
    if isinstance(source, Rollout):
        return rollout_data(source)
    arrays = source.arrays if isinstance(source, Given) else source.points
    return {name: np.asarray(values, float) for name, values in arrays.items()}


def _make_source(source: Source, forward_mode: bool) -> Callable[[jax.Array, Data], tuple[dict[str, jax.Array], Any]]:
    """`(theta, data) -> arrays, whether a solve failed`."""
    if isinstance(source, (Integration, Rollout)):
        solve = make_rollout(source) if isinstance(source, Rollout) else make_integration(source, forward_mode)

        def solved(theta: jax.Array, data: Data) -> tuple[dict[str, jax.Array], Any]:
            arrays, status, _ = solve(theta, data)
            return arrays, jnp.any(status != 0)

        return solved
    if isinstance(source, Given):
        return lambda theta, arrays: ({f"{source.name}.{key}": value for key, value in arrays.items()}, False)
    run = lower(factored(source.graph))

    def at_points(theta: jax.Array, points: Data) -> tuple[dict[str, jax.Array], Any]:
        values = jax.vmap(lambda point: run({"theta": theta, **point}))(points)
        return {f"{source.name}.{key}": value for key, value in values.items()}, False

    return at_points


def make_objective(objective: Objective, forward_mode: bool = False) -> Loss:
    """`loss(theta (P,), data) -> total, (terms (T,), failed)`; total and terms are NaN where a solve failed."""
    functions = [_make_source(s, forward_mode) for s in objective.sources]
    terms_of = lower(objective.loss)
    names = objective.terms

    def loss(theta: jax.Array, data: Data) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
        arrays: dict[str, Any] = {"theta": theta}
        failed = jnp.asarray(False)
        for function, values in zip(functions, data["sources"], strict=True):
            made, broken = function(theta, values)
            arrays.update(made)
            failed = failed | broken
        found = terms_of(arrays)
        terms = jnp.where(failed, jnp.nan, jnp.stack([found[name] for name in names]))
        return jnp.sum(data["weights"] * terms), (terms, failed)

    return loss
