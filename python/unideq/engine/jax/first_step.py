"""The first step of an adaptive solve, from the size of the state, its slope and its curvature."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
from jax import lax

__all__ = ["first_step", "rms"]


def rms(x: Any) -> Any:
    """Root mean square over the last axis."""
    return jnp.sqrt(jnp.mean(x * x, axis=-1))


def first_step(slope: Callable[[Any, Any], Any], t: Any, u: Any, k: Any, rtol: Any, atol: Any, order: Any) -> Any:
    """Hairer, Nørsett & Wanner, Solving ODEs I (1993), section II.4, starting step size.

    diffrax 0.7 has the same rule but never gets to it (it takes 0.01 whatever the unit of time), so it stands here.

    Parameters
    ----------
    slope
        `(t (…), u (…, n)) -> du (…, n)`.
    t, u, k
        Start times (…), states (…, n), and the slopes there.
    rtol, atol, order
        Tolerances, and the method's order.

    Returns
    -------
    Array (…), in time units; a constant to differentiation.
    """
    scale = atol + jnp.abs(u) * rtol
    d0, d1 = rms(u / scale), rms(k / scale)
    tiny = (d0 < 1e-5) | (d1 < 1e-5)
    h0 = jnp.where(tiny, 1e-6, 0.01 * d0 / jnp.where(tiny, 1.0, d1))
    other = slope(t + h0, u + h0[..., None] * k)
    most = jnp.maximum(d1, rms((other - k) / scale) / h0)
    h1 = jnp.where(most <= 1e-15, jnp.maximum(1e-6, h0 * 1e-3), (0.01 / jnp.maximum(most, 1e-15)) ** (1 / order))
    return lax.stop_gradient(jnp.minimum(100 * h0, h1))
