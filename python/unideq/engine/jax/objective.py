"""An `Objective` as one JAX function: (θ, data) → total, (terms, whether a solve failed)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ...objective.program import Integration, Objective, Source
from .integrate import Data, integration_data, make_integration
from .lowering import lower

__all__ = ["make_objective", "source_data"]

Loss = Callable[[jax.Array, Data], tuple[jax.Array, tuple[jax.Array, jax.Array]]]


def source_data(objective: Objective) -> list[Data]:
    """Times and points: what compiled functions take besides θ and the weights."""
    return [
        integration_data(s)
        if isinstance(s, Integration)
        else {name: np.asarray(values, float) for name, values in s.points.items()}
        for s in objective.sources
    ]


def _make_source(source: Source, forward_mode: bool) -> Callable[[jax.Array, Data], tuple[dict[str, jax.Array], Any]]:
    """`(theta, data) -> arrays, whether a solve failed`."""
    if isinstance(source, Integration):
        solve = make_integration(source, forward_mode)

        def integrated(theta: jax.Array, data: Data) -> tuple[dict[str, jax.Array], Any]:
            arrays, status, _ = solve(theta, data)
            return arrays, jnp.any(status != 0)

        return integrated
    run = lower(source.graph)

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
