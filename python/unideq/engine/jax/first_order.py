"""First-order methods on JAX: the turn's graph lowered, and what some do beside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np

from ...optimise import FirstOrder, turn_graph
from ...optimise.turn import RUN
from .evaluation import Evaluation
from .lowering import lower

__all__ = ["Beside", "GraphMethod", "beside"]

State = dict[str, Any]


class Beside:
    """What a method does that its turn's graph doesn't: nothing, as a rule.

    `begin(theta)` is the state (S, …) that it has besides the phase's; `shared(states)` is what all seeds do at once,
    from the state of all, for `data`; `before(state, found)` gives entries of the state for the turn to begin with, and
    `after(old, new, data)` those that follow it.
    """

    def __init__(self, phase: FirstOrder) -> None:
        self.phase = phase

    def begin(self, theta: np.ndarray) -> State:
        return {}

    def shared(self, states: State) -> dict[str, Any]:
        return {}

    def before(self, state: State, found: Any) -> State:
        return {}

    def after(self, old: State, new: State, data: Mapping[str, Any]) -> State:
        return {}


def _soap(phase: FirstOrder) -> Beside:
    from .soap import NewBases

    return NewBases(phase)


def _optax(phase: FirstOrder) -> Beside:
    from .optax import Transformation

    return Transformation(phase)


_BESIDE: dict[str, Callable[[FirstOrder], Beside]] = {"soap": _soap, "optax": _optax}


def beside(phase: FirstOrder) -> Beside:
    """What a phase's method does beside its turn."""
    return _BESIDE.get(phase.kind, Beside)(phase)


class GraphMethod:
    """Turns of a first-order method: each evaluates the loss once and is one iteration."""

    def __init__(self, evaluate: Evaluation, phase: FirstOrder, moving: bool) -> None:
        self.evaluate, self.phase, self.moving = evaluate, phase, moving
        self.beside = beside(phase)
        self.shared = self.beside.shared

    def turn(self, state: State, data: Mapping[str, Any]) -> tuple[State, dict[str, Any], Any]:
        """One turn of one seed: new state, what to log, and whether an iteration is complete (always)."""
        found = self.evaluate(state, data)
        begun = {**state, **self.beside.before(state, found)}
        run = {**data, "moving": self.moving}
        values = {f"state.{name}": value for name, value in begun.items()}
        values |= {f"found.{name}": getattr(found, name) for name in ("total", "gradient", "norm", "good")}
        values |= {f"run.{name}": run[name] for name in RUN}
        values |= {f"setting.{name}": value for name, value in data["settings"].items()}
        lowered = lower(turn_graph(self.phase, len(state["theta"])), compiled_in=True)
        out = lowered({name: jnp.asarray(value, float) for name, value in values.items()})
        new = {n: out[f"state.{n}"].astype(v.dtype) for n, v in begun.items() if f"state.{n}" in out}
        new = {**begun, **new, **self.evaluate.weights(found)}
        log = {
            "total": found.total,
            "terms": found.terms,
            "gradient_norm": found.norm,
            "learning_rate": out["log.learning_rate"],
            "rejected": out["log.rejected"] > 0,
        }
        return {**new, **self.beside.after(state, new, data)}, log, jnp.asarray(True)
