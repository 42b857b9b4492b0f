"""One evaluation of the loss, as optimisers that make one an iteration (Adam, SOAP) see it, balanced or not.

    found = evaluate(state, data)          # at state["theta"], with the weights of this iteration
    found.gradient, found.norm, found.good  # zero at fixed entries; its norm; whether everything is finite
    new = {..., **evaluate.weights(found)}   # with balancing, the weights that it moved

Whoever moves θ needs to know nothing of balancing beyond this.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax.numpy as jnp
from jax import Array, lax

from ...objective.program import Balancing, LossProgram
from ..term_roles import PROJECTIONS, Roles
from .derivative import value_and_gradient_of
from .objective import make_objective
from .term_gradients import make_term_gradients
from .weighting_rules import make_rule

__all__ = ["BalancedEvaluation", "Evaluated", "Evaluation", "make_evaluation"]

State = dict[str, Any]
Data = Mapping[str, Any]


class Evaluated(NamedTuple):
    """What one evaluation for one seed finds.

    `total` Σ λ·term, `terms` (T,), `gradient` (P,) of the total (zero at fixed entries), its `norm`; `good`: nothing
    failed and all is finite; `weights` λ (T,), or None where those of the objective serve.
    """

    total: Array
    terms: Array
    gradient: Array
    norm: Array
    good: Array
    weights: Array | None


class Evaluation:
    """The total and its gradient, with the weights in `data["objective"]`."""

    def __init__(self, objective: LossProgram) -> None:
        self.run = value_and_gradient_of(make_objective(objective))

    def __call__(self, state: State, data: Data) -> Evaluated:
        """Evaluate at `state["theta"]`."""
        return _evaluated(self.run(state["theta"], data["objective"]), data, None)

    def weights(self, found: Evaluated) -> State:
        """Entries of the next state that the evaluation has moved: none."""
        return {}


class BalancedEvaluation(Evaluation):
    """The same with weights λ in the state, which a rule moves.

    Rules that move them every so many iterations get the terms' gradients then, when `data["update"]`, and only then;
    the direction of such an iteration is made of the same gradients with the new weights. `data["update"]` is one for
    all seeds, computed outside their mapping: inside, a condition would run both branches.
    """

    def __init__(self, objective: LossProgram, balancing: Balancing, roles: Roles) -> None:
        super().__init__(objective)
        self.balancing = balancing
        self.rule = make_rule(objective, balancing, roles)
        self.gradients = make_term_gradients(objective, roles)
        self.at = roles.balanced_at

    def __call__(self, state: State, data: Data) -> Evaluated:
        """Evaluate at `state["theta"]` with the weights of this iteration."""
        theta, old, rule = state["theta"], state["weights"], self.balancing.rule

        def ordinary(weights: Array) -> tuple[Array, ...]:
            return (*self.run(theta, {**data["objective"], "weights": weights}), weights)

        def combined(weights: Array) -> tuple[Array, ...]:
            terms, gradients, rest, failed = self.gradients(theta, data["objective"], weights)
            new = self.rule(weights, jnp.where(data["free"], gradients, 0.0), state["iteration"], data)
            total = jnp.where(failed, jnp.nan, jnp.sum(new * terms))
            return total, terms, new[self.at] @ gradients + rest, failed, new

        def traced(weights: Array) -> tuple[Array, ...]:
            return ordinary(self.rule(weights, theta, state["iteration"], data))

        if rule in PROJECTIONS:
            found = combined(old)
        else:
            found = lax.cond(data["update"], traced if rule == "ntk" else combined, ordinary, old)
        return _evaluated(found[:4], data, found[4])

    def weights(self, found: Evaluated) -> State:
        """The weights λ, as they were for this evaluation."""
        return {"weights": found.weights}


def make_evaluation(objective: LossProgram, balancing: Balancing | None, roles: Roles | None) -> Evaluation:
    """The evaluation for this balancing."""
    if balancing is None or roles is None:
        return Evaluation(objective)
    return BalancedEvaluation(objective, balancing, roles)


def _evaluated(values: Any, data: Data, weights: Array | None) -> Evaluated:
    total, terms, gradient, failed = values
    good = jnp.isfinite(total) & jnp.all(jnp.isfinite(gradient)) & ~failed
    gradient = jnp.where(data["free"], gradient, 0.0)
    return Evaluated(total, terms, gradient, jnp.sqrt(jnp.sum(gradient**2)), good, weights)
