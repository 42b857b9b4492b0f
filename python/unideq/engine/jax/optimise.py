"""Chunks of the optimiser loop as compiled functions of a dynamic number of iterations."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from ...errors import EngineError
from ...objective.program import Balancing, LossProgram, Pointwise
from ...optimise import Arrays, FirstOrder
from ..batches import Fresh, fresh_data, iterations_at_once, stacked
from ..cache import CompiledCache
from ..loop import empty_logs
from ..minimisation import Minimisation
from ..residual_terms import check_residual_terms
from ..term_roles import Roles
from .arguments import Arguments
from .configuration import in_precision, own_configuration
from .curvature import DenseCurvature, LimitedCurvature
from .derivative import value_and_gradient_of
from .evaluation import Evaluation, make_evaluation
from .first_order import GraphMethod, beside
from .gauss_newton import GaussNewton
from .objective import make_objective
from .quasi_newton import QuasiNewton

__all__ = ["JaxRunner"]


@dataclass(frozen=True)
class Task:
    """What a method is made for: the objective, the phase, and the evaluation, balanced or not.

    Whatever the method, `data["objective"]` of a turn holds the seed's own weights: `value_and_gradient_of(
    make_objective(objective))` and all else that reads the weights from there sees those of the state.
    """

    objective: LossProgram
    phase: Any
    balancing: Balancing | None = None
    roles: Roles | None = None

    @property
    def evaluation(self) -> Evaluation:
        """For methods that make one evaluation an iteration."""
        return make_evaluation(self.objective, self.balancing, self.roles)

    @property
    def value_and_gradient(self) -> Callable[..., Any]:
        """`(theta, data["objective"]) -> total, terms, gradient, failed`."""
        return value_and_gradient_of(make_objective(self.objective))


_METHODS: dict[str, Callable[[Task], Any]] = {
    "lbfgs": lambda task: QuasiNewton(task.value_and_gradient, task.phase, LimitedCurvature()),
    "bfgs": lambda task: QuasiNewton(task.value_and_gradient, task.phase, DenseCurvature(task.phase.update)),
    "gauss_newton": lambda task: GaussNewton(task.objective, task.phase),
}
"""Those that aren't graphs."""


def _method(task: Task, numbers: Mapping[str, Any]) -> Any:
    if isinstance(task.phase, FirstOrder):
        return GraphMethod(task.evaluation, task.phase, task.balancing is not None)
    return _METHODS[task.phase.kind](replace(task, phase=task.phase.with_numbers(numbers)))


def turn_by_turn(asked: Minimisation) -> bool:
    """Whether every turn is a call of its own: XLA's fast convolutions of float32 are for code without loops."""
    if asked.precision == "float64":
        return False
    graphs = (s.graph for s in asked.objective.sources if isinstance(s, Pointwise))
    return any(node.operation == "convolution" for graph in graphs for node in graph.nodes)


def _make_chunk(task: Task, seeds: int, room: int, found: Arguments, single: bool = False) -> Callable[..., Any]:
    """`(state, logs, data, fresh, base, target) -> state, logs`: turns until running seeds made `target` iterations; a
    `single` one.

    `fresh` is None, or (data of the iterations from the first on, stacked; which iteration is first). A method's turn
    gives the entries of the state that it changes. The numbers among the phase's settings are data.
    """

    def chunk(state: Any, logs: Any, data: Any, fresh: Any, base: Any, target: Any) -> Any:
        return _turns(task, seeds, room, (state, logs), data, fresh, base, target, single)

    return jax.jit(found.binding(chunk, lambda state, logs, data, *rest: data["objective"]["constants"]))


def _turns(
    task: Task, seeds: int, room: int, start: Any, data: Any, fresh: Any, base: Any, target: Any, single: bool
) -> Any:
    """The traced body of a chunk."""
    method, balancing = _method(task, data["settings"]), task.balancing
    shared = getattr(method, "shared", None)  # what all seeds decide together: within their mapping both branches run

    def advance(state: Any, logs: Any, data: Any, base: Any, target: Any) -> Any:
        running = (state["finished"] == 0) & (state["iteration"] < target)
        new, log, completed = method.turn(state, _own_weights(data, state))
        new = jax.tree.map(lambda a, b: jnp.where(running, a, b), {**state, **new}, state)
        if "weights" in logs:
            log = {**log, "weights": new["weights"]}
        # Whatever completes no iteration is written beyond the end, where it is dropped.
        at = jnp.where(running & completed, state["iteration"] - base, room)
        logs = {key: values.at[at].set(log[key], mode="drop") for key, values in logs.items()}
        return new, logs

    def in_turn(state: Any, logs: Any, *rest: Any) -> Any:
        return lax.map(lambda own: advance(*own, *rest), (state, logs))

    every: Callable[..., Any] = jax.vmap(advance, in_axes=(0, 0, None, None, None))
    if seeds == 1:
        every = advance
    elif task.phase.needs_residuals:  # Jacobians of all seeds at once would take too much memory
        every = in_turn

    def going(carry: Any) -> Any:
        return jnp.any((carry[0]["finished"] == 0) & (carry[0]["iteration"] < target))

    if seeds == 1:  # an ensemble of one runs without the mapping's cost
        start = jax.tree.map(lambda x: x[0], start)

    def turn(carry: Any) -> Any:
        now = _data_now(data, fresh, carry[0])
        if balancing is not None:
            now = {**now, "update": jnp.max(carry[0]["iteration"]) % now["every"] == 0}
        if shared is not None:
            now = {**now, **shared(carry[0])}
        return every(*carry, now, base, target)

    end = turn(start) if single else lax.while_loop(going, turn, start)
    return jax.tree.map(lambda x: x[None], end) if seeds == 1 else end


def _data_now(data: Any, fresh: Any, state: Any) -> Any:
    """The data with those of the iteration that running seeds are at: the same for all, as every turn completes one."""
    if fresh is None:
        return data
    several, first = fresh
    at = jnp.max(state["iteration"]) - first
    own = jax.tree.map(lambda x: lax.dynamic_index_in_dim(x, at, keepdims=False), several)
    sources = [{**old, **new} for old, new in zip(data["objective"]["sources"], own, strict=True)]
    return {**data, "objective": {**data["objective"], "sources": sources}}


def _own_weights(data: Any, state: Any) -> Any:
    """The data with the seed's own weights, where it has such; the objective's stay as `base`."""
    if "weights" not in state:
        return data
    objective = data["objective"]
    return {**data, "base": objective["weights"], "objective": {**objective, "weights": state["weights"]}}


@contextmanager
def _named_failures() -> Iterator[None]:
    """What fails inside compiled code (memory, a library) is an error of ours, which training survives."""
    try:
        yield
    except jax.errors.JaxRuntimeError as error:
        raise EngineError(f"JAX failed while it trained: {str(error).strip().splitlines()[0]}") from error


class JaxRunner:
    """A run on JAX; see `unideq.engine.loop.Runner`. `prepared` is the objective's numbers and device data."""

    def __init__(
        self,
        cache: CompiledCache,
        prepared: tuple[Arguments, Mapping[str, Any]],
        asked: Minimisation,
        start: Arrays,
    ) -> None:
        objective, optimizer, seeds = asked.objective, asked.optimizer, asked.seeds
        if isinstance(optimizer, FirstOrder):
            start = {**start, **asked.resumed(beside(optimizer).begin(asked.theta))}
        room = asked.report_every
        if optimizer.needs_residuals:
            check_residual_terms(objective)  # here, as code compiled for others may serve
        balancing, counted, roles, rule = asked.balancing, {}, None, ()
        if balancing is not None:
            numbers = {"counted": balancing.counted, "rate": balancing.rate}
            counted = {n: np.asarray(v, float) for n, v in numbers.items()} | {"every": np.asarray(balancing.every)}
            roles = Roles.of(balancing, objective, start["weights"])
            rule = (roles, balancing.rule, balancing.reference, balancing.denominator)
        residuals = tuple(objective.residuals.items())
        self._single = turn_by_turn(asked)
        key = (
            "minimise",
            asked.precision,
            prepared[0].key,
            optimizer.structure,
            optimizer.matrices,
            seeds,
            room,
            residuals,
            rule,
        )
        task = Task(objective, optimizer, balancing, roles)
        self._chunk = cache.get(key, lambda: _make_chunk(task, seeds, room, prepared[0], self._single))
        self._state: Any = jax.device_put(in_precision(start))
        given = {
            "objective": prepared[1],
            "settings": optimizer.numbers(),
            "free": asked.free,
            "decay": asked.decay,
            "iterations": np.asarray(asked.iterations),
            "same_again": np.asarray(asked.batches is None),
            **counted,
        }
        self._data = jax.device_put(in_precision(given))
        self._empty = jax.device_put(in_precision(empty_logs(asked, start)))
        self._logs = self._empty
        self._asked, self._length = asked, 0
        self._kinds = {name: array.dtype for name, array in start.items()}
        self._reached = self._made = int(start["iteration"].max())

    def advance(self, base: int, target: int) -> bool:
        """Run one chunk; see `Runner.advance`."""
        if self._asked.batches is None:
            self._run(None, base, target)
            return self._running()
        while self._reached < target:
            first = self._reached
            fresh, self._reached = self._fresh(first, target)  # while the chunk before is still at work
            if not self._running():
                return False
            self._run((fresh, first), base, self._reached)
        return self._running()

    def _run(self, fresh: tuple[Fresh, int] | None, base: int, target: int) -> None:
        with own_configuration(self._asked.precision):
            now = None if fresh is None else jax.device_put(in_precision(fresh))
            with _named_failures():
                for _ in range(target - self._made if self._single else 1):
                    self._state, self._logs = self._chunk(self._state, self._logs, self._data, now, base, target)
        self._made = target

    def _running(self) -> bool:
        with _named_failures():  # of chunks that were still at work
            return bool((np.asarray(self._state["finished"]) == 0).any())

    def _fresh(self, first: int, target: int) -> tuple[Fresh, int]:
        """Data from an iteration on, in arrays of one length for the whole phase; and the first iteration without."""
        batches, objective = self._asked.batches, self._asked.objective
        assert batches is not None
        theta = np.array(self._state["theta"])[0] if batches.follows_theta else None
        several = [fresh_data(batches, objective, first, theta)]
        if not self._length:
            self._length = iterations_at_once(batches, several[0], self._asked.report_every)
        end = min(first + self._length, target)
        several += [fresh_data(batches, objective, i) for i in range(first + 1, end)]
        return stacked(several, self._length), end

    def collect(self, count: int) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """State and logs on the host; see `Runner.collect`."""
        logs = {key: _as_usual(value[:, :count]) for key, value in jax.device_get(self._logs).items()}
        self._logs = self._empty
        state = jax.device_get(self._state).items()
        return {name: np.array(value, self._kinds.get(name, value.dtype)) for name, value in state}, logs


def _as_usual(values: np.ndarray) -> np.ndarray:
    """A copy, floats as float64."""
    return np.array(values, float if values.dtype.kind == "f" else values.dtype)
