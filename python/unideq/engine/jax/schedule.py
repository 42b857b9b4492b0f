"""Learning-rate schedules as functions of the iteration counter of a phase; they mirror `unideq.training.phase`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax.numpy as jnp

__all__ = ["make_schedule"]

Rate = Callable[[Any, Any], Any]


def _exponential(s: Mapping[str, Any]) -> Rate:
    return lambda i, total: s["learning_rate"] * s["rate"] ** (i / s.get("every", 1))


def _half_cosine(top: float, final: float, done: Any) -> Any:
    fraction = jnp.clip(done, 0.0, 1.0)
    return top * (final + (1.0 - final) * 0.5 * (1.0 + jnp.cos(jnp.pi * fraction)))


def _cosine(s: Mapping[str, Any]) -> Rate:
    return lambda i, total: _half_cosine(s["learning_rate"], s.get("final", 0.01), i / jnp.maximum(total - 1, 1))


def _piecewise(s: Mapping[str, Any]) -> Rate:
    boundaries, factors = jnp.asarray(s["boundaries"], float), jnp.asarray(s["factors"], float)
    return lambda i, total: s["learning_rate"] * jnp.prod(jnp.where(i >= boundaries, factors, 1.0))


def _warmup(s: Mapping[str, Any]) -> Rate:
    top, rise, final = s["learning_rate"], s["iterations"], s.get("final", 0.01)

    def rate(i: Any, total: Any) -> Any:
        # The first update already moves: the rise goes through (i + 1) / (rise + 1).
        rising = top * (i + 1) / (rise + 1)
        return jnp.where(i < rise, rising, _half_cosine(top, final, (i - rise) / jnp.maximum(total - 1 - rise, 1)))

    return rate


_SCHEDULES: dict[str, Callable[[Mapping[str, Any]], Rate]] = {
    "ExponentialDecay": _exponential,
    "CosineDecay": _cosine,
    "PiecewiseConstant": _piecewise,
    "Warmup": _warmup,
}


def make_schedule(learning_rate: Any) -> Rate:
    """`(iteration, iterations of the phase) -> learning rate`, from a number or a schedule's settings."""
    if not isinstance(learning_rate, Mapping):
        return lambda i, total: jnp.asarray(learning_rate, float) + 0.0 * i
    return _SCHEDULES[learning_rate["schedule"]](learning_rate)
