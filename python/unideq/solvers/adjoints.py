"""How gradients go through a solver, by name."""

from __future__ import annotations

__all__ = ["ADJOINTS"]

_BOTH = ("jax", "julia")

ADJOINTS: dict[str, tuple[str, ...]] = {
    "auto": _BOTH,
    "checkpointed": ("jax",),
    "direct": ("jax",),
    "backsolve": _BOTH,
    "discrete": ("julia",),
    "gauss": ("julia",),
    "interpolating": ("julia",),
    "quadrature": ("julia",),
    "forward": ("julia",),
}
"""Adjoint name → engines; `auto` is an engine's own default."""
