"""Self-scaled members of Broyden's family: how much of the old inverse Hessian an update keeps.

The inverse Hessian H becomes (Al-Baali & Khalfan 2005, "Wide interval for efficient self-scaling quasi-Newton
algorithms", Optim. Methods Softw. 20; for physics-informed networks Urbán, Stefanou & Pons 2025, J. Comput. Phys. 523)

    H ← (H − (Hy)(Hy)ᵀ / yᵀHy + φ yᵀHy v vᵀ) / τ + ρ s sᵀ,    v = ρ s − Hy / yᵀHy,    ρ = 1 / sᵀy,

from the pair s of steps and y of gradients' differences. τ = 1 and φ = 1 is BFGS. The factors depend on
h = ρ yᵀHy and b = ρ sᵀBs, B = H⁻¹, whose product is at least 1 (Cauchy & Schwarz).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
from jax import Array

__all__ = ["SELF_SCALED", "self_scaled_terms"]

SMALLEST = 1e-14
"""Least a = b h − 1: the formulas divide by it."""


def _bfgs(h: Array, b: Array, fresh: Array, size: int) -> tuple[Array, Array]:
    """τ = min(1, 1/b) and φ = 1; the first update scales by h instead (Nocedal & Wright, equation 6.20)."""
    del size
    return jnp.where(fresh, h, jnp.minimum(1.0, 1.0 / b)), jnp.ones_like(h)


def _broyden(h: Array, b: Array, fresh: Array, size: int) -> tuple[Array, Array]:
    """τ and φ from θ, the member of the family, which lies between the ends θ⁻ and θ⁺ of a wide interval.

    θ = max(θ⁻, min(θ⁺, (1 − b)/b)): what the authors' public code calls SSBroyden2.
    """
    a = jnp.maximum(h * b - 1.0, SMALLEST)
    least = jnp.minimum(1.0, h * (1.0 - jnp.sqrt(a / (1.0 + a))))
    theta = jnp.maximum((least - 1.0) / a, jnp.minimum(1.0 / least, (1.0 - b) / b))
    sigma = 1.0 + a * theta
    # σ^(1/(1−n)) makes the scaled update keep the determinant's size.
    kept = sigma ** (1.0 / (1.0 - max(size, 2)))
    bound = jnp.minimum(1.0, 1.0 / b)
    positive = theta > 0
    small, large = jnp.minimum(bound * kept, sigma), bound * jnp.minimum(kept, 1.0 / jnp.where(positive, theta, 1.0))
    return jnp.where(fresh, h / sigma, jnp.where(positive, large, small)), (1.0 - theta) / sigma


SELF_SCALED: dict[str, Callable[[Any, Any, Any, int], tuple[Array, Array]]] = {
    "self_scaled_bfgs": _bfgs,
    "self_scaled_broyden": _broyden,
}
"""Name → (h, b, whether H is fresh, number of parameters) → (τ, φ)."""


def self_scaled_terms(
    tau: Array, phi: Array, rho: Array, s: Array, hy: Array, y: Array
) -> tuple[Array, Array, Array, Array]:
    """(u, sign, w, z) of the update H / τ − u uᵀ + sign · w wᵀ + z zᵀ.

    Written as squares it keeps H symmetric to the last bit: without that, rounding makes H lose its definiteness where
    the scale changes much.
    """
    yhy = jnp.dot(y, hy)
    taken = hy / jnp.sqrt(tau * yhy)
    more = jnp.sqrt(jnp.abs(phi) * yhy / tau) * (rho * s - hy / yhy)
    return taken, jnp.sign(phi), more, jnp.sqrt(rho) * s
