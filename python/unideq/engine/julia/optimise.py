"""Chunks of the optimiser loop in Julia: settings once as JSON, state and logs by the addresses of NumPy arrays."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from ...objective.program import Balancing, Objective
from ..balancing import Roles, residual_of
from ..batches import MEMORY, fresh_data
from ..loop import empty_logs
from ..minimisation import Minimisation
from ..optimizer_state import State, flatten
from ..residual_terms import check_residual_terms
from .bridge import address
from .data import objective_data, whole_data, write_fresh

if TYPE_CHECKING:
    from .engine import JuliaEngine

__all__ = ["JuliaRunner"]

LOGS = ("total", "terms", "gradient_norm", "learning_rate", "rejected", "weights")
"""In the order that `advance!` takes them."""


class JuliaRunner:
    """A run in Julia; see `unideq.engine.loop.Runner`."""

    def __init__(self, engine: JuliaEngine, asked: Minimisation, start: State) -> None:
        self._engine, self._asked = engine, asked
        self._state = {name: np.ascontiguousarray(value) for name, value in flatten(start).items()}
        self._table = np.array([address(array) for array in self._state.values()], dtype=np.int64)
        self._logs = empty_logs(asked, start)
        self._addresses = [address(self._logs[name]) if name in self._logs else 0 for name in LOGS]
        self._reached = int(np.max(self._state["iteration"]))
        self._draws = self._empty_draws()
        handle, program = engine.prepared(asked.objective).handle, json.dumps(self._program(start), default=float)
        self._run = engine.bridge.call("prepare_minimise", "preparing the optimiser", handle, program)
        engine.bridge.call("set_state_b", "preparing the optimiser", self._run, address(self._table))

    def _program(self, start: State) -> dict[str, Any]:
        asked, balancing = self._asked, self._asked.balancing
        return {
            "optimizer": asked.optimizer.name,
            "settings": {**asked.optimizer.settings, **_residuals(asked)},
            "seeds": asked.seeds,
            "terms": len(asked.objective.terms),
            "free": np.asarray(asked.free).tolist(),
            "decay": np.asarray(asked.decay).tolist(),
            "fresh": asked.batches is not None,
            "balancing": None if balancing is None else _balancing(asked.objective, balancing, start["weights"]),
            "state": list(self._state),
        }

    def _empty_draws(self) -> np.ndarray:
        """Memory for the data of several iterations, one row each: the objective's own, where no fresh ones come."""
        asked = self._asked
        if asked.batches is None:
            return np.zeros((0, 0))
        row = whole_data(asked.objective, objective_data(asked.objective))
        most = 1 if asked.batches.follows_theta else max(1, min(asked.report_every, MEMORY // max(row.nbytes, 1)))
        return np.tile(row, (most, 1))

    def advance(self, base: int, target: int) -> bool:
        """Run one chunk; see `Runner.advance`."""
        # The callback may have asked for another objective's value, with other data in the same compiled program.
        prepared = self._engine.prepared(self._asked.objective)
        call, room = self._engine.bridge.call, self._asked.report_every
        if self._asked.batches is None:
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
        asked, theta = self._asked, None
        assert asked.batches is not None
        if asked.batches.follows_theta:
            self._engine.bridge.call("get_state_b", "minimising", self._run, address(self._table))
            theta = self._state["theta"][0].copy()
        for row, iteration in zip(self._draws, range(first, stop), strict=False):
            write_fresh(row, asked.objective, fresh_data(asked.batches, asked.objective, iteration, theta))

    def collect(self, count: int) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """Copies of state and logs; see `Runner.collect`."""
        self._engine.bridge.call("get_state_b", "minimising", self._run, address(self._table))
        logs = {key: value[:, :count].copy() for key, value in self._logs.items()}
        for value in self._logs.values():
            value[:, :count] = False if value.dtype == bool else np.nan
        return {name: array.copy() for name, array in self._state.items()}, logs


def _residuals(asked: Minimisation) -> dict[str, Any]:
    """Term by term the array whose squares it is made of, for the method that needs to know."""
    if asked.optimizer.name != "gauss_newton":
        return {}
    check_residual_terms(asked.objective)
    return {"residuals": [asked.objective.residuals[name] for name in asked.objective.terms]}


def _balancing(objective: Objective, balancing: Balancing, weights: np.ndarray) -> dict[str, Any]:
    """A rule and its terms by their places; see `read_balance` in Julia."""
    roles = Roles.of(balancing, objective, weights)
    found = [residual_of(objective, n) for n in roles.balanced] if balancing.rule == "ntk" else []
    others = [i for i, n in enumerate(roles.names) if n not in roles.balanced and n not in roles.silent]
    return {
        "rule": balancing.rule,
        "every": int(balancing.every),
        "rate": float(balancing.rate),
        "denominator": balancing.denominator,
        "reference": [name in balancing.reference for name in roles.balanced],
        "balanced": roles.balanced_at.tolist(),
        "moving": roles.moving_at.tolist(),
        "others": others,
        "counted": balancing.counted.tolist(),  # groups, entries
        "base": objective.term_weights.tolist(),
        "residuals": [(r.place, r.output) for r in found],
    }
