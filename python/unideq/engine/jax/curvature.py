"""What quasi-Newton methods remember of the curvature: a dense inverse Hessian, or the last pairs of differences."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax

from ...optimise.quasi_newton import Dense, Limited
from .self_scaling import SELF_SCALED, self_scaled_terms

__all__ = ["DenseCurvature", "LimitedCurvature"]

Full = Dense[jax.Array]
Few = Limited[jax.Array]


def _usable(s: Array, y: Array) -> Array:
    """Whether a pair shows positive curvature, well above rounding."""
    return jnp.dot(s, y) > 1e-10 * jnp.sqrt(jnp.dot(s, s) * jnp.dot(y, y))


def _inverse(value: Array, wanted: Array) -> Array:
    return jnp.where(wanted, 1.0 / jnp.where(wanted, value, 1.0), 0.0)


class DenseCurvature:
    """Inverse Hessian H (P, P), updated by Nocedal & Wright, equation 6.17, scaled before the first update (6.20).

    With another rule of `self_scaling` in place of `update="bfgs"`, H is scaled before every update.
    """

    def __init__(self, update: str = "bfgs") -> None:
        self._factors = None if update == "bfgs" else SELF_SCALED[update]

    def direction(self, memory: Full, gradient: Array) -> Array:
        return -memory["inverse_hessian"] @ gradient

    def update(self, memory: Full, s: Array, y: Array, modelled: Array, take: Array, reset: Array) -> Full:
        """Take the pair (s, y) where `take`; forget everything where `reset`. `modelled` is sᵀBs with B = H⁻¹."""
        take = take & _usable(s, y)
        if self._factors is None:
            return self._plain(memory, s, y, take, reset)
        # One affine pass over H serves all cases: H ← a H + b I + rank three.
        h, used = memory["inverse_hessian"], take & ~reset
        hy = h @ y
        rho = _inverse(jnp.dot(s, y), used)
        tau, phi = self._factors(rho * jnp.dot(y, hy), rho * modelled, memory["pairs"] == 0, len(s))
        tau, phi = jnp.where(used, tau, 1.0), jnp.where(used, phi, 0.0)
        taken, sign, more, new = (jnp.where(used, x, 0.0) for x in self_scaled_terms(tau, phi, rho, s, hy, y))
        a = jnp.where(reset, 0.0, 1.0 / tau)
        b = jnp.where(reset, 1.0, 0.0)
        rank_three = jnp.outer(new, new) - jnp.outer(taken, taken) + sign * jnp.outer(more, more)
        return {
            "inverse_hessian": a * h + b * jnp.eye(len(s)) + rank_three,
            "pairs": jnp.where(reset, 0, memory["pairs"] + take),
        }

    @staticmethod
    def _plain(memory: Full, s: Array, y: Array, take: Array, reset: Array) -> Full:
        # One affine pass over H serves all cases: H ← a H + b I + rank two.
        fresh = memory["pairs"] == 0
        scale = jnp.dot(s, y) * _inverse(jnp.dot(y, y), take)
        a = jnp.where(reset, 0.0, jnp.where(take & fresh, 0.0, 1.0))
        b = jnp.where(reset, 1.0, jnp.where(take & fresh, scale, 0.0))
        h = memory["inverse_hessian"]
        hy = a * (h @ y) + b * y
        rho = _inverse(jnp.dot(s, y), take & ~reset)
        outer = rho * (1.0 + rho * jnp.dot(y, hy)) * s - rho * hy
        new = a * h + b * jnp.eye(len(s)) + jnp.outer(s, outer) - rho * jnp.outer(hy, s)
        return {"inverse_hessian": new, "pairs": jnp.where(reset, 0, memory["pairs"] + take)}


class LimitedCurvature:
    """The last `size` pairs (s, y); direction by the two-loop recursion (Nocedal & Wright, algorithm 7.4)."""

    def direction(self, memory: Few, gradient: Array) -> Array:
        # Newest pair last; pairs not there yet have rho = 0 and do nothing.
        rows = (memory["s"], memory["y"], memory["rho"])

        def down(q: Array, row: tuple[Array, ...]) -> tuple[Array, Any]:
            s, y, rho = row
            alpha = rho * jnp.dot(s, q)
            return q - alpha * y, alpha

        def up(r: Array, row: tuple[Array, ...]) -> tuple[Array, Any]:
            s, y, rho, alpha = row
            return r + (alpha - rho * jnp.dot(y, r)) * s, None

        q, alphas = lax.scan(down, gradient, rows, reverse=True)
        s, y = memory["s"][-1], memory["y"][-1]
        some = memory["pairs"] > 0
        gamma = jnp.where(some, jnp.dot(s, y) * _inverse(jnp.dot(y, y), some), 1.0)
        r, _ = lax.scan(up, gamma * q, (*rows, alphas))
        return -r

    def update(self, memory: Few, s: Array, y: Array, modelled: Array, take: Array, reset: Array) -> Few:
        """Take the pair (s, y) where `take`; forget everything where `reset`. `modelled` isn't needed here."""
        take = take & _usable(s, y) & ~reset
        rho = _inverse(jnp.dot(s, y), take)

        def with_newest(old: jax.Array, value: Array) -> jax.Array:
            shifted = jnp.concatenate([old[1:], jnp.asarray(value)[None]])
            return jnp.where(reset, jnp.zeros_like(old), jnp.where(take, shifted, old))

        return {
            "s": with_newest(memory["s"], s),
            "y": with_newest(memory["y"], y),
            "rho": with_newest(memory["rho"], rho),
            "pairs": jnp.where(reset, 0, memory["pairs"] + take),
        }
