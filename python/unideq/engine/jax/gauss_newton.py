"""Gauss–Newton with Levenberg–Marquardt damping, one seed at a time: a turn is one Jacobian and one iteration."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax
from jax.scipy.linalg import cho_factor, cho_solve

from ...objective.program import LossProgram
from ...optimise.gauss_newton import GaussNewtonState
from .residual_rows import make_jacobian, make_residuals

__all__ = ["GaussNewton"]

TRIALS = 30
"""Steps tried with one Jacobian, each with more damping than the last."""
FLOOR = 1e-15
"""Least damping, as a fraction of the Gram matrix' largest diagonal entry: below it Cholesky may fail."""
RESOLVED = 1e-15
"""A promised decrease below this fraction of the total is a rounding error."""
LEAST = 1 / 3
"""Most that a good step takes from the damping."""
PROBE = 0.1
"""Fraction of the step at which its curvature is measured."""
BLOCKS = 4
"""Of rows, that a Gram matrix is made in."""
SMALL = 128
"""Gram matrices up to this size are made in one block."""

State = GaussNewtonState[jax.Array]
Arrays = dict[str, jax.Array]
Solve = Callable[[Array], Array]


class GaussNewton:
    """Turns of Gauss–Newton steps on the total |R|² = Σ weight · mean of squares, damped after Nielsen (1999).

    A step is δ₁ + δ₂: (JᵀJ + μI) δ₁ = −JᵀR, and the second-order correction along the geodesic (Transtrum & Sethna
    2012, arXiv:1201.5885, section 4), (JᵀJ + μI) δ₂ = −½ Jᵀ R″, R″ = ∂²R/∂t² (θ + tδ₁) by differences. δ₂ is left out
    where the total is lower without. A rejected step costs one Cholesky factorisation and three evaluations of R.
    """

    def __init__(self, objective: LossProgram, phase: Any) -> None:
        self.residuals = make_residuals(objective)
        self.jacobian = make_jacobian(objective)
        self.damping = phase.damping
        self.tolerance = phase.tolerance

    def turn(self, state: State, data: Mapping[str, Any]) -> tuple[Arrays, Arrays, jax.Array]:
        """One turn of one seed: new state, what to log, and whether an iteration is complete (always)."""
        theta, weights = state["theta"], data["objective"]["weights"]
        pairs = self.jacobian(theta, data["objective"])
        terms = _terms([r for r, _ in pairs])
        r = _weighted([r for r, _ in pairs], weights)
        j = _weighted([j for _, j in pairs], weights)
        finite = jnp.isfinite(jnp.sum(terms)) & jnp.all(jnp.isfinite(j))
        r, j = jnp.where(finite, r, 0.0), jnp.where(data["free"] & finite, j, 0.0)
        total, slope = jnp.dot(r, r), r @ j
        largest = jnp.max(jnp.sum(j**2, axis=0))

        def trial(at: Array) -> tuple[Array, Array]:
            found = _weighted(self.residuals(at, data["objective"]), weights)
            reached = jnp.dot(found, found)
            return found, jnp.where(jnp.isnan(reached), jnp.inf, reached)

        def attempt(carry: Arrays) -> Arrays:
            damping = jnp.maximum(carry["damping"], FLOOR * largest)
            solve = solver(damping)
            first = -solve(r)
            probe, _ = trial(theta + PROBE * first)
            bend = (2.0 / PROBE) * ((probe - r) / PROBE - j @ first)
            both = first - 0.5 * solve(bend)
            (_, total_first), (_, total_both) = trial(theta + first), trial(theta + both)
            corrected = total_both < total_first
            new = jnp.where(corrected, total_both, total_first)
            promised = damping * jnp.dot(first, first) - jnp.dot(first, slope)
            gain = (total - new) / promised
            good = (new < total) & (promised > 0)
            hopeless = promised <= RESOLVED * total  # false where the factorisation failed
            return {
                "step": jnp.where(good, jnp.where(corrected, both, first), 0.0),
                "total": jnp.where(good, new, total),
                "damping": damping
                * jnp.where(good, jnp.clip(1.0 - (2.0 * gain - 1.0) ** 3, LEAST, 2.0), carry["growth"]),
                "growth": jnp.where(good, 2.0, 2.0 * carry["growth"]),
                "used": jnp.where(good, damping, 0.0),
                "arrived": good,
                "lost": ~good & (hopeless | (carry["tries"] + 1 >= TRIALS)),
                "tries": carry["tries"] + 1,
            }

        flat = 2.0 * jnp.max(jnp.abs(slope)) < self.tolerance
        solver = _solver(j)
        start = {
            "step": jnp.zeros_like(theta),
            "total": total,
            "damping": jnp.where(state["damping"] > 0, state["damping"], self.damping * largest),
            "growth": state["growth"],
            "used": jnp.zeros_like(total),
            "arrived": jnp.asarray(False),
            "lost": flat | ~finite,
            "tries": jnp.asarray(0),
        }
        end = lax.while_loop(lambda carry: ~carry["arrived"] & ~carry["lost"], attempt, start)
        new_theta = theta + end["step"]
        better = finite & (end["total"] < state["best_total"])
        new = {
            "theta": new_theta,
            "damping": end["damping"],
            "growth": end["growth"],
            "iteration": state["iteration"] + 1,
            "finished": jnp.where(finite, jnp.where(end["lost"], 1, 0), 2),
            "best_total": jnp.where(better, end["total"], state["best_total"]),
            "best_theta": jnp.where(better, new_theta, state["best_theta"]),
        }
        log = {
            "total": jnp.sum(weights * terms),
            "terms": terms,
            "gradient_norm": jnp.where(finite, 2.0 * jnp.sqrt(jnp.dot(slope, slope)), jnp.nan),
            "learning_rate": end["used"],
            "rejected": ~end["arrived"],
        }
        return new, log, jnp.asarray(True)


def _terms(rows: list[Array]) -> Array:
    return jnp.stack([jnp.sum(r**2) / len(r) for r in rows])


def _weighted(rows: list[Array], weights: Array) -> Array:
    """All rows under one another, (N,) or (N, P), times √(weight / points) of their terms."""
    return jnp.concatenate(
        [(jnp.sqrt(w / len(x)) * x).reshape(-1, *x.shape[2:]) for w, x in zip(weights, rows, strict=True)]
    )


def _solver(j: Array) -> Callable[[Any], Solve]:
    """`μ -> (r -> (JᵀJ + μI)⁻¹ Jᵀ r)`, in the smaller dimension of J: it is Jᵀ (JJᵀ + μI)⁻¹ r, too."""
    rows, columns = j.shape
    dual = rows < columns
    gram = _gram(j if dual else lax.optimization_barrier(j.T))

    def solver(damping: Array) -> Solve:
        factor = cho_factor(gram + damping * jnp.eye(len(gram)), lower=True)
        return lambda r: cho_solve(factor, r) @ j if dual else cho_solve(factor, r @ j)

    return solver


def _gram(a: Array) -> Array:
    """The lower triangle of a aᵀ, in blocks: XLA has no product for symmetric results."""
    size = len(a)
    edges = [size * i // BLOCKS for i in range(BLOCKS + 1)] if size > SMALL else [0, size]
    parts = [a[low:high] @ a[:high].T for low, high in itertools.pairwise(edges)]
    return jnp.concatenate([jnp.pad(part, ((0, 0), (0, size - part.shape[1]))) for part in parts])
