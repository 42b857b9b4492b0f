"""The steady state that a trajectory begins at, in JAX; see `unideq.engine.steady`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from ..steady import ATTEMPTS, FIRST, MOST, NEAR, REACHED

__all__ = ["steady_state"]


def steady_state(slope: Callable[[Any], Any], guess: Any) -> Any:
    """The root of `slope` that the system comes to from a guess (n,); NaN where it comes to none.

    Derivatives in what `slope` reads are those of the implicit function theorem.
    """
    size = jnp.where(guess == 0.0, 1.0, jnp.abs(guess))

    def search(slope: Any, guess: Any) -> Any:
        first = slope(guess)
        inverse = jnp.max(jnp.abs(first) / size) / FIRST

        def unfinished(at: Any) -> Any:
            return (at[4] < ATTEMPTS) & ~at[5]

        def step(at: Any) -> Any:
            u, rate, inverse, newton, count, _ = at
            matrix = jnp.where(newton, 0.0, inverse) * jnp.eye(len(u)) - jax.jacfwd(slope)(u)
            move = jnp.linalg.solve(matrix, rate)
            change = jnp.max(jnp.abs(move) / jnp.maximum(jnp.abs(u), size))
            moved = slope(u + move)
            good = (change <= MOST) & jnp.all(jnp.isfinite(moved))
            slower = jnp.where(newton, inverse, 4.0 * inverse)
            return (
                jnp.where(good, u + move, u),
                jnp.where(good, moved, rate),
                jnp.where(good, inverse / jnp.where(change < FIRST, 10.0, 2.0), slower),
                good & (change <= NEAR),
                count + 1,
                good & newton & (change <= REACHED),
            )

        found = lax.while_loop(unfinished, step, (guess, first, inverse, jnp.asarray(False), 0, jnp.asarray(False)))
        return jnp.where(found[5], found[0], jnp.nan)

    def solved(linear: Any, right: Any) -> Any:
        return jnp.linalg.solve(jax.jacfwd(linear)(jnp.zeros_like(right)), right)

    return lax.custom_root(slope, lax.stop_gradient(guess), search, solved)
