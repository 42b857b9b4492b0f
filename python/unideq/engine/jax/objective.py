"""A `LossProgram` as one JAX function: (θ, data) → total, (terms, whether a solve failed)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from ...objective.program import LossProgram
from .integrate import READ, Data
from .lowering import lower
from .programs import program_of

__all__ = ["make_objective"]

Loss = Callable[[jax.Array, Data], tuple[jax.Array, tuple[jax.Array, jax.Array]]]


def make_objective(objective: LossProgram, forward_mode: bool = False) -> Loss:
    """`loss(theta (P,), data) -> total, (terms (T,), failed)`; total and terms are NaN where a solve failed."""
    functions = [program_of(s).make(s, forward_mode) for s in objective.sources]
    terms_of = lower(objective.loss)
    names, read = objective.terms, [source.reads for source in objective.sources]

    def loss(theta: jax.Array, data: Data) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
        arrays: dict[str, Any] = {"theta": theta}
        failed = jnp.asarray(False)
        for function, reads, values in zip(functions, read, data["sources"], strict=True):
            given = {READ: {name: arrays[name] for name in reads}} if reads else {}
            made, broken = function(theta, {**values, **given})
            arrays.update(made)
            failed = failed | broken
        found = terms_of(arrays)
        terms = jnp.where(failed, jnp.nan, jnp.stack([found[name] for name in names]))
        return jnp.sum(data["weights"] * terms), (terms, failed)

    return loss
