"""The rules by which terms' weights follow their gradients; the same as in `julia/src/minimise/balance.jl`.

A rule is `(weights (T,), gradients (B, P), iteration, data) -> weights (T,)`; the neural tangent kernel's gets θ in
place of the gradients. A weight for which a rule finds no finite value stays as it was.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax

from ...graph import Graph
from ...objective.program import Balancing, LossProgram
from ..term_roles import Roles, residual_of
from .lowering import lower

__all__ = ["make_rule"]

DEPENDENT = 1e-12
"""ConFIG: eigenvalues of the cosines' matrix below this fraction of the largest are dependence between gradients."""
OPPOSED = 1e-8
"""ConFIG: below this square of its length the common direction is rounding: the gradients leave none."""
POINTS_AT_ONCE = 64
"""Neural tangent kernel: points whose gradients are in memory together."""

Rule = Callable[..., Any]


def make_rule(objective: LossProgram, balancing: Balancing, roles: Roles) -> Rule:
    """The rule for this objective."""
    if balancing.rule == "annealing":
        return _annealing(balancing, roles)
    if balancing.rule == "gradient_norm":
        return _equal(roles, _norms)
    if balancing.rule == "ntk":
        return _equal(roles, make_traces(objective, roles))
    return _projection(roles, _config if balancing.rule == "config" else _pcgrad)


def _moved(roles: Roles, weights: Array, wanted: Array, rate: Array) -> Array:
    """λ ← (1 − α) λ + α λ̂ for the moving terms, where λ̂ (B,) is a finite, positive number."""
    places = roles.balanced_at[roles.moving_at]
    hat, old = wanted[roles.moving_at], weights[places]
    usable = jnp.isfinite(hat) & (hat > 0)
    new = (1 - rate) * old + rate * jnp.where(usable, hat, 0.0)
    return weights.at[places].set(jnp.where(usable, new, old))


def _annealing(balancing: Balancing, roles: Roles) -> Rule:
    """λ̂ᵢ = max |∇ Σ λ_r L_r| / mean |∇ λᵢLᵢ| (arXiv:2001.04536, algorithm 2.1); of groups of entries the largest."""
    reference = jnp.asarray([float(name in balancing.reference) for name in roles.balanced])

    def rule(weights: Array, gradients: Array, iteration: Array, data: Any) -> Array:
        counted = jnp.where(data["free"], data["counted"], 0.0)  # (G, P)
        own = weights[roles.balanced_at]
        measure = jnp.max(jnp.where(counted > 0, jnp.abs((own * reference) @ gradients), 0.0), axis=1)
        mean = jnp.abs(gradients) @ counted.T / jnp.sum(counted, axis=1)  # (B, G)
        if balancing.denominator == "weighted":
            mean = jnp.abs(own)[:, None] * mean
        ratio = measure / mean
        return _moved(roles, weights, jnp.max(jnp.where(jnp.isfinite(ratio), ratio, 0.0), axis=1), data["rate"])

    return rule


def _norms(gradients: Array, data: Any) -> Array:
    """‖∇Lᵢ‖ over what counts (B,)."""
    return jnp.sqrt(jnp.sum(jnp.where(_counts(data), gradients, 0.0) ** 2, axis=1))


def _counts(data: Any) -> Array:
    """(P,) bool: what statistics look at."""
    return jnp.any(data["counted"] > 0, axis=0)


def _equal(roles: Roles, sizes: Rule) -> Rule:
    """λ̂ᵢ = Σⱼ sizeⱼ / sizeᵢ."""

    def rule(weights: Array, given: Any, iteration: Array, data: Any) -> Array:
        found = sizes(given, data)
        return _moved(roles, weights, jnp.sum(found) / found, data["rate"])

    return rule


