"""The embedded engine: graphs compiled by JAX (XLA), integrated by diffrax, minimised in compiled loops.

Every program computes in float64, under a configuration of its own (`configuration`): JAX's switches stay as they are.
"""

from __future__ import annotations

from .engine import JaxEngine

__all__ = ["JaxEngine", "make"]


def make() -> JaxEngine:
    """Start the engine."""
    return JaxEngine()
