"""Real Fourier transforms: spectra are pairs (real, imaginary) in the graph and complex arrays within XLA.

The conversions are elementwise, so XLA fuses them with the arithmetic around a transform.
"""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from jax import lax

__all__ = ["irfft", "rfft"]


def rfft(x: Any, dims: int) -> Any:
    """(*lead, *space) → (*lead, *half, 2)."""
    spectrum = jnp.fft.rfftn(x, axes=tuple(range(-dims, 0)))
    return jnp.stack([spectrum.real, spectrum.imag], axis=-1)


def irfft(x: Any, shape: tuple[int, ...]) -> Any:
    """(*lead, *half, 2) → (*lead, *shape)."""
    x = jnp.asarray(x)
    return jnp.fft.irfftn(lax.complex(x[..., 0], x[..., 1]), s=shape, axes=tuple(range(-len(shape), 0)))
