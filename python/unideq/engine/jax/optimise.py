"""Chunks of the optimiser loop as compiled functions of a dynamic number of iterations."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from ...objective.program import Objective
from ..batches import Fresh, fresh_data, iterations_at_once, stacked
from ..cache import CompiledCache, HashedKey
from ..loop import Phase, empty_logs
from ..optimizer_state import flatten
from ..protocol import OptimizerSettings
from .adam import Adam
from .curvature import DenseCurvature, LimitedCurvature
from .derivative import value_and_gradient_of
from .objective import make_objective
from .quasi_newton import QuasiNewton

__all__ = ["JaxRunner"]

_METHODS: dict[str, Callable[[Any, Mapping[str, Any]], Any]] = {
    "adam": lambda evaluate, s: Adam(evaluate, s, 0.0),
    "adamw": lambda evaluate, s: Adam(evaluate, s, float(s.get("weight_decay", 1e-4))),
    "lbfgs": lambda evaluate, s: QuasiNewton(evaluate, s, LimitedCurvature()),
    "bfgs": lambda evaluate, s: QuasiNewton(evaluate, s, DenseCurvature()),
}


def _make_chunk(objective: Objective, optimizer: OptimizerSettings, seeds: int, room: int) -> Callable[..., Any]:
    """`(state, logs, data, fresh, base, target) -> state, logs`: turns until running seeds made `target` iterations.

    `fresh` is None, or (data of the iterations from the first on, stacked; which iteration is first).
    """
    method = _METHODS[optimizer.name](value_and_gradient_of(make_objective(objective)), optimizer.settings)

    def advance(state: Any, logs: Any, data: Any, base: Any, target: Any) -> Any:
        running = (state["finished"] == 0) & (state["iteration"] < target)
        new, log, completed = method.turn(state, data)
        new = jax.tree.map(lambda a, b: jnp.where(running, a, b), new, state)
        # Whatever completes no iteration is written beyond the end, where it is dropped.
        at = jnp.where(running & completed, state["iteration"] - base, room)
        logs = {key: values.at[at].set(log[key], mode="drop") for key, values in logs.items()}
        return new, logs

    every: Callable[..., Any] = advance if seeds == 1 else jax.vmap(advance, in_axes=(0, 0, None, None, None))

    def chunk(state: Any, logs: Any, data: Any, fresh: Any, base: Any, target: Any) -> Any:
        def going(carry: Any) -> Any:
            return jnp.any((carry[0]["finished"] == 0) & (carry[0]["iteration"] < target))

        start = (state, logs)
        if seeds == 1:  # an ensemble of one runs without the mapping's cost
            start = jax.tree.map(lambda x: x[0], start)
        end = lax.while_loop(going, lambda carry: every(*carry, _data_now(data, fresh, carry[0]), base, target), start)
        return jax.tree.map(lambda x: x[None], end) if seeds == 1 else end

    return jax.jit(chunk)


def _data_now(data: Any, fresh: Any, state: Any) -> Any:
    """The data with those of the iteration that running seeds are at: the same for all, as every turn completes one."""
    if fresh is None:
        return data
    several, first = fresh
    at = jnp.max(state["iteration"]) - first
    own = jax.tree.map(lambda x: lax.dynamic_index_in_dim(x, at, keepdims=False), several)
    sources = [{**old, **new} for old, new in zip(data["objective"]["sources"], own, strict=True)]
    return {**data, "objective": {**data["objective"], "sources": sources}}


class JaxRunner:
    """A phase on JAX; see `unideq.engine.loop.Runner`. `prepared` is the objective's cache key and device data."""

    def __init__(self, cache: CompiledCache, prepared: tuple[HashedKey, Mapping[str, Any]], phase: Phase) -> None:
        objective, optimizer, seeds, room = phase.objective, phase.optimizer, phase.seeds, phase.room
        varying = {k: v for k, v in optimizer.settings.items() if k != "iterations"}
        settings = json.dumps(varying, sort_keys=True, default=repr)
        key = ("minimise", prepared[0], optimizer.name, settings, seeds, room)
        self._chunk = cache.get(key, lambda: _make_chunk(objective, optimizer, seeds, room))
        self._state: Any = jax.device_put(phase.start)
        self._data = jax.device_put(
            {
                "objective": prepared[1],
                "free": phase.free,
                "decay": phase.decay,
                "iterations": np.asarray(phase.iterations),
                "same_again": np.asarray(phase.batches is None),
            }
        )
        self._empty = jax.device_put(empty_logs(seeds, room, len(objective.terms)))
        self._logs = self._empty
        self._phase, self._length = phase, 0
        self._reached = int(phase.start["iteration"].max())

    def advance(self, base: int, target: int) -> bool:
        """Run one chunk; see `Runner.advance`."""
        if self._phase.batches is None:
            self._state, self._logs = self._chunk(self._state, self._logs, self._data, None, base, target)
            return self._running()
        while self._reached < target:
            first = self._reached
            fresh, self._reached = self._fresh(first, target)  # while the chunk before is still at work
            if not self._running():
                return False
            now = jax.device_put((fresh, first))
            self._state, self._logs = self._chunk(self._state, self._logs, self._data, now, base, self._reached)
        return self._running()

    def _running(self) -> bool:
        return bool((np.asarray(self._state["finished"]) == 0).any())

    def _fresh(self, first: int, target: int) -> tuple[Fresh, int]:
        """Data from an iteration on, in arrays of one length for the whole phase; and the first iteration without."""
        batches, objective = self._phase.batches, self._phase.objective
        assert batches is not None
        theta = np.array(self._state["theta"])[0] if batches.follows_theta else None
        several = [fresh_data(batches, objective, first, theta)]
        if not self._length:
            self._length = iterations_at_once(batches, several[0], self._phase.room)
        end = min(first + self._length, target)
        several += [fresh_data(batches, objective, i) for i in range(first + 1, end)]
        return stacked(several, self._length), end

    def collect(self, count: int) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """State and logs on the host; see `Runner.collect`."""
        logs = {key: np.array(value[:, :count]) for key, value in jax.device_get(self._logs).items()}
        self._logs = self._empty
        return flatten(jax.device_get(self._state)), logs
