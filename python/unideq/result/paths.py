"""Paths of an `SDE`, simulated by an engine: the noise is drawn here, and a rollout makes the steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from ..checks import choice, known_arguments, number, whole
from ..engine import Engine, checked_engine, get_engine
from ..errors import DataError, OptionError
from ..graph import Graph, variable
from ..graph.location import warn_user
from ..model import SDE
from ..model.stochastic.schemes import SCHEMES, StochasticScheme, scheme_of, stochastic_step
from ..noise import brownian
from ..objective.program import Rollout
from ..times import increasing, whole_steps
from ..training.record import Record
from .sampling import problem_of
from .solution import initial_states, solution_dataset

__all__ = ["QUANTILES", "bands", "path_noise", "simulate", "simulated", "steps_of"]

MEMORY = 256 * 2**20
"""Bytes that the noise of the paths rolled out together may take."""
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
GRID = 101
"""Times of an even grid for bands."""
A_GAP = 10
"""Steps between two output times where nobody says how many."""


@known_arguments
def simulate(
    model: SDE,
    times: Any,
    initial: Mapping[str, Any] | None,
    parameters: Any = None,
    paths: int = 100,
    seed: int = 0,
    dt: float | None = None,
    scheme: str = "auto",
    conditions: Mapping[str, Any] | None = None,
    engine: str | Engine | None = None,
) -> xr.Dataset:
    """See `SDE.solve`."""
    grid = increasing(times)
    if len(grid) < 2:
        raise DataError("Paths need two output times at least: the first one is their start.")
    paths, seed = whole(paths, "paths", "solve", least=1), whole(seed, "seed", "solve", least=0)
    choice(scheme, "scheme", SCHEMES)
    checked_engine(engine)
    parameters, conditions = model.shared(parameters, conditions)
    u0, _ = initial_states(model, initial)
    if len(u0) not in (1, paths):
        raise DataError(f"`initial` has {len(u0)} rows for {paths} paths: give one, or one a path.")
    u0 = np.broadcast_to(u0, (paths, model.size))
    c = model.conditions_array(conditions, None if conditions else paths) if model.constants is not None else None
    if c is not None and len(c) not in (1, paths):
        raise DataError(f"`conditions` have {len(c)} rows for {paths} paths: give one number, or one a path.")
    c = None if c is None else np.broadcast_to(c, (paths, c.shape[1]))
    found = simulated(model, get_engine(engine), grid, u0, model.resolve_theta(parameters), c, seed, dt, scheme)
    lost = int((~np.isfinite(found["state"][:, -1]).all(axis=-1)).sum())
    if lost:
        warn_user(
            f"{lost} of {paths} paths became infinite or NaN, and are NaN from there on. Try a smaller `dt`, or a "
            "drift that pulls back."
        )
    observed = {n.removeprefix("observed."): v for n, v in found.items() if n != "state"}
    return solution_dataset(model, grid, found["state"], observed, ("path",))


def simulated(
    model: SDE,
    engine: Engine,
    grid: np.ndarray,
    u0: np.ndarray,
    theta: np.ndarray,
    c: np.ndarray | None = None,
    seed: int = 0,
    dt: float | None = None,
    scheme: str = "auto",
) -> dict[str, np.ndarray]:
    """`state` (B, K, n) and `observed.NAME` (B, K, …) of paths from u0 (B, n) at the first time of a grid (K,)."""
    each, counts = steps_of(grid, dt)
    chosen, h = scheme_of(model, scheme), float(grid[1] - grid[0]) / (each * counts[1])
    step, theta = stochastic_step(model, chosen, h), np.asarray(theta)[: model.layout.size]
    outputs = {f"observed.{n}": e for n, e in model.observation.outputs.items() if n not in model.states.names}
    seen = Graph(model.observation.inputs, {"state": variable("u", (model.size,)), **outputs})
    own = {"start": u0, "t": np.full(len(u0), grid[0]), **({} if c is None else {"c": c})}
    parts: list[dict[str, np.ndarray]] = []
    made = each * int(counts[-1])
    rows = max(1, MEMORY // (8 * made * chosen.width(model.brownian)))
    for first in range(0, len(u0), rows):
        some = {n: v[first : first + rows] for n, v in own.items()}
        noise = path_noise(model, chosen, seed, range(first, first + len(some["start"])), counts[-1], each, h)
        program = Rollout("paths", step, seen, {**some, "w": noise}, h, made, each)
        parts.append({n.removeprefix("paths."): v for n, v in engine.rollout(program, theta).arrays.items()})
    found = {n: np.concatenate([p[n] for p in parts])[:, counts[1:] - 1] for n in parts[0]}
    at = [{n: v[k] for n, v in own.items() if n == "c"} for k in range(len(u0))] if outputs else []
    begin = [seen.evaluate({"t": grid[0], "u": u, "theta": theta, **more}) for u, more in zip(u0, at, strict=False)]
    starts = {"state": u0, **{n: np.stack([row[n] for row in begin]) for n in outputs}}
    return {n: np.concatenate([starts[n][:, None], v], axis=1) for n, v in found.items()}


def steps_of(grid: np.ndarray, dt: float | None) -> tuple[int, np.ndarray]:
    """Steps in the smallest gap between output times, and how many such gaps reach each of them.

    Raises
    ------
    DataError
        If output times aren't whole numbers of the smallest gap apart, which equal steps don't reach.
    OptionError
        If the gap isn't a whole number of steps.
    """
    gap = float(np.diff(grid).min())
    counts, reached = whole_steps(grid, float(grid[0]), gap)
    if not reached.all():
        raise DataError(
            f"Paths are made in equal steps, and the time {grid[~reached][0]:g} isn't a whole number of the smallest "
            f"gap, {gap:g}, after {grid[0]:g}. Give evenly spaced times, and choose among those."
        )
    if dt is None:
        return A_GAP, counts
    dt = float(number(dt, "dt", above=0))
    each = round(gap / dt)
    if each < 1 or abs(each * dt - gap) > 1e-6 * gap:
        raise OptionError(
            f"The smallest gap between output times is {gap:g}, which isn't a whole number of steps of {dt:g}. Take "
            f"`dt={gap / max(each, 1):g}`."
        )
    return each, counts


def path_noise(
    model: SDE, scheme: StochasticScheme, seed: int, paths: range, gaps: int, each: int, h: float
) -> np.ndarray:
    """What a scheme reads in each step (paths, steps, k): of the same Brownian paths for `each` and twice as many."""
    halvings, finer = (each & -each).bit_length() - 1, scheme.parts.bit_length() - 1
    steps = int(gaps) * (each >> halvings)
    w, a = brownian(seed, paths, steps, model.brownian, h * 2**halvings, halvings + finer)
    return scheme.given(w, a, h / scheme.parts)


def bands(
    record: Record,
    engine: Engine,
    seeds: Sequence[int],
    theta: np.ndarray,
    times: np.ndarray | None = None,
    paths: int = 200,
    seed: int = 0,
    dt: float | None = None,
    scheme: str = "auto",
    levels: Sequence[float] | None = QUANTILES,
) -> xr.Dataset:
    """Quantiles of paths from every trajectory's start, (seed, trajectory, quantile, time, …); or paths, levels=None.

    Parameters
    ----------
    theta
        (S, P), of these seeds.
    times
        Output times (K,), NaN before a start; None: an even grid, whose bands are read between its points.
    """
    model, problem = record.model, problem_of(record)
    size, series = model.layout.size, record.observations.series
    start = np.concatenate([problem.guesses[s.name].reshape(len(series), -1) for s in model.states], axis=1)
    ends = [float(s.times[-1]) for s in series]
    grid = np.linspace(min(s.start for s in series), max(ends), GRID) if times is None else times
    members = []
    for row in theta:
        c, found = problem.constants_at(row), []
        for b, s in enumerate(series):
            own = np.linspace(s.start, max(ends[b], s.start + 1e-9), GRID) if times is None else grid[grid > s.start]
            own = own if times is None else np.concatenate([[s.start], own])
            rows = np.broadcast_to(start[b], (paths, model.size))
            constants = None if c is None else np.broadcast_to(c[b], (paths, c.shape[1]))
            drawn = simulated(model, engine, own, rows, row[:size], constants, seed, dt, scheme)
            drawn = drawn if levels is None else {n: np.nanquantile(v, levels, axis=0) for n, v in drawn.items()}
            found.append({n: _on(grid, own, v) for n, v in drawn.items()})
        members.append({n: np.stack([f[n] for f in found]) for n in found[0]})
    arrays = {n: np.stack([m[n] for m in members]) for n in members[0]}
    observed = {n.removeprefix("observed."): v for n, v in arrays.items() if n != "state"}
    axis = "path" if levels is None else "quantile"
    made = solution_dataset(model, grid, arrays["state"], observed, ("seed", "trajectory", axis))
    made["time"].attrs = dict(record.observations.dataset["time"].attrs)
    for name in made.data_vars:
        if name in record.observations.dataset:
            made[name].attrs = {**record.observations.dataset[name].attrs, **made[name].attrs}
    labels = {"seed": list(seeds), "trajectory": [s.label for s in series]}
    return made.assign_coords(labels if levels is None else {**labels, "quantile": list(levels)})


def _on(grid: np.ndarray, own: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Values (P, K, …) at other times, linearly between their own, NaN outside."""
    flat = values.reshape(len(values), len(own), -1)
    found = np.full((len(values), len(grid), flat.shape[2]), np.nan)
    for p, k in np.ndindex(len(values), flat.shape[2]):
        found[p, :, k] = np.interp(grid, own, flat[p, :, k], left=np.nan, right=np.nan)
    return found.reshape(len(values), len(grid), *values.shape[2:])
