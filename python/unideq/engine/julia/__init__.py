"""The flagship engine: graphs compiled by Julia, integrated by OrdinaryDiffEq, minimised in Julia's loops.

Importing it starts nothing; `make()` starts Julia in this process.
"""

from __future__ import annotations

from .engine import JuliaEngine

__all__ = ["JuliaEngine", "make"]


def make() -> JuliaEngine:
    """Start the engine, and Julia where it doesn't run yet."""
    return JuliaEngine()
