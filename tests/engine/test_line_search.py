"""The line search of the JAX engine by itself, turn by turn."""

from __future__ import annotations

import jax.numpy as jnp
import pytest

from unideq.engine.jax.line_search import advance, begin

pytestmark = pytest.mark.usefixtures("double_precision")


def test_a_line_search_stops_at_wolfes_conditions():
    """φ(α) = (α − 3)² from φ(0) = 9 with first trial 0.2: expands, then finds a point with a small enough slope."""
    search = begin(jnp.asarray(9.0), jnp.zeros(1), jnp.zeros(1), jnp.asarray(-6.0), jnp.asarray(0.2))
    for _ in range(20):
        a = search["step"]
        value, slope = (a - 3.0) ** 2, 2 * (a - 3.0)
        search, done, found, chosen = advance(
            search, jnp.asarray(9.0), value, jnp.zeros(1), jnp.zeros(1), slope, jnp.asarray(True), 20
        )
        if done:
            break
    assert found
    assert abs(2 * (float(chosen[0]) - 3.0)) <= 0.9 * 6.0
    assert float(chosen[1]) <= 9.0 - 1e-4 * 6.0 * float(chosen[0])
    assert int(search["turns"]) <= 2


# ---- optax as witness ---------------------------------------------------------------------------------------------
