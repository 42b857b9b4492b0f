"""Values with gradients: of the total, and of every term on its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

__all__ = ["value_and_gradient_of", "value_and_gradients_of_terms"]


def value_and_gradient_of(loss: Callable[..., Any]) -> Callable[..., Any]:
    """`(theta, data) -> total, terms (T,), gradient (P,), failed`; the gradient is NaN where a solve failed."""
    both = jax.value_and_grad(loss, has_aux=True)

    def run(theta: jax.Array, data: Any) -> Any:
        (total, (terms, failed)), gradient = both(theta, data)
        return total, terms, jnp.where(failed, jnp.nan, gradient), failed

    return run


def value_and_gradients_of_terms(loss: Callable[..., Any]) -> Callable[..., Any]:
    """`(theta, data) -> total, terms (T,), gradients (T, P), failed`: one forward pass, one backward pass a term."""

    def run(theta: jax.Array, data: Any) -> Any:
        def terms_of(one: jax.Array) -> Any:
            total, (terms, failed) = loss(one, data)
            return terms, (total, failed)

        terms, pull, (total, failed) = jax.vjp(terms_of, theta, has_aux=True)
        (gradients,) = jax.vmap(pull)(jnp.eye(len(terms)))
        return total, terms, jnp.where(failed, jnp.nan, gradients), failed

    return run
