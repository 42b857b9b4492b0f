"""A deep BSDE step as JAX programmers write it: loss and gradient in two ways, and a training loop with optax."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

jax.config.update("jax_enable_x64", True)

Weights = Mapping[str, Any]

DIFFUSION = np.sqrt(2.0)
"""Hamilton–Jacobi–Bellman: dX = √2 dW from 0, f = −|z|²/2, g = ln((1 + |x|²)/2)."""


def network(p: Weights, t: Any, x: Any, middle: Any, width: Any, size: float) -> Any:
    """z at points; x standardised, t between −√3 and √3."""
    h = jnp.concatenate([(t - 0.5) * np.sqrt(12.0) * jnp.ones_like(x[..., :1]), (x - middle) / width], axis=-1)
    for k in (1, 2):
        h = jnp.tanh(h @ p[f"layer_{k}.weight"].T + p[f"layer_{k}.bias"])
    return size * (h @ p["layer_3.weight"].T + p["layer_3.bias"])


def all_at_once(p: Weights, u0: Any, w: Any, about: Mapping[str, Any]) -> Any:
    """Networks at all times of all paths in one product."""
    steps = w.shape[1]
    x = DIFFUSION * jnp.cumsum(w, axis=1)
    before = jnp.concatenate([jnp.zeros_like(x[:, :1]), x[:, :-1]], axis=1)
    z = network(p, (jnp.arange(steps) / steps)[None, :, None], before, **about)
    y = u0 + jnp.sum(0.5 * z**2, axis=(1, 2)) / steps + jnp.sum(z * w, axis=(1, 2))
    return jnp.log(0.5 * (1.0 + jnp.sum(x[:, -1] ** 2, axis=1))) - y


def step_by_step(p: Weights, u0: Any, w: Any, about: Mapping[str, Any]) -> Any:
    """A scan over the steps."""
    steps = w.shape[1]

    def step(carry: Any, given: Any) -> Any:
        x, y = carry
        t, dw = given
        z = network(p, t, x, **about)
        return (x + DIFFUSION * dw, y + 0.5 * jnp.sum(z**2, axis=1) / steps + jnp.sum(z * dw, axis=1)), None

    start = jnp.zeros_like(w[:, 0]), jnp.full(len(w), u0)
    (x, y), _ = jax.lax.scan(step, start, (jnp.arange(steps) / steps, jnp.swapaxes(w, 0, 1)))
    return jnp.log(0.5 * (1.0 + jnp.sum(x**2, axis=1))) - y


FORMS: dict[str, Callable[..., Any]] = {"all times at once": all_at_once, "scan over steps": step_by_step}


def loss_of(form: str, about: Mapping[str, Any], spread: float) -> Callable[[Any, Any], Any]:
    """(weights and u0, w) → mean square of the mismatch over g's variance."""
    return lambda p, w: jnp.mean((FORMS[form](p["z"], p["u0"], w, about) / spread) ** 2)


def trained(form: str, about: Mapping[str, Any], spread: float, start: Any, paths: int, steps: int, dimension: int,
            rate: float, iterations: int) -> Callable[[], Any]:  # fmt: skip
    """A loop of Adam steps on paths that JAX draws; each iteration is one call of compiled code."""
    loss, optimiser = loss_of(form, about, spread), optax.adam(rate)

    @jax.jit
    def turn(p: Any, state: Any, key: Any) -> Any:
        key, own = jax.random.split(key)
        half = jax.random.normal(own, (paths // 2, steps, dimension)) / np.sqrt(steps)
        value, slope = jax.value_and_grad(loss)(p, jnp.concatenate([half, -half]))
        change, state = optimiser.update(slope, state)
        return optax.apply_updates(p, change), state, key, value

    def run() -> Any:
        p, state, key = start, optimiser.init(start), jax.random.key(0)
        for _ in range(iterations):
            p, state, key, value = turn(p, state, key)
        return float(value)

    return run
