"""Values with gradients: of the total, and of every term on its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from ...objective.program import LossProgram
from ..term_roles import Roles
from .term_gradients import make_term_gradients

__all__ = ["value_and_gradient_of", "value_and_gradients_of_terms"]


def value_and_gradient_of(loss: Callable[..., Any]) -> Callable[..., Any]:
    """`(theta, data) -> total, terms (T,), gradient (P,), failed`; the gradient is NaN where a solve failed."""
    both = jax.value_and_grad(loss, has_aux=True)

    def run(theta: jax.Array, data: Any) -> Any:
        (total, (terms, failed)), gradient = both(theta, data)
        return total, terms, jnp.where(failed, jnp.nan, gradient), failed

    return run


def value_and_gradients_of_terms(objective: LossProgram) -> Callable[..., Any]:
    """`(theta, data) -> total, terms (T,), gradients (T, P), failed`; terms pass the sources that they read alone."""
    every = objective.terms
    gradients_of = make_term_gradients(objective, Roles(every, every, (), ()))

    def run(theta: jax.Array, data: Any) -> Any:
        terms, gradients, _, failed = gradients_of(theta, data, data["weights"])
        return jnp.sum(data["weights"] * terms), terms, gradients, failed

    return run
