"""Adam and AdamW, one seed at a time, with rejected steps (DESIGN §8).

Kingma & Ba 2015, algorithm 1; Loshchilov & Hutter 2019, algorithm 2. Written out rather than taken from optax: a
rejected step goes on from the last good point with the moments from before, and needs the direction without a gradient.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp

from .evaluation import Evaluation
from .schedule import make_schedule

__all__ = ["GIVE_UP", "RECOVERY", "SKIPPED", "Adam"]

GIVE_UP = 20
"""Rejected steps in a row after which a seed stops."""
SKIPPED = 200
"""Updates left out in a row, their gradients being too large, after which a seed stops."""
MEMORY_OF_NORMS = 0.99
"""Weight of what came before in the running mean of gradient norms."""
RECOVERY = 1.05
"""Growth of the learning-rate factor with every accepted step, up to 1; a rejected step halves it."""

State = dict[str, Any]


class Adam:
    """Turns of Adam: each evaluates the loss once and is one iteration."""

    def __init__(self, evaluate: Evaluation, settings: Mapping[str, Any], weight_decay: Any = None) -> None:
        self.evaluate = evaluate
        self.rate = make_schedule(settings.get("learning_rate", 1e-3))
        self.beta1 = settings.get("beta1", 0.9)
        self.beta2 = settings.get("beta2", 0.999)
        self.epsilon = settings.get("epsilon", 1e-8)
        self.clip = settings.get("clip")
        self.skip = settings.get("skip")
        self.weight_decay = weight_decay

    def turn(self, state: State, data: Mapping[str, Any]) -> tuple[State, dict[str, Any], Any]:
        """One turn of one seed: new state, what to log, and whether an iteration is complete (always)."""
        theta, free = state["theta"], data["free"]
        found = self.evaluate(state, data)
        good, gradient, norm = found.good, found.gradient, found.norm
        skipped, guard = self._guard(state, good, norm)
        if self.clip is not None:
            gradient = gradient * jnp.minimum(1.0, self.clip / jnp.maximum(norm, 1e-300))
        used = good & ~skipped
        accepted = state["accepted"] + used
        recovered = jnp.where(skipped, state["factor"], jnp.minimum(1.0, RECOVERY * state["factor"]))
        factor = jnp.where(good, recovered, 0.5 * state["factor"])
        streak = jnp.where(good, 0, state["streak"] + 1)
        origin = jnp.where(good, theta, state["good_theta"])

        direction, memory = self.aim(state, gradient, used, data)
        if self.weight_decay is not None:
            direction = direction + self.weight_decay * jnp.where(data["decay"], origin, 0.0)
        rate = factor * self.rate(state["iteration"], data["iterations"])
        # A start that fails stays where it is: trying it again would fail again, unless the data are others.
        hopeless = (accepted == 0) & data["same_again"]
        gave_up = (streak >= GIVE_UP) | hopeless | (guard.get("skipped", 0) >= SKIPPED)
        new = {
            "theta": jnp.where(free & ~gave_up & ~skipped, origin - rate * direction, origin),
            "good_theta": origin,
            **memory,
            "accepted": accepted,
            "factor": factor,
            "streak": streak,
            **guard,
            "iteration": state["iteration"] + 1,
            "finished": jnp.where(gave_up, 2, 0),
            **self.evaluate.kept(state, found),
        }
        log = {
            "total": found.total,
            "terms": found.terms,
            "gradient_norm": norm,
            "learning_rate": rate,
            "rejected": ~used,
        }
        return new, log, jnp.asarray(True)

    def aim(self, state: State, gradient: Any, used: Any, data: Mapping[str, Any]) -> tuple[Any, State]:
        """Direction, and the entries of the state that it is made from; a gradient not `used` leaves these alone."""
        moments = self.moments(state, gradient, used)
        return self.normalised(moments, state["accepted"] + used), moments

    def moments(self, state: State, gradient: Any, used: Any) -> State:
        """First and second moment of the gradient."""
        mean = self.beta1 * state["mean"] + (1 - self.beta1) * gradient
        square = self.beta2 * state["square"] + (1 - self.beta2) * gradient**2
        return {
            "mean": jnp.where(used, mean, state["mean"]),
            "square": jnp.where(used, square, state["square"]),
        }

    def normalised(self, moments: State, age: Any) -> Any:
        """The first moment over the root of the second, their biases corrected for as many updates."""
        age = jnp.maximum(age, 1)
        mean, square = moments["mean"] / (1 - self.beta1**age), moments["square"] / (1 - self.beta2**age)
        return mean / (jnp.sqrt(square) + self.epsilon)

    def _guard(self, state: State, good: Any, norm: Any) -> tuple[Any, State]:
        """Whether an update is left out for its large gradient, and what the guard remembers (nothing without one).

        The mean of the accepted updates' norms is exponential, its bias corrected as Adam's moments' is.
        """
        if self.skip is None:
            return jnp.asarray(False), {}
        total, weight = state["norm_mean"], state["norm_weight"]
        skipped = good & (norm * weight > self.skip * total) & (weight > 0)
        used, old = good & ~skipped, MEMORY_OF_NORMS
        return skipped, {
            "norm_mean": jnp.where(used, old * total + (1 - old) * norm, total),
            "norm_weight": jnp.where(used, old * weight + (1 - old), weight),
            "skipped": jnp.where(used, 0, state["skipped"] + skipped),
        }
