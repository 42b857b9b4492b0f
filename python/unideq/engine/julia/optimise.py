"""Chunks of the optimiser loop in Julia: settings once as JSON, state and logs by the addresses of NumPy arrays."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from ..loop import Phase, empty_logs
from ..optimizer_state import flatten
from .bridge import address

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
            "state": list(self._state),
        }

    def advance(self, base: int, target: int) -> bool:
        """Run one chunk; see `Runner.advance`."""
        # The callback may have asked for another objective's value, with other data in the same compiled program.
        self._engine.prepared(self._phase.objective)
        room = self._phase.room
        return bool(
            self._engine.bridge.call("advance_b", "minimising", self._run, base, target, room, *self._addresses)
        )

    def collect(self, count: int) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """Copies of state and logs; see `Runner.collect`."""
        self._engine.bridge.call("get_state_b", "minimising", self._run, address(self._table))
        logs = {key: value[:, :count].copy() for key, value in self._logs.items()}
        for value in self._logs.values():
            value[:, :count] = False if value.dtype == bool else np.nan
        return {name: array.copy() for name, array in self._state.items()}, logs
