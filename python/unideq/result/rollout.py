"""Rolling out steppers: states after every step, as xarray."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from ..checks import PRECISIONS, choice, flag, known_arguments, whole
from ..engine import STATUS, Engine, checked_engine, evaluated, get_engine
from ..engine.pieces import numbers_at
from ..errors import DataError, OptionError, SolveError
from ..graph import Graph, variable
from ..graph.location import warn_user
from ..model import Koopman
from ..model.condition import condition_values
from ..objective.program import Rollout
from ..times import increasing, model_time, whole_steps
from .solution import Solution, initial_states, solution_dataset

if TYPE_CHECKING:
    from ..model import Stepper

__all__ = ["rollout", "solve_by_steps", "states_by_engine", "steps_by_engine"]

BY_NUMPY = 2e7
"""Numbers of observables that NumPy computes in less time than an engine takes to compile them."""


def rollout(
    stepper: Stepper | Koopman,
    initial: Mapping[str, Any] | None,
    steps: int,
    parameters: Any = None,
    every: int = 1,
    conditions: Mapping[str, Any] | None = None,
    engine: str | Engine | None = None,
    start: float = 0.0,
    precision: str = "float64",
) -> xr.Dataset:
    """See `Stepper.rollout`."""
    start, precision = model_time(start, "`start`"), choice(precision, "precision", PRECISIONS)
    if precision != "float64" and not stepper.has_step_graph:
        raise OptionError("A black box computes in what it computes in. Leave out `precision`.")
    dataset, status, batched = _rolled(stepper, initial, steps, parameters, every, conditions, engine, start, precision)
    if status.any():
        first = int(np.flatnonzero(status)[0])
        finite = np.isfinite(dataset[stepper.states.names[0]].values[first]).reshape(dataset.sizes["time"], -1)
        last = dataset["time"].values[finite.all(axis=1)][-1]
        where = f" (trajectory {first})" if batched else ""
        warn_user(
            f"The rollout{where} became infinite or NaN after t = {last:g}; from there on it is NaN. "
            "Try a smaller `dt`, more `substeps`, or a scheme that treats the stiff part apart."
        )
    return dataset if batched else dataset.isel(trajectory=0, drop=True)


@known_arguments
def solve_by_steps(
    stepper: Stepper | Koopman,
    times: Any,
    initial: Mapping[str, Any] | None = None,
    parameters: Any = None,
    *,
    start: float | None = None,
    conditions: Mapping[str, Any] | None = None,
    engine: str | Engine | None = None,
    throw: bool = True,
) -> Solution:
    """Roll a stepper out through output times that lie whole numbers of steps after the start.

    Parameters
    ----------
    times
        Output times (K,), increasing.
    initial, parameters, conditions, engine
        As for `Stepper.rollout`.
    start
        Time of the initial state; default: the first output time.
    throw
        Whether a rollout that becomes infinite or NaN raises.

    Raises
    ------
    OptionError
        If a time isn't a whole number of steps after the start.
    SolveError
        If the rollout failed and `throw` is true.
    """
    grid = increasing(times)
    flag(throw, "throw")
    begin = float(grid[0]) if start is None else model_time(start, "`start`")
    counts, reached = whole_steps(grid, begin, stepper.dt)
    if (counts < 0).any() or not reached.all():
        wrong = grid[(counts < 0) | ~reached][0]
        raise OptionError(
            f"The time {wrong:g} isn't a whole number of steps of {stepper.dt:g} after {begin:g}. Choose such times, "
            "another `dt`, or interpolate the rollout (`dataset.interp(time=...)`)."
        )
    every = int(np.gcd.reduce(counts)) or 1
    steps = int(counts[-1])
    dataset, status, batched = _rolled(stepper, initial, steps, parameters, every, conditions, engine, begin)
    dataset = dataset.isel(time=counts // every).assign_coords(time=("time", grid, dataset["time"].attrs))
    texts = tuple(STATUS[int(code)] for code in status)
    if throw and status.any():
        first = int(np.flatnonzero(status)[0])
        where = f" (trajectory {first})" if batched else ""
        raise SolveError(
            f"The rollout didn't reach t = {grid[-1]:g}{where}: {texts[first]}. Try a smaller `dt`, more `substeps`, a "
            "scheme that treats the stiff part apart, or `throw=False` to look at it."
        )
    solved = dataset if batched else dataset.isel(trajectory=0, drop=True)
    statistics = {"steps": np.full(len(status), steps * stepper.substeps)}
    solver = f"{stepper.scheme_text}, dt = {stepper.dt:g}"
    parameters, _ = stepper.shared(parameters, conditions)
    return Solution(solved, texts, statistics, solver, stepper.with_theta(stepper.checked_theta(parameters)))


def _rolled(
    stepper: Stepper | Koopman,
    initial: Mapping[str, Any] | None,
    steps: int,
    parameters: Any,
    every: int,
    conditions: Mapping[str, Any] | None,
    engine: str | Engine | None,
    start: float,
    precision: str = "float64",
) -> tuple[xr.Dataset, np.ndarray, bool]:
    """Dataset (trajectory, time, …), status (B,), and whether the caller gave several trajectories."""
    steps, every = whole(steps, "steps", least=0), whole(every, "every", least=1)
    checked_engine(engine)
    if steps % every:
        raise OptionError(f"`steps` ({steps}) isn't a multiple of `every` ({every}).")
    parameters, conditions = stepper.shared(parameters, conditions)
    theta = stepper.checked_theta(parameters)
    u0, batched = initial_states(stepper, initial)
    known = condition_values(stepper.conditions, conditions, None if conditions else len(u0))
    count = len(next(iter(known.values()))) if known else len(u0)
    if len(u0) == 1 and count > 1:
        u0, batched = np.repeat(u0, count, axis=0), True
    elif count not in (1, len(u0)):
        raise DataError(f"Conditions are given for {count} trajectories, initial states for {len(u0)}.")
    c = stepper.conditions_array(conditions, len(u0))
    stepper.check_stability(u0[:1], theta, c[:1], start)
    if not steps:
        states, status = u0[:, None], np.zeros(len(u0), dtype=int)
    elif isinstance(stepper, Koopman) or stepper.has_step_graph:
        states, status = states_by_engine(stepper, u0, steps, every, theta, c, engine, start, precision)
    else:
        states, status = _by_numpy(stepper, u0, steps, every, theta, c, known, start)
    times = start + stepper.dt * np.arange(0, steps + 1, every)
    observed = _observed(stepper, times, states, theta, c, engine)
    dataset = solution_dataset(stepper, times, states, observed)
    for name, values in known.items():
        units = stepper.conditions[name].units
        column = np.broadcast_to(values, (len(u0),))
        dataset = dataset.assign_coords({name: ("trajectory", column, {"units": units} if units else {})})
    return dataset, status, batched


def states_by_engine(
    stepper: Stepper | Koopman,
    u0: np.ndarray,
    steps: int,
    every: int,
    theta: np.ndarray,
    c: np.ndarray,
    engine: str | Engine | None,
    start: float | np.ndarray,
    precision: str = "float64",
) -> tuple[np.ndarray, np.ndarray]:
    """Flat states (B, 1 + steps / every, n) from u0 (B, n) on, NaN behind a failure, and the status (B,) of each.

    `start`: time of the first states, one or (B,); `c` (B, q).
    """
    data = {"start": u0, "t": np.full(len(u0), start, dtype=float)}
    if stepper.constants is not None:
        data["c"] = c
    later, status = steps_by_engine(get_engine(engine), stepper, data, steps, every, theta, precision=precision)
    return np.concatenate([u0[:, None], later], axis=1), status


def steps_by_engine(
    engine: Engine,
    stepper: Stepper | Koopman,
    data: Mapping[str, np.ndarray],
    steps: int,
    every: int,
    theta: np.ndarray,
    based: Callable[[Graph], Graph] = lambda graph: graph,
    precision: str = "float64",
    name: str = "rollout",
) -> tuple[np.ndarray, np.ndarray]:
    """States (…, B, K, n) after every so many steps, and their status (…, B), for θ (…, P).

    `data` as of `Rollout`; `based` makes the stepper's graphs those of this θ. Koopman models are encoded once, at the
    start, and decoded where they are recorded.
    """
    if not isinstance(stepper, Koopman):
        u = variable("u", (stepper.size,))
        observe, step = Graph((u,), {"state": u}), based(stepper.step)
        program = Rollout(name, step, observe, data, stepper.dt, steps, every, precision=precision)
        result = engine.rollout(program, theta)
        return result.arrays[f"{name}.state"], np.array(result.status)
    lift, step, lower = based(stepper.lift), based(stepper.advance), based(stepper.lower)
    found: list[tuple[np.ndarray, np.ndarray]] = []
    for one in theta.reshape(-1, theta.shape[-1]):  # each seed begins at latent coordinates of its own
        start = engine.evaluate(lift, {"t": data["t"], "u": data["start"], "theta": one}, ("t", "u"))["latent"]
        begun = {"start": start, "t": data["t"]}
        rolled = engine.rollout(Rollout(name, step, lower, begun, stepper.dt, steps, every, precision=precision), one)
        found.append((rolled.arrays[f"{name}.state"], np.asarray(rolled.status)))
    states, status = (np.stack(parts).reshape(*theta.shape[:-1], *parts[0].shape) for parts in zip(*found, strict=True))
    return states, status


def _by_numpy(
    stepper: Stepper,
    u0: np.ndarray,
    steps: int,
    every: int,
    theta: np.ndarray,
    c: np.ndarray,
    known: Mapping[str, np.ndarray],
    start: float,
) -> tuple[np.ndarray, np.ndarray]:
    u, kept = u0, [u0]
    graph = stepper.correction_graph
    for k in range(steps):
        t = start + k * stepper.dt
        solved = stepper.black_box(u, known)
        rows = [
            graph.evaluate({"t": t, "u": a, "s": s, "c": row, "theta": theta})["u"]
            for a, s, row in zip(u, solved, c, strict=True)
        ]
        u = np.stack(rows)
        if (k + 1) % every == 0:
            kept.append(u)
    states = np.stack(kept, axis=1)
    finite = np.isfinite(states).all(axis=2)
    alive = np.logical_and.accumulate(finite, axis=1)
    states[~alive] = np.nan
    return states, np.where(alive[:, -1], 0, 2)


def _observed(
    stepper: Stepper | Koopman, times: np.ndarray, states: np.ndarray, theta: np.ndarray, c: np.ndarray, engine: Any
) -> dict[str, np.ndarray]:
    """Observables that aren't states, (B, K, *shape): in NumPy where compiling them would take longer."""
    graph = stepper.observation
    own = stepper.states.split(variable("u", (stepper.size,)))
    further = {n: e for n, e in graph.outputs.items() if own.get(n) is not e}
    if not further:
        return {}
    part = Graph(graph.inputs, further)
    count, records = states.shape[:2]
    values = {"t": np.tile(times, count), "u": states.reshape(count * records, -1), "c": np.repeat(c, records, axis=0)}
    if numbers_at(part) * count * records > BY_NUMPY:
        found = evaluated(get_engine(engine), part, {**values, "theta": theta}, ("t", "u", "c"))
    else:
        rows = zip(*values.values(), strict=True)
        each = [part.evaluate({**dict(zip(values, row, strict=True)), "theta": theta}) for row in rows]
        found = {n: np.array([one[n] for one in each]) for n in further}
    return {n: found[n].reshape(count, records, *found[n].shape[1:]) for n in further}
