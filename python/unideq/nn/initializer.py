"""Initial weights by their standard names.

They are drawn from a seeded NumPy generator, so that all engines start from the same bits.
"""

from __future__ import annotations

import math

import numpy as np

from ..errors import unknown

__all__ = ["INITIALIZERS", "draw_weight"]

# name -> (gain, which fan divides it, distribution); variance = gain / fan
# (Glorot & Bengio 2010, He et al. 2015, LeCun et al. 1998)
_VARIANCE = {
    "glorot_uniform": (1.0, "average", "uniform"),
    "glorot_normal": (1.0, "average", "normal"),
    "he_uniform": (2.0, "in", "uniform"),
    "he_normal": (2.0, "in", "normal"),
    "lecun_uniform": (1.0, "in", "uniform"),
    "lecun_normal": (1.0, "in", "normal"),
}
INITIALIZERS = (*_VARIANCE, "orthogonal", "zeros")


def draw_weight(name: str, shape: tuple[int, ...], generator: np.random.Generator, scale: float = 1.0) -> np.ndarray:
    """A weight matrix (out, in) or the kernel of a convolution (out, in, *size), times `scale`.

    A kernel's fans count its taps: each output sums in·size inputs, each input goes into out·size outputs.
    """
    if name not in INITIALIZERS:
        raise unknown("initializer", name, INITIALIZERS)
    taps = math.prod(shape[2:])
    fan_out, fan_in = shape[0] * taps, shape[1] * taps
    if name == "zeros":
        return np.zeros(shape)
    if name == "orthogonal":
        rows, columns = shape[0], fan_in
        q, r = np.linalg.qr(generator.normal(size=(max(rows, columns), min(rows, columns))))
        q = q * np.sign(np.diag(r))
        return scale * (q if rows >= columns else q.T).reshape(shape)
    gain, fan, distribution = _VARIANCE[name]
    deviation = np.sqrt(gain / (fan_in if fan == "in" else 0.5 * (fan_in + fan_out)))
    if distribution == "normal":
        return scale * deviation * generator.normal(size=shape)
    return scale * deviation * np.sqrt(3.0) * generator.uniform(-1.0, 1.0, size=shape)
