"""The embedded engine: graphs compiled by JAX (XLA), integrated by diffrax, minimised in compiled loops.

Importing it switches JAX to float64 (`jax_enable_x64`): every program of Unideq computes in double precision.
"""

from __future__ import annotations

import jax

jax.config.update("jax_enable_x64", True)

from .engine import JaxEngine  # noqa: E402

__all__ = ["JaxEngine", "make"]


def make() -> JaxEngine:
    """Start the engine."""
    return JaxEngine()
