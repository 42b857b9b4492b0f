"""The optimiser loop: compiled chunks of a dynamic number of iterations, between which Python reports and may stop."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from ...errors import ModelError, OptionError, unknown
from ...objective.program import Objective
from ..protocol import Minimised, OptimizerSettings, Report
from .adam import Adam
from .compiled import CompiledCache, HashedKey
from .curvature import DenseCurvature, LimitedCurvature
from .derivative import value_and_gradient_of
from .objective import make_objective
from .quasi_newton import QuasiNewton

__all__ = ["OPTIMIZERS", "minimise"]

OPTIMIZERS: dict[str, Callable[[Any, Mapping[str, Any]], Any]] = {
    "adam": lambda evaluate, s: Adam(evaluate, s, 0.0),
    "adamw": lambda evaluate, s: Adam(evaluate, s, float(s.get("weight_decay", 1e-4))),
    "lbfgs": lambda evaluate, s: QuasiNewton(evaluate, s, LimitedCurvature(s.get("memory", 20))),
    "bfgs": lambda evaluate, s: QuasiNewton(evaluate, s, DenseCurvature()),
}
_PATIENCE = 0.25
"""Longest time (s) that should pass inside compiled code, where Ctrl-C isn't heard."""
_SILENCE = 1.0
"""Time (s) after which a report comes between two full ones, so that progress bars move and checkpoints are written."""


def _flatten(state: Mapping[str, Any], prefix: str = "") -> dict[str, np.ndarray]:
    """Nested state → `outer.inner` → own NumPy array."""
    flat: dict[str, np.ndarray] = {}
    for key, value in state.items():
        if isinstance(value, Mapping):
            flat.update(_flatten(value, f"{prefix}{key}."))
        else:
            flat[prefix + key] = np.array(value)
    return flat


