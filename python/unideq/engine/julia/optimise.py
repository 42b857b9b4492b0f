"""Chunks of the optimiser loop in Julia: settings once as JSON, state and logs by the addresses of NumPy arrays."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from ..batches import MEMORY, fresh_data
from ..loop import Phase, empty_logs
from ..optimizer_state import flatten
from .bridge import address
from .data import objective_data, whole_data, write_fresh

if TYPE_CHECKING:
    from .engine import JuliaEngine

__all__ = ["JuliaRunner"]


class JuliaRunner:
    """A phase in Julia; see `unideq.engine.loop.Runner`."""

    def __init__(self, engine: JuliaEngine, phase: Phase) -> None:
        self._engine, self._phase = engine, phase
        self._state = {name: np.ascontiguousarray(value) for name, value in flatten(phase.start).items()}
        self._table = np.array([address(array) for array in self._state.values()], dtype=np.int64)
        self._logs = empty_logs(phase.seeds, phase.room, len(phase.objective.terms))
        self._addresses = [address(array) for array in self._logs.values()]
        self._reached = int(np.max(self._state["iteration"]))
        self._draws = self._empty_draws()
        handle, program = engine.prepared(phase.objective).handle, json.dumps(self._program(), default=float)
        self._run = engine.bridge.call("prepare_minimise", "preparing the optimiser", handle, program)
        engine.bridge.call("set_state_b", "preparing the optimiser", self._run, address(self._table))

    def _program(self) -> dict[str, Any]:
        phase = self._phase
        return {
            "optimizer": phase.optimizer.name,
            "settings": dict(phase.optimizer.settings),
            "seeds": phase.seeds,
            "terms": len(phase.objective.terms),
            "free": phase.free.tolist(),
            "decay": phase.decay.tolist(),
            "fresh": phase.batches is not None,
            "state": list(self._state),
        }

    def _empty_draws(self) -> np.ndarray:
        """Memory for the data of several iterations, one row each: the objective's own, where no fresh ones come."""
        phase = self._phase
        if phase.batches is None:
            return np.zeros((0, 0))
        row = whole_data(phase.objective, objective_data(phase.objective))
        most = 1 if phase.batches.follows_theta else max(1, min(phase.room, MEMORY // max(row.nbytes, 1)))
        return np.tile(row, (most, 1))

    def advance(self, base: int, target: int) -> bool:
        """Run one chunk; see `Runner.advance`."""
        # The callback may have asked for another objective's value, with other data in the same compiled program.
        prepared = self._engine.prepared(self._phase.objective)
        call, room = self._engine.bridge.call, self._phase.room
        if self._phase.batches is None:
            return bool(call("advance_b", "minimising", self._run, base, target, room, *self._addresses))
        prepared.data = None  # the program holds the last batch from here on
        running = True
        while running and self._reached < target:
            first, self._reached = self._reached, min(self._reached + len(self._draws), target)
            self._draw(first, self._reached)
            where = address(self._draws), self._draws.shape[1], first
            running = bool(
                call(
                    "advance_b", "minimising", self._run, base, self._reached, room, *self._addresses,
                    prepared.handle, *where,
                )
            )  # fmt: skip
        return running

    def _draw(self, first: int, stop: int) -> None:
        """Collect the data of some iterations."""
        phase, theta = self._phase, None
        assert phase.batches is not None
        if phase.batches.follows_theta:
            self._engine.bridge.call("get_state_b", "minimising", self._run, address(self._table))
            theta = self._state["theta"][0].copy()
        for row, iteration in zip(self._draws, range(first, stop), strict=False):
            write_fresh(row, phase.objective, fresh_data(phase.batches, phase.objective, iteration, theta))

    def collect(self, count: int) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """Copies of state and logs; see `Runner.collect`."""
        self._engine.bridge.call("get_state_b", "minimising", self._run, address(self._table))
        logs = {key: value[:, :count].copy() for key, value in self._logs.items()}
        for value in self._logs.values():
            value[:, :count] = False if value.dtype == bool else np.nan
        return {name: array.copy() for name, array in self._state.items()}, logs
