"""The peer of the unrolled gradient: a corrected Kuramoto–Sivashinsky step as practised users of JAX would write it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from _steps import SLOPE, Exponential, low_modes, resnet_weights

jax.config.update("jax_enable_x64", True)

__all__ = ["CONVOLUTIONS", "unrolled_gradient"]


def library(x: Any, kernel: Any) -> Any:
    """(batch, channels, points), as equinox's and flax's layers do it."""
    ring = jnp.concatenate([x[..., -1:], x, x[..., :1]], axis=-1)
    return jax.lax.conv_general_dilated(ring, kernel, (1,), "VALID", dimension_numbers=("NCH", "OIH", "NCH"))


def columns(x: Any, kernel: Any) -> Any:
    """(batch, channels, points): what each point sees, then one product."""
    seen = jnp.concatenate([jnp.roll(x, 1, -1), x, jnp.roll(x, -1, -1)], axis=1)
    return jnp.einsum("oc,bcn->bon", jnp.moveaxis(kernel, 2, 1).reshape(len(kernel), -1), seen)


def shifted_products(x: Any, kernel: Any) -> Any:
    """(channels, batch, points): one product for the three taps, then shifts."""
    taps = jnp.moveaxis(kernel, 2, 0).reshape(-1, len(x))
    left, middle, right = (taps @ x.reshape(len(x), -1)).reshape(3, -1, *x.shape[1:])
    return jnp.roll(left, 1, -1) + middle + jnp.roll(right, -1, -1)


CONVOLUTIONS: dict[str, tuple[Callable[[Any, Any], Any], int]] = {
    "lax.conv": (library, 1),
    "columns": (columns, 1),
    "shifted products": (shifted_products, 0),
}
"""Name → convolution, and its axis of channels; the batch is on the other of the first two."""


def unrolled_gradient(
    way: str, points: int, length: float, dt: float, steps: int, channels: int, blocks: int
) -> Callable[..., Any]:
    """`(theta, starts (B, n), numbers (B, 1), targets (steps, B, n)) -> loss, gradient`, compiled."""
    convolve, axis = CONVOLUTIONS[way]
    k = 2 * np.pi / length * np.arange(points // 2 + 1)
    scheme = Exponential.of(k**2 - k**4, dt)
    whole, half, stage, first, middle, last = (
        getattr(scheme, name)[:, 0] for name in ("whole", "half", "stage", "first", "middle", "last")
    )
    kept = low_modes(points)
    slope = -0.5j * k * kept

    def nonlinear(spectrum: Any) -> Any:
        v = jnp.fft.irfft(kept * spectrum, points)
        return slope * jnp.fft.rfft(v * v)

    def solver(u: Any) -> Any:
        s = jnp.fft.rfft(u)
        n0 = nonlinear(s)
        a = half * s + stage * n0
        na = nonlinear(a)
        nb = nonlinear(half * s + stage * na)
        c = half * a + stage * (2 * nb - n0)
        return jnp.fft.irfft(whole * s + first * n0 + middle * (na + nb) + last * nonlinear(c), points)

    def layers(theta: Any) -> list[tuple[Any, Any]]:
        found, at = [], 0
        for inputs, outputs in resnet_weights(channels, blocks):
            size = 3 * inputs * outputs
            kernel = theta[at : at + size].reshape(outputs, inputs, 3)
            bias = theta[at + size : at + size + outputs]
            found.append((kernel, bias.reshape((-1, 1, 1) if axis == 0 else (-1, 1))))
            at += size + outputs
        return found

    def active(x: Any) -> Any:
        return jnp.where(x > 0, x, SLOPE * x)

    def network(weights: Any, u: Any, number: Any) -> Any:
        def layer(i: int, x: Any) -> Any:
            return convolve(x, weights[i][0]) + weights[i][1]

        x = layer(0, jnp.stack([u, jnp.broadcast_to(number, u.shape)], axis=axis))
        for i in range(1, 2 * blocks, 2):
            x = active(x + layer(i + 1, active(layer(i, x))))
        return jnp.squeeze(layer(-1, x), axis)

    def loss(theta: Any, start: Any, number: Any, target: Any) -> Any:
        weights = layers(theta)

        def step(u: Any, _: Any) -> Any:
            new = solver(u) + dt * network(weights, u, number)
            return new, new

        states = jax.lax.scan(step, start, None, length=steps)[1]
        return jnp.mean((states - target) ** 2)

    return jax.jit(jax.value_and_grad(loss))
