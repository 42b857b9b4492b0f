"""BFGS and L-BFGS, one seed at a time: a turn is one evaluation of the loss, an iteration one or more turns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

import jax
import jax.numpy as jnp
from jax import Array

from ...optimise.quasi_newton import QuasiNewtonState
from ...optimise.state import flat, grouped
from . import line_search
from .curvature import DenseCurvature, LimitedCurvature

__all__ = ["QuasiNewton"]

State = QuasiNewtonState[jax.Array]
Arrays = dict[str, jax.Array]


class QuasiNewton:
    """Turns of a quasi-Newton method. The first turn only evaluates the start.

    A search that finds no decrease forgets the curvature, once: the next one goes down the gradient. If that one fails
    too, the seed has finished: converged as far as the values resolve it, or given up if trials weren't finite.
    """

    def __init__(self, evaluate: Callable[..., Any], phase: Any, curvature: DenseCurvature | LimitedCurvature) -> None:
        self.evaluate = evaluate
        self.curvature = curvature
        self.tolerance = phase.tolerance
        self.longest = phase.line_search

    def turn(self, state: Arrays, data: Mapping[str, Any]) -> tuple[Arrays, Arrays, jax.Array]:
        """One turn of one seed: new state, what to log, and whether an iteration is complete."""
        new, log, completed = self._turn(cast("State", grouped(state)), data)
        return flat(new), log, completed

    def _turn(self, state: State, data: Mapping[str, Any]) -> tuple[State, Arrays, jax.Array]:
        known, free, direction = state["known"], data["free"], state["direction"]
        trial = state["theta"] + state["search"]["step"] * direction
        total, terms, gradient, failed = self.evaluate(trial, data["objective"])
        finite = jnp.isfinite(total) & jnp.all(jnp.isfinite(gradient)) & ~failed
        gradient = jnp.where(free & finite, gradient, 0.0)
        better = finite & (total < state["best_total"])

        search, done, found, chosen = line_search.advance(
            state["search"], state["total"], total, terms, gradient, jnp.dot(gradient, direction), finite, self.longest
        )
        arrived, lost, here = known & done & found, known & done & ~found, ~known
        step = jnp.where(arrived, chosen[0], 0.0)
        theta = jnp.where(arrived, state["theta"] + step * direction, state["theta"])

        def at(evaluated: Array, accepted: Array, old: Array) -> Array:
            return jnp.where(here, evaluated, jnp.where(arrived, accepted, old))

        new_total = at(total, chosen[1], state["total"])
        new_terms = at(terms, chosen[2], state["terms"])
        new_gradient = at(gradient, chosen[3], state["gradient"])
        without_curvature = state["memory"]["pairs"] == 0
        # The direction being −H g, the model's curvature along the step s is sᵀBs = −step · sᵀg.
        modelled = -(step**2) * state["search"]["slope"]
        memory: Any = state["memory"]  # of the kind that the curvature has
        memory = self.curvature.update(
            memory, step * direction, new_gradient - state["gradient"], modelled, arrived, lost
        )

        flat = jnp.max(jnp.abs(new_gradient)) < self.tolerance
        nowhere = lost & without_curvature
        finished = jnp.where((here | arrived) & flat, 1, jnp.where(nowhere, jnp.where(search["broken"], 2, 1), 0))
        finished = jnp.where(here & ~finite, 2, finished)

        next_direction, slope, first = self._aim(memory, new_gradient)
        begun = line_search.begin(new_total, new_gradient, new_terms, slope, first)
        turned = here | arrived | lost
        new: State = {
            "theta": theta,
            "known": jnp.asarray(True),
            "total": new_total,
            "terms": new_terms,
            "gradient": new_gradient,
            "direction": jnp.where(turned, next_direction, direction),
            "memory": memory,
            "search": jax.tree.map(lambda fresh, going: jnp.where(turned, fresh, going), begun, search),
            "iteration": state["iteration"] + (arrived | lost),
            "finished": finished,
            "best_total": jnp.where(better, total, state["best_total"]),
            "best_theta": jnp.where(better, trial, state["best_theta"]),
        }
        log = {
            "total": state["total"],
            "terms": state["terms"],
            "gradient_norm": jnp.sqrt(jnp.sum(state["gradient"] ** 2)),
            "learning_rate": step,
            "rejected": lost,
        }
        return new, log, arrived | lost

    def _aim(self, memory: Any, gradient: Array) -> tuple[Array, Array, Array]:
        """Direction, its slope, and the first step to try."""
        direction = self.curvature.direction(memory, gradient)
        slope = jnp.dot(gradient, direction)
        norm = jnp.sqrt(jnp.dot(gradient, gradient))
        downhill = slope < -1e-14 * norm * jnp.sqrt(jnp.dot(direction, direction))
        direction = jnp.where(downhill, direction, -gradient)
        # Without curvature the gradient's length says nothing about distance: move by one at most.
        plain = ~downhill | (memory["pairs"] == 0)
        first = jnp.where(plain, jnp.minimum(1.0, 1.0 / jnp.maximum(norm, 1e-300)), 1.0)
        return direction, jnp.where(downhill, slope, -(norm**2)), first
