"""What a trained stepper says: rollouts from every trajectory's first snapshot, for every seed."""

from __future__ import annotations

import math

import numpy as np

from ..engine import Engine, evaluated
from ..graph import Graph
from ..objective import EstimationProblem
from ..objective.black_box import host_rollout, is_black_box
from ..objective.comparison import stepper_of
from ..objective.full_rollout import first_states
from ..times import whole_steps
from .rollout import steps_by_engine

__all__ = ["rolled_out", "steps_to"]


def steps_to(problem: EstimationProblem, times: np.ndarray) -> np.ndarray:
    """(trajectories, K): the step that reaches each time; negative before a trajectory's start and between steps.

    `times` are one axis (K,), or a row a trajectory, NaN behind its end (negative, too).
    """
    dt = stepper_of(problem).dt
    starts = np.array([s.start for s in problem.observations.series])[:, None]
    known = np.isfinite(np.atleast_2d(times))
    numbers, reached = whole_steps(np.where(known, np.atleast_2d(times), starts), starts, dt)
    return np.where(reached & known, numbers, -1)


def rolled_out(
    problem: EstimationProblem, engine: Engine, times: np.ndarray, theta: np.ndarray
) -> tuple[np.ndarray, dict[str, np.ndarray], np.ndarray]:
    """Roll out for every seed (θ (S, P)) and trajectory through `times`.

    Parameters
    ----------
    problem
        With all measurements.

    Returns
    -------
    states, observed, status
        (S, trajectories, K, n); observable → (S, trajectories, K, *shape); (S, trajectories). NaN where no step of a
        trajectory reaches a time, and after a failure.
    """
    model = stepper_of(problem)
    numbers = steps_to(problem, times)
    later = numbers[numbers > 0]
    every = math.gcd(*later.tolist()) if later.size else 1
    count = int(later.max()) // every if later.size else 0
    data = {"start": first_states(problem), "t": np.array([s.start for s in problem.observations.series])}
    rows = problem.given_rows
    if rows is not None:
        data["c"] = rows
    shape = (len(theta), len(data["start"]), count + 1, model.size)
    states, status = np.full(shape, np.nan), np.zeros(shape[:2], dtype=int)
    states[:, :, 0] = data["start"]
    if count and is_black_box(model):
        for at, one in enumerate(theta):
            with np.errstate(over="ignore", invalid="ignore"):
                path, _ = host_rollout(model, engine.evaluate, one[: model.layout.size], data, count * every)
            alive = np.logical_and.accumulate(np.isfinite(path).all(axis=2), axis=1)
            states[at] = np.where(alive[:, ::every, None], path[:, ::every], np.nan)
            status[at] = np.where(alive[:, -1], 0, 2)
    elif count:
        states[:, :, 1:], status = steps_by_engine(
            engine, model, data, count * every, every, theta, problem.rebased, name="solve"
        )
    return _at(numbers, every, states), _observed(problem, engine, theta, data, every, numbers, states), status


def _at(numbers: np.ndarray, every: int, values: np.ndarray) -> np.ndarray:
    """Recorded values (S, B, records, …) at step numbers (B, K); NaN where these are negative."""
    rows = np.arange(len(numbers))[:, None]
    found = values[:, rows, np.maximum(numbers, 0) // every]
    found[:, numbers < 0] = np.nan
    return found


def _observed(
    problem: EstimationProblem,
    engine: Engine,
    theta: np.ndarray,
    data: dict[str, np.ndarray],
    every: int,
    numbers: np.ndarray,
    states: np.ndarray,
) -> dict[str, np.ndarray]:
    """Observables, from the recorded states: those that are states need no computation."""
    model = stepper_of(problem)
    split = model.states.split(states)
    own = {model.observed_state(s.name): s.name for s in model.states}
    result = {n: _at(numbers, every, split[own[n]]) for n in model.observables if n in own}
    others = {n: e for n, e in model.observation.outputs.items() if n not in own}
    if not others:
        return result
    graph = Graph(model.observation.inputs, others)
    several, records = states.shape[1], states.shape[2]
    moments = (data["t"][:, None] + model.dt * every * np.arange(records)).reshape(-1)
    members = []
    for u, one in zip(states, theta, strict=True):
        own = problem.constants_at(one)
        rows = {} if own is None else {"c": np.repeat(own, records, axis=0)}
        values = {"t": moments, "u": u.reshape(-1, model.size), "theta": one[: model.layout.size], **rows}
        members.append(evaluated(engine, graph, values, ("t", "u", *rows)))
    for n in others:
        stacked = np.stack([m[n] for m in members])
        result[n] = _at(numbers, every, stacked.reshape(len(theta), several, records, *stacked.shape[2:]))
    return result