def _restore(like: Mapping[str, Any], flat: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Inverse of `_flatten`, checked against a state of the right form."""
    restored: dict[str, Any] = {}
    for key, value in like.items():
        name = prefix + key
        if isinstance(value, Mapping):
            restored[key] = _restore(value, flat, f"{name}.")
            continue
        if name not in flat or np.shape(flat[name]) != np.shape(value):
            found = f"shape {np.shape(flat[name])}" if name in flat else "nothing"
            raise ModelError(
                f"This optimiser state doesn't fit the phase: `{name}` needs shape {np.shape(value)}, found {found}. "
                "Resume with the model, the seeds and the phase that it was saved from."
            )
        restored[key] = np.asarray(flat[name]).astype(value.dtype)
    return restored


def _make_chunk(objective: Objective, optimizer: OptimizerSettings, seeds: int, room: int) -> Callable[..., Any]:
    """`(state, logs, data, base, target) -> state, logs`: turns until running seeds have made `target` iterations."""
    method = OPTIMIZERS[optimizer.name](value_and_gradient_of(make_objective(objective)), optimizer.settings)

    def advance(state: Any, logs: Any, data: Any, base: Any, target: Any) -> Any:
        running = (state["finished"] == 0) & (state["iteration"] < target)
        new, log, completed = method.turn(state, data)
        new = jax.tree.map(lambda a, b: jnp.where(running, a, b), new, state)
        # Whatever completes no iteration is written beyond the end, where it is dropped.
        at = jnp.where(running & completed, state["iteration"] - base, room)
        logs = {key: values.at[at].set(log[key], mode="drop") for key, values in logs.items()}
        return new, logs

    every: Callable[..., Any] = advance if seeds == 1 else jax.vmap(advance, in_axes=(0, 0, None, None, None))

    def chunk(state: Any, logs: Any, data: Any, base: Any, target: Any) -> Any:
        def going(carry: Any) -> Any:
            return jnp.any((carry[0]["finished"] == 0) & (carry[0]["iteration"] < target))

        start = (state, logs)
        if seeds == 1:  # an ensemble of one runs without the mapping's cost
            start = jax.tree.map(lambda x: x[0], start)
        end = lax.while_loop(going, lambda carry: every(*carry, data, base, target), start)
        return jax.tree.map(lambda x: x[None], end) if seeds == 1 else end

    return jax.jit(chunk)


def _empty_logs(seeds: int, room: int, terms: int) -> dict[str, np.ndarray]:
    nothing = np.full((seeds, room), np.nan)
    return {
        "total": nothing,
        "terms": np.full((seeds, room, terms), np.nan),
        "gradient_norm": nothing,
        "learning_rate": nothing,
        "rejected": np.zeros((seeds, room), bool),
    }


def _report(objective: Objective, state: Any, logs: Any, base: int) -> Report:
    flat = _flatten(jax.device_get(state))
    iteration = max(base, int(flat["iteration"].max()))
    found = {key: np.array(value[:, : iteration - base]) for key, value in jax.device_get(logs).items()}
    return Report(
        iteration=iteration,
        total=found["total"],
        terms={name: found["terms"][..., i].copy() for i, name in enumerate(objective.terms)},
        gradient_norm=found["gradient_norm"],
        learning_rate=found["learning_rate"],
        rejected=found["rejected"],
        theta=flat["theta"].copy(),
        best_theta=flat["best_theta"].copy(),
        best_total=flat["best_total"].copy(),
        finished=flat["finished"].copy(),
        state=flat,
    )


def minimise(
    cache: CompiledCache,
    objective: Objective,
    prepared: tuple[HashedKey, Mapping[str, Any]],
    theta: np.ndarray,
    optimizer: OptimizerSettings,
    free: np.ndarray,
    callback: Callable[[Report], bool],
    report_every: int = 50,
    state: Mapping[str, np.ndarray] | None = None,
    decay: np.ndarray | None = None,
) -> Minimised:
    """Run a phase; see `Engine.minimise`. `prepared` is the objective's cache key and device data.

    Seeds that finish early leave NaN in the rest of the logs. The result doesn't depend on `report_every`, nor
    on where a run was interrupted and resumed.
    """
    if optimizer.name not in OPTIMIZERS:
        raise unknown("optimizer", optimizer.name, OPTIMIZERS)
    if report_every < 1:
        raise OptionError(f"`report_every` needs a whole number >= 1, not {report_every!r}.")
    theta = np.array(theta, dtype=float)
    if theta.ndim != 2:
        raise ModelError(f"`minimise` needs θ of shape (S, P), not {theta.shape}.")
    seeds, size = theta.shape
    terms, room = len(objective.terms), int(report_every)
    iterations = int(optimizer.settings["iterations"])
    varying = {k: v for k, v in optimizer.settings.items() if k != "iterations"}
    key = ("minimise", prepared[0], optimizer.name, json.dumps(varying, sort_keys=True, default=repr), seeds, room)
    chunk = cache.get(key, lambda: _make_chunk(objective, optimizer, seeds, room))

    begin = {
        "theta": theta,
        "best_theta": theta.copy(),
        "best_total": np.full(seeds, np.inf),
        "iteration": np.zeros(seeds, int),
        "finished": np.zeros(seeds, int),
        **OPTIMIZERS[optimizer.name](None, optimizer.settings).start(theta, terms),
    }
    now: Any = jax.device_put(begin if state is None else _restore(begin, state))
    data = jax.device_put(
        {
            "objective": prepared[1],
            "free": np.broadcast_to(np.asarray(free, bool), (size,)),
            "decay": np.ones(size, bool) if decay is None else np.asarray(decay, bool),
            "iterations": np.asarray(iterations),
        }
    )
    empty = jax.device_put(_empty_logs(seeds, room, terms))
    base = int(np.max(now["iteration"]))
    pace = 1
    while True:
        # Full reports come at multiples of `report_every`, wherever a run was interrupted and resumed.
        goal, reached, logs, since = min((base // room + 1) * room, iterations), base, empty, time.perf_counter()
        while reached < goal:
            began = time.perf_counter()
            target = min(reached + pace, goal)
            now, logs = chunk(now, logs, data, base, target)
            running = np.asarray(now["finished"]) == 0
            took = time.perf_counter() - began
            pace = int(np.clip(pace * _PATIENCE / max(took, 1e-4), max(1, pace // 2), 4 * pace))
            reached = target if running.any() else goal
            if time.perf_counter() - since > _SILENCE:
                break
        last = _report(objective, now, logs, base)
        base = last.iteration
        over = base >= iterations or not (last.finished == 0).any()
        go_on = callback(last)
        if over or not go_on:
            return Minimised(last, stopped=not go_on and not over)
