"""Convolutions on grids as products of matrices: what XLA's CPU backend computes fast in float64.

XLA's own convolution has no fast float64 code on CPUs. Measured for a residual network of 26 channels and 8 blocks on
48 points, kernel 3, a batch of 16 (`vmap`): CPU time of forward and gradient on one thread of a busy machine

    columns (the shifted fields), then one product            2.0 ms     7.1 ms    this module
    the same, its periodic ends padded, not rolled            2.1 ms     8.3 ms
    one product, then shifted sums                            1.9 ms    12.7 ms
    the same with a batch axis on the kernel's gradient       1.6 ms    10.2 ms

and by the clock `lax.conv_general_dilated` took 13 and 148 ms where padded columns took 2.1 and 9.7 ms. A reverse rule
of our own (`custom_vjp`) took 2.9 ms where padded columns took 4.5 (8 plain layers, by the clock, a quieter machine),
but it would forbid forward mode. In 2-D (4 layers of 16 channels, 32 × 32 points, kernel 3 × 3, a batch of 4) columns
with a batch axis on the kernel took 5 and 19 ms, XLA's convolution 36 and 160 ms. Columns along one axis, one product
and shifted sums along the other keep a fifth of the numbers for kernels of 5 × 5: a gradient of 7 layers of 16
channels, 64 × 64 points, a batch of 16, takes 0.83 s where columns take 3.4 s, in float32 0.45 and 2.8 (both within a
loop, on a busy machine).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

import jax.numpy as jnp
from jax import Array, lax

__all__ = ["by_taps", "convolution", "convolution_kernel", "outside_loops", "seen_along", "summed_along"]

_outside: ContextVar[bool] = ContextVar("outside", default=False)


@contextmanager
def outside_loops() -> Iterator[None]:
    """What is traced within is in no loop of the compiled code: XLA's convolution of float32 is the fastest there.

    Within a loop it takes 20 times as long. Measured: a training step of 7 layers of 16 channels, 5 × 5, on 64 × 64
    points, a batch of 16, float32: 0.18 s; in a loop 4.1 s, with columns 0.46 s.
    """
    token = _outside.set(True)
    try:
        yield
    finally:
        _outside.reset(token)


def convolution(x: Array, kernel: Array, boundary: tuple[str, ...]) -> Array:
    """y[o, i] = Σ_c Σ_j K[o, c, j] x[c, i + j − r]; see `unideq.graph.operations.convolution`."""
    x, kernel = jnp.asarray(x), jnp.asarray(kernel)
    if x.dtype == jnp.float32 and _outside.get():
        return _by_xla(x, kernel, boundary)
    if kernel.ndim == 4 or kernel.shape[0] < kernel.shape[1]:  # repeated for every tap is then the smaller output
        return _axis_by_axis(x, kernel, boundary)
    return _shift_then_multiply(x, kernel, boundary)


def _by_xla(x: Array, kernel: Array, boundary: tuple[str, ...]) -> Array:
    """XLA's own, channels last, where it has fast code."""
    dims = kernel.ndim - 2
    lead, space = x.shape[: -dims - 1], tuple(range(1, dims + 1))
    seen = jnp.moveaxis(x.reshape(-1, *x.shape[-dims - 1 :]), 1, -1)
    for axis, rule, size in zip(space, boundary, kernel.shape[2:], strict=True):
        widths = [(size // 2,) * 2 if a == axis else (0, 0) for a in range(dims + 2)]
        seen = jnp.pad(seen, widths, mode="wrap" if rule == "periodic" else "constant")
    letters = "XY"[:dims]
    form = (f"N{letters}C", f"{letters}IO", f"N{letters}C")
    weights = jnp.moveaxis(kernel, (0, 1), (-1, -2))
    made = lax.conv_general_dilated(seen, weights, (1,) * dims, "VALID", dimension_numbers=form)
    return jnp.moveaxis(made, -1, 1).reshape(*lead, kernel.shape[0], *x.shape[-dims:])


def _axis_by_axis(x: Array, kernel: Array, boundary: tuple[str, ...]) -> Array:
    """What each point sees along the first axis of two, one product, and shifted sums along the last."""
    dims = kernel.ndim - 2
    lead, space = x.shape[: -dims - 1], x.shape[-dims:]
    seen, matrix = seen_along(x, kernel, boundary, len(lead)), by_taps(kernel)
    product = (matrix @ seen.reshape(*lead, matrix.shape[1], -1)).reshape(*lead, -1, len(kernel), *space)
    parts = [lax.index_in_dim(product, j, len(lead), keepdims=False) for j in range(kernel.shape[-1])]
    return summed_along(parts, kernel, boundary)


def seen_along(x: Array, kernel: Array, boundary: tuple[str, ...], axis: int) -> Array:
    """The field shifted by each of the kernel's points along the first axis of two, joined along the channels'."""
    *rows, columns = size = kernel.shape[2:]
    taps = itertools.product(*map(range, rows), (columns // 2,))
    return jnp.concatenate([_shift(x, tap, size, boundary) for tap in taps], axis=axis)


def by_taps(kernel: Array) -> Array:
    """The kernel as a matrix (points along the last axis · outputs, points along the first of two · inputs)."""
    outputs, inputs, *_, columns = kernel.shape
    return kernel.reshape(outputs, inputs, -1, columns).transpose(3, 0, 2, 1).reshape(columns * outputs, -1)


def summed_along(parts: Sequence[Array], kernel: Array, boundary: tuple[str, ...]) -> Array:
    """The sum over the kernel's points along the last axis, each part shifted by its own."""
    *rows, _ = size = kernel.shape[2:]
    moved = [_shift(part, (*(k // 2 for k in rows), j), size, boundary) for j, part in enumerate(parts)]
    return sum(moved[1:], moved[0])


def _shift_then_multiply(x: Array, kernel: Array, boundary: tuple[str, ...]) -> Array:
    outputs, _, *size = kernel.shape
    seen = _columns(x, tuple(size), boundary)
    matrix = jnp.moveaxis(kernel, 1, -1).reshape(outputs, -1)
    return (matrix @ seen).reshape(*x.shape[: -len(size) - 1], outputs, *x.shape[-len(size) :])


def convolution_kernel(x: Array, y: Array, size: tuple[int, ...], boundary: tuple[str, ...]) -> Array:
    """K[o, c, j] = Σ_lead Σ_i y[o, i] x[c, i + j − r]."""
    x, y = jnp.asarray(x), jnp.asarray(y)
    dims = len(size)
    inputs, outputs = x.shape[-dims - 1], y.shape[-dims - 1]
    seen = _columns(x, size, boundary)
    flat = y.reshape(*y.shape[: -dims - 1], outputs, -1)
    summed = tuple(a for a in range(seen.ndim) if a != seen.ndim - 2)
    product = jnp.tensordot(flat, seen, axes=(summed, summed))
    return jnp.moveaxis(product.reshape(outputs, *size, inputs), -1, 1)


def _columns(x: Array, size: tuple[int, ...], boundary: tuple[str, ...]) -> Array:
    """What each point sees, (*lead, taps · C, points)."""
    dims = len(size)
    taps = itertools.product(*(range(k) for k in size))
    parts = [_shift(x, tap, size, boundary) for tap in taps]
    joined = jnp.concatenate(parts, axis=x.ndim - dims - 1)
    return joined.reshape(*joined.shape[:-dims], math.prod(joined.shape[-dims:]))


def _shift(x: Array, tap: tuple[int, ...], size: Sequence[int], boundary: tuple[str, ...]) -> Array:
    """x[…, i + j − r] at every point i, for the tap j."""
    for axis, offset, rule in _moves(x.ndim, tap, size, boundary):
        if rule == "periodic":
            x = jnp.roll(x, -offset, axis=axis)
        else:
            widths = [(0, 0, 0)] * x.ndim
            widths[axis] = (-offset, offset, 0)  # a negative width cuts off
            x = lax.pad(x, jnp.zeros((), x.dtype), widths)
    return x


def _moves(
    ndim: int, tap: tuple[int, ...], size: Sequence[int], boundary: tuple[str, ...]
) -> Iterator[tuple[int, int, str]]:
    for axis, (j, k, rule) in enumerate(zip(tap, size, boundary, strict=True), ndim - len(tap)):
        if j != k // 2:
            yield axis, j - k // 2, rule
