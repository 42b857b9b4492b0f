"""The residual vector of an objective and its Jacobian: what least-squares methods take instead of a gradient."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from ...objective.program import LossProgram, Pointwise
from .lowering import lower

__all__ = ["make_jacobian", "make_residuals"]

FEW = 4
"""Up to so many parameters for every residual of a point, forward mode is cheaper than reverse mode."""

Rows = Callable[[jax.Array, Any], list[Any]]


def make_residuals(objective: LossProgram) -> Rows:
    """`(theta, data) -> r`: the residuals of every term (M, k), unweighted."""
    return _rows(objective, lambda flat, theta: flat(theta))


def make_jacobian(objective: LossProgram) -> Rows:
    """`(theta, data) -> (r, J)`: the residuals of every term (M, k) and their derivatives in θ (M, k, P)."""

    def both(flat: Callable[[jax.Array], jax.Array], theta: jax.Array) -> tuple[jax.Array, jax.Array]:
        values = jax.eval_shape(flat, theta)
        derivative = jax.jacfwd if theta.size <= FEW * values.size else jax.jacrev

        def twice(one: jax.Array) -> tuple[jax.Array, jax.Array]:
            found = flat(one)
            return found, found

        jacobian, found = derivative(twice, has_aux=True)(theta)
        return found, jacobian

    return _rows(objective, both)


def _rows(objective: LossProgram, of: Callable[[Callable[[jax.Array], jax.Array], jax.Array], Any]) -> Rows:
    """What `of(residuals of a point as a function of θ, θ)` makes at every point, one array or pair a term.

    The residuals of a point lie side by side, and so do then the rows of their derivatives.
    """
    squares = objective.mean_squares()
    assert squares is not None  # see `check_residual_terms`
    sources = {one.place: (one.source, lower(one.source.graph)) for one in squares}

    def rows(theta: jax.Array, data: Any) -> list[Any]:
        found: dict[str, Any] = {}
        for place, (source, run) in sources.items():

            def at_point(point: Any, source: Pointwise = source, run: Any = run) -> Any:
                def flat(one: jax.Array) -> jax.Array:
                    values = run({"theta": one, **point})
                    return jnp.concatenate([values[key].reshape(-1) for key in source.graph.outputs])

                return of(flat, theta)

            made = jax.vmap(at_point)(data["sources"][place])
            start = 0
            for key, output in source.graph.outputs.items():
                part = slice(start, start + output.size)
                found[f"{source.name}.{key}"] = jax.tree.map(lambda x, part=part: x[:, part], made)
                start += output.size
        return [found[objective.residuals[term]] for term in objective.terms]

    return rows
