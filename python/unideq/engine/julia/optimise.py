"""Chunks of the optimiser loop in Julia: settings once as JSON, state and logs by the addresses of NumPy arrays."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import OptionError
from ...graph import to_json
from ...objective.program import Balancing, LossProgram
from ...optimise import SOAP, Arrays, FirstOrder, Optimisers, Phase, turn_graph
from ..batches import MEMORY, fresh_data
from ..loop import empty_logs
from ..minimisation import Minimisation
from ..residual_terms import check_residual_terms
from ..term_roles import Roles, residual_of
from .bridge import address
from .data import objective_data, whole_data, write_fresh

if TYPE_CHECKING:
    from .engine import JuliaEngine

__all__ = ["JuliaRunner", "run_program"]


class JuliaRunner:
    """A run in Julia; see `unideq.engine.loop.Runner`."""

    def __init__(self, engine: JuliaEngine, asked: Minimisation, start: Arrays) -> None:
        if isinstance(asked.optimizer, Optimisers):
            start = {**start, **asked.resumed(_begin_rule(engine, asked))}
        self._engine, self._asked, self._start = engine, asked, start
        self._state = {name: _as_julia_has(asked, value) for name, value in start.items()}
        self._table = np.array([address(array) for array in self._state.values()], dtype=np.int64)
        self._logs = empty_logs(asked, start)
        self._reached = int(np.max(self._state["iteration"]))
        self._draws = self._empty_draws()
        handle = engine.prepared(asked.objective, asked.precision).handle
        program = json.dumps(self._program(start), default=float)
        self._run = engine.bridge.call("prepare_minimise", "preparing the optimiser", handle, program)
        engine.bridge.call("set_state_b", "preparing the optimiser", self._run, address(self._table))

    def _program(self, start: Arrays) -> dict[str, Any]:
        logs = {name: address(array) for name, array in self._logs.items()}
        return {**run_program(self._asked, start), "logs": {"room": self._asked.report_every, **logs}}

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
        prepared = self._engine.prepared(self._asked.objective, self._asked.precision)
        call = self._engine.bridge.call
        if self._asked.batches is None:
            return bool(call("advance_b", "minimising", self._run, base, target))
        prepared.data = None  # the program holds the last batch from here on
        running = True
        while running and self._reached < target:
            first, self._reached = self._reached, min(self._reached + len(self._draws), target)
            self._draw(first, self._reached)
            fresh = prepared.handle, address(self._draws), self._draws.shape[1], first
            running = bool(call("advance_b", "minimising", self._run, base, self._reached, *fresh))
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
        return {name: array.astype(self._start[name].dtype) for name, array in self._state.items()}, logs


def _as_julia_has(asked: Minimisation, value: np.ndarray) -> np.ndarray:
    """An array of the state: turns that are graphs have float64 throughout."""
    return np.array(value, float if isinstance(asked.optimizer, FirstOrder) else value.dtype, order="C")


def run_program(asked: Minimisation, start: Arrays) -> dict[str, Any]:
    """A run as Julia is told it; see `prepare_minimise`."""
    phase, balancing = asked.optimizer, asked.balancing
    method = _turn(asked, start) if isinstance(phase, FirstOrder) else _named(asked)
    return {
        **method,
        "seeds": asked.seeds,
        "terms": len(asked.objective.terms),
        "free": np.asarray(asked.free).tolist(),
        "balancing": None if balancing is None else _balancing(asked.objective, balancing, start["weights"]),
        "state": list(start),
    }


def _named(asked: Minimisation) -> dict[str, Any]:
    """A method that Julia has by name."""
    phase = asked.optimizer
    settings = {f.name: getattr(phase, f.name) for f in fields(phase) if f.name != "objective"}  # type: ignore[arg-type]
    if phase.needs_residuals:  # term by term the array whose squares it is made of
        check_residual_terms(asked.objective)
        settings["residuals"] = [asked.objective.residuals[name] for name in asked.objective.terms]
    return {"optimizer": phase.kind, "settings": settings}


def _turn(asked: Minimisation, start: Arrays) -> dict[str, Any]:
    """A method whose turn is a graph: that, and what is given it in every turn."""
    phase = asked.optimizer
    assert isinstance(phase, FirstOrder)
    graph = turn_graph(phase, asked.theta.shape[1])
    inner = [name.partition(".")[2] for name in graph.outputs if name.startswith("state.")]
    outer = [name for name in start if name not in inner and name != "weights"]
    given = {
        "run.free": asked.free,
        "run.decay": asked.decay,
        "run.iterations": asked.iterations,
        "run.same_again": asked.batches is None,
        "run.moving": asked.balancing is not None,
        **{f"setting.{name}": value for name, value in phase.numbers().items()},
    }
    sizes = {name: int(np.prod(value.shape[1:])) for name, value in start.items()}
    turn = {
        "graph": to_json(graph),
        "state": [[name, sizes[name]] for name in (*inner, *outer)],
        "inner": sum(sizes[name] for name in inner),
        "given": [[name, np.size(value)] for name, value in given.items()],
        "numbers": np.concatenate([np.ravel(np.asarray(value, float)) for value in given.values()]).tolist(),
    }
    return {"turn": turn, "beside": _beside(phase)}


def _begin_rule(engine: JuliaEngine, asked: Minimisation) -> Arrays:
    """The state that a rule of Optimisers.jl begins with: all its numbers, one after another.

    Raises
    ------
    OptionError
        If there is no such rule, or it refuses its settings.
    """
    doing, rule, size = "preparing the optimiser", json.dumps(_beside(asked.optimizer)), asked.theta.shape[1]
    found = engine.bridge.call("rule_numbers", doing, rule, size)
    if isinstance(found, str):
        raise OptionError(f"{found[:1].upper()}{found[1:]}")
    numbers = np.empty(int(found))
    engine.bridge.call("begin_rule_b", doing, rule, size, address(numbers))
    return {"rule": np.tile(numbers, (asked.seeds, 1))}


def _beside(phase: Phase) -> dict[str, Any] | None:
    """What a method does beside its turn."""
    if isinstance(phase, SOAP) and phase.matrices:
        return {"kind": "soap", "blocks": [list(m) for m in phase.matrices], "every": phase.precondition_every}
    if isinstance(phase, Optimisers):
        return {"kind": "rule", "rule": phase.rule, "settings": phase.options}
    return None


def _balancing(objective: LossProgram, balancing: Balancing, weights: np.ndarray) -> dict[str, Any]:
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