def make_traces(objective: LossProgram, roles: Roles) -> Rule:
    """`(theta, data) -> tr Kᵢ (B,)`: the mean over a term's points of ‖∂r/∂θ‖² over what counts and may move."""
    each = [_trace(objective, name) for name in roles.balanced]

    def traces(theta: jax.Array, data: Any) -> jax.Array:
        among = data["free"] & _counts(data)
        return jnp.stack([trace(theta, data["objective"]["sources"], among) for trace in each])

    return traces


def _trace(objective: LossProgram, term: str) -> Rule:
    found = residual_of(objective, term)
    index, graph, key = found.place, found.source.graph, found.output
    run = lower(Graph(graph.inputs, {key: graph.outputs[key]}))

    def trace(theta: jax.Array, sources: Any, among: Array) -> jax.Array:
        def at_point(point: Any) -> jax.Array:
            residual, pull = jax.vjp(lambda one: jnp.ravel(run({"theta": one, **point})[key]), theta)
            (rows,) = jax.vmap(pull)(jnp.eye(len(residual)))
            return jnp.sum(jnp.where(among, rows, 0.0) ** 2)

        return jnp.mean(lax.map(at_point, sources[index], batch_size=POINTS_AT_ONCE))

    return trace


def _projection(roles: Roles, combine: Callable[[Array, Array], Array]) -> Rule:
    """Weights c wᵢ, where `combine` makes Σ cᵢ gᵢ of the gradients gᵢ = wᵢ∇Lᵢ at the objective's weights."""

    def rule(weights: Array, gradients: Array, iteration: Array, data: Any) -> Array:
        base = data["base"][roles.balanced_at]
        own = base[:, None] * gradients
        found = base * combine(own @ own.T, iteration)
        usable = jnp.all(jnp.isfinite(found))
        return weights.at[roles.balanced_at].set(jnp.where(usable, found, base))

    return rule


def _config(gram: Array, iteration: Array) -> Array:
    """Coefficients of (Σᵢ gᵢ·u) u, where u has equal cosines with all gᵢ (arXiv:2408.11104, equations 2–4).

    u is Ĝ⁺1 made one long, Ĝ the matrix of unit gradients: Ĝᵀ(ĜĜᵀ)⁺1, by the T×T matrix of cosines. A zero gradient
    has no say; its coefficient is 1.
    """
    norms = jnp.sqrt(jnp.diagonal(gram))
    there = norms > 0
    inverse = jnp.where(there, 1.0 / jnp.where(there, norms, 1.0), 0.0)
    values, vectors = jnp.linalg.eigh(inverse[:, None] * gram * inverse)
    kept = values > DEPENDENT * values[-1]
    inverted = jnp.where(kept, 1.0 / jnp.where(kept, values, 1.0), 0.0)
    share = vectors @ (inverted * (vectors.T @ there.astype(float)))
    square = jnp.sum(jnp.where(there, share, 0.0))  # ‖v‖² = 1ᵀ(ĜĜᵀ)⁺1
    length = jnp.sum(gram @ (share * inverse)) / jnp.where(square > OPPOSED, square, 1.0)
    return jnp.where(there, jnp.where(square > OPPOSED, length, 0.0) * share * inverse, 1.0)


def _pcgrad(gram: Array, iteration: Array) -> Array:
    """Coefficients of Σᵢ gᵢ', each gᵢ freed of what conflicts with the others (arXiv:2001.06782, algorithm 1).

    The others come in cyclic order, first the one that is 1 + iteration mod (T − 1) places behind: over T − 1
    iterations each leads once. (The paper draws the order.)
    """
    count = len(gram)
    rows = []
    for i in range(count):
        row = jnp.zeros(count).at[i].set(1.0)
        for k in range(count - 1):
            j = (i + 1 + (iteration + k) % (count - 1)) % count
            along = row @ gram[:, j]
            conflict = (along < 0) & (gram[j, j] > 0)
            row = row.at[j].add(jnp.where(conflict, -along / jnp.where(conflict, gram[j, j], 1.0), 0.0))
        rows.append(row)
    return sum(rows[1:], rows[0])
