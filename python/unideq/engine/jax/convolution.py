"""Convolutions on grids as products of matrices: what XLA's CPU backend computes fast in float64.

XLA's own convolution has no fast float64 code on CPUs. Measured for 8 layers of 26 channels on 48 points, kernel 3, a
batch of 16 (`vmap`) on one busy machine with two cores, forward and gradient:

    lax.conv_general_dilated         6.7 ms    27 ms
    one product a tap, then sums     0.9 ms    5.7 ms
    columns, then one product        1.0 ms    4.5 ms
    one product, then shifted sums   0.9 ms    4.1–5.6 ms
    the last, kernel tied to x       0.9 ms    3.1–4.0 ms
    a hand-written reverse rule      1.0 ms    2.9 ms    (`custom_vjp`, which forbids forward mode)
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Any

import jax.numpy as jnp
from jax import lax

__all__ = ["convolution", "convolution_kernel"]


def convolution(x: Any, kernel: Any, boundary: tuple[str, ...]) -> Any:
    """y[o, i] = Σ_c Σ_j K[o, c, j] x[c, i + j − r]; see `unideq.graph.operations.convolution`."""
    x, kernel = jnp.asarray(x), jnp.asarray(kernel)
    kernel = _tied(kernel, x)
    # The products are wider than the smaller side by the number of taps.
    if kernel.shape[0] <= kernel.shape[1]:
        return _multiply_then_shift(x, kernel, boundary)
    return _shift_then_multiply(x, kernel, boundary)


def _tied(kernel: Any, x: Any) -> Any:
    """The kernel times 1, where the 1 depends on x for JAX though not for XLA, which removes it.

    Within `vmap` over x the kernel thereby has a batch axis, and its gradient is a product a sample and a sum over
    those. Without, it is one product that sums over samples and points, for which XLA copies both factors into another
    layout first.
    """
    return kernel * jnp.where(x.reshape(-1)[0] > 0, 1.0, 1.0) if x.size else kernel


def _multiply_then_shift(x: Any, kernel: Any, boundary: tuple[str, ...]) -> Any:
    outputs, inputs, *size = kernel.shape
    dims = len(size)
    lead, space = x.shape[: -dims - 1], x.shape[-dims:]
    matrix = jnp.moveaxis(kernel, (0, 1), (-2, -1)).reshape(-1, inputs)
    product = (matrix @ x.reshape(*lead, inputs, -1)).reshape(*lead, -1, outputs, *space)
    taps = itertools.product(*(range(k) for k in size))
    parts = [
        _shift(lax.index_in_dim(product, number, len(lead), keepdims=False), tap, size, boundary)
        for number, tap in enumerate(taps)
    ]
    return sum(parts[1:], parts[0])


def _shift_then_multiply(x: Any, kernel: Any, boundary: tuple[str, ...]) -> Any:
    outputs, _, *size = kernel.shape
    seen = _columns(x, tuple(size), boundary)
    matrix = jnp.moveaxis(kernel, 1, -1).reshape(outputs, -1)
    return (matrix @ seen).reshape(*x.shape[: -len(size) - 1], outputs, *x.shape[-len(size) :])


def convolution_kernel(x: Any, y: Any, size: tuple[int, ...], boundary: tuple[str, ...]) -> Any:
    """K[o, c, j] = Σ_lead Σ_i y[o, i] x[c, i + j − r]."""
    x, y = jnp.asarray(x), jnp.asarray(y)
    dims = len(size)
    inputs, outputs = x.shape[-dims - 1], y.shape[-dims - 1]
    seen = _columns(x, size, boundary)
    flat = y.reshape(*y.shape[: -dims - 1], outputs, -1)
    summed = tuple(a for a in range(seen.ndim) if a != seen.ndim - 2)
    product = jnp.tensordot(flat, seen, axes=(summed, summed))
    return jnp.moveaxis(product.reshape(outputs, *size, inputs), -1, 1)


def _columns(x: Any, size: tuple[int, ...], boundary: tuple[str, ...]) -> Any:
    """What each point sees, (*lead, taps · C, points)."""
    dims = len(size)
    taps = itertools.product(*(range(k) for k in size))
    parts = [_shift(x, tap, size, boundary) for tap in taps]
    joined = jnp.concatenate(parts, axis=x.ndim - dims - 1)
    return joined.reshape(*joined.shape[:-dims], math.prod(joined.shape[-dims:]))


def _shift(x: Any, tap: tuple[int, ...], size: Any, boundary: tuple[str, ...]) -> Any:
    """x[…, i + j − r] at every point i, for the tap j."""
    for axis, offset, rule in _moves(x.ndim, tap, size, boundary):
        if rule == "periodic":
            x = jnp.roll(x, -offset, axis=axis)
        else:
            widths = [(0, 0, 0)] * x.ndim
            widths[axis] = (-offset, offset, 0)  # a negative width cuts off
            x = lax.pad(x, jnp.zeros((), x.dtype), widths)
    return x


def _moves(ndim: int, tap: tuple[int, ...], size: Any, boundary: tuple[str, ...]) -> Iterator[tuple[int, int, str]]:
    for axis, (j, k, rule) in enumerate(zip(tap, size, boundary, strict=True), ndim - len(tap)):
        if j != k // 2:
            yield axis, j - k // 2, rule
