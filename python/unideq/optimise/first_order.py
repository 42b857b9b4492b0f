"""Methods that make one evaluation of the loss an iteration: their turn, in NumPy, with rejected steps.

A method says what it remembers of gradients and which direction follows from that. Everything else is the same for all:
schedules, clipping, updates that are left out, weight decay, steps that are taken back. The turn is traced and compiled
by every engine, as a model is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, NotRequired, cast

import numpy as np

from ..errors import OptionError
from .phase import Phase
from .schedule import Schedule
from .state import A, Arrays, State, start_of

__all__ = ["GIVE_UP", "RECOVERY", "SKIPPED", "FirstOrder", "FirstOrderState"]

GIVE_UP = 20
"""Rejected steps in a row after which a seed stops."""
SKIPPED = 200
"""Updates left out in a row, their gradients being too large, after which a seed stops."""
MEMORY_OF_NORMS = 0.99
"""Weight of what came before in the running mean of gradient norms."""
RECOVERY = 1.05
"""Growth of the learning-rate factor with every accepted step, up to 1; a rejected step halves it."""

Symbols = Mapping[str, Any]


class FirstOrderState(State[A]):
    """The state of first-order methods, but for the method's own memory; the last three where there is a `skip`."""

    good_theta: A
    """Where the last finite loss was."""
    accepted: A
    """Gradients in the memory."""
    factor: A
    """Of the learning rate: halved where steps are rejected."""
    streak: A
    """Rejected steps in a row."""
    norm_mean: NotRequired[A]
    """Exponential mean of the accepted updates' gradient norms."""
    norm_weight: NotRequired[A]
    """Its weights' sum."""
    skipped: NotRequired[A]
    """Updates left out in a row."""


class FirstOrder(Phase):
    """Base of Adam and its like; a kind of its own says `memory`, `remember` and `direction`.

    Its number fields are `learning_rate` (a number or a schedule) and whatever the method has; `clip`, `skip`,
    `weight_decay` and `rates` act where a kind has them.
    """

    first_order: ClassVar[bool] = True
    learning_rate: float | Schedule
    clip: float | None = None
    skip: float | None = None
    weight_decay: float | None = None
    rates: Mapping[str, float] | None = None
    factors: Any = None
    """Of the learning rate, (P,), from `rates`. Not a setting: a run knows."""

    # ---- what a method is ---------------------------------------------------------------------------------------

    def memory(self, size: int) -> Arrays:
        """What one seed remembers before the first gradient, for θ (size,): name → array."""
        raise NotImplementedError

    def remember(self, state: Symbols, gradient: Any) -> dict[str, Any]:
        """The memory with this gradient (size,) in it; left out where a step is rejected."""
        raise NotImplementedError

    def direction(self, state: Symbols, age: Any) -> Any:
        """The direction (size,) whose multiple is subtracted from θ, from the memory in `state` and the number of
        gradients in it. After a rejected step it is asked for again, with no new gradient."""
        raise NotImplementedError

    # ---- what all have in common --------------------------------------------------------------------------------

    def _begin(self, theta: np.ndarray, terms: int) -> FirstOrderState[np.ndarray]:
        if self.rates and self.factors is None:
            raise OptionError("`rates` name entries of a layout: give the run `phase.paced(layout)`.")
        seeds, size = theta.shape
        own = {name: np.tile(array, (seeds, *(1,) * np.ndim(array))) for name, array in self.memory(size).items()}
        guard = {"norm_mean": np.zeros(seeds), "norm_weight": np.zeros(seeds), "skipped": np.zeros(seeds, int)}
        state: FirstOrderState[np.ndarray] = {
            **start_of(theta),
            "good_theta": theta.copy(),
            "accepted": np.zeros(seeds, int),
            "factor": np.ones(seeds),
            "streak": np.zeros(seeds, int),
        }
        more = {**(guard if self.skip is not None else {}), **own}
        return cast("FirstOrderState[np.ndarray]", {**state, **more})

    def turn(self, state: Symbols, found: Symbols, run: Symbols) -> tuple[dict[str, Any], dict[str, Any]]:
        """One turn of one seed: new state, and what to log of it.

        Parameters
        ----------
        state
            As `begin` makes it, of one seed; truths are 0 or 1.
        found
            What the evaluation at `state["theta"]` gave: `total`, its `gradient` (P,) (zero at fixed entries), its
            `norm`, and whether all is `good`.
        run
            `free` (P,): entries that may move; `decay` (P,): those that weight decay acts on; `iterations` of the
            phase; whether the data are the `same_again` in the next iteration; whether terms' weights are `moving`:
            totals can't be compared then, and the best is the last good one.
        """
        good, norm, gradient = found["good"] > 0, found["norm"], found["gradient"]
        skipped, guard = self._guard(state, good, norm)
        if self.clip is not None:
            gradient = gradient * np.minimum(1.0, self.clip / np.maximum(norm, 1e-300))
        used = good & ~skipped
        accepted = state["accepted"] + used
        recovered = np.where(skipped, state["factor"], np.minimum(1.0, RECOVERY * state["factor"]))
        factor = np.where(good, recovered, 0.5 * state["factor"])
        streak = np.where(good, 0.0, state["streak"] + 1)
        origin = np.where(good, state["theta"], state["good_theta"])

        learned = self.remember(state, gradient)
        memory = {name: np.where(used, new, state[name]) for name, new in learned.items()}
        direction = self.direction({**state, **memory}, accepted)
        if self.weight_decay is not None:
            direction = direction + self.weight_decay * np.where(run["decay"] > 0, origin, 0.0)
        given = self.learning_rate
        rate = factor * (given.at(state["iteration"], run["iterations"]) if isinstance(given, Schedule) else given)
        step = rate if self.factors is None else rate * self.factors
        # A start that fails stays where it is: trying it again would fail again, unless the data are others.
        hopeless = (accepted < 1) & (run["same_again"] > 0)
        gave_up = (streak >= GIVE_UP) | hopeless | (guard.get("skipped", accepted * 0.0) >= SKIPPED)
        better = good & ((found["total"] < state["best_total"]) | (run["moving"] > 0))
        new = {
            **memory,
            **guard,
            "theta": np.where((run["free"] > 0) & ~gave_up & ~skipped, origin - step * direction, origin),
            "good_theta": origin,
            "best_theta": np.where(better, state["theta"], state["best_theta"]),
            "best_total": np.where(better, found["total"], state["best_total"]),
            "accepted": accepted,
            "factor": factor,
            "streak": streak,
            "iteration": state["iteration"] + 1,
            "finished": np.where(gave_up, 2.0, 0.0),
        }
        return new, {"learning_rate": rate, "rejected": ~used}

    def _guard(self, state: Symbols, good: Any, norm: Any) -> tuple[Any, dict[str, Any]]:
        """Whether an update is left out for its large gradient, and what the guard remembers (nothing without one).

        The mean of the accepted updates' norms is exponential, its bias corrected as Adam's moments' is.
        """
        if self.skip is None:
            return good & ~good, {}
        total, weight = state["norm_mean"], state["norm_weight"]
        skipped = good & (norm * weight > self.skip * total) & (weight > 0)
        used, old = good & ~skipped, MEMORY_OF_NORMS
        return skipped, {
            "norm_mean": np.where(used, old * total + (1 - old) * norm, total),
            "norm_weight": np.where(used, old * weight + (1 - old), weight),
            "skipped": np.where(used, 0.0, state["skipped"] + skipped),
        }
