"""What an `SDE` expects of each measurement, given those before it: one-step predictions, and what they are worth."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import xarray as xr

from ..engine import STATUS, Engine
from ..objective import FilterLikelihood, GaussianLikelihood
from ..objective.filtering import counted, filter_rollout
from ..objective.own_times import padded_values, time_dim
from ..training.record import Record
from .sampling import problem_of, result_times

__all__ = ["diagnosed", "one_step"]


def one_step(record: Record, engine: Engine, theta: np.ndarray) -> xr.Dataset:
    """At every measured time, for θ (S, P): `predicted` and `expected` (the predicted standard deviation) of the
    measured numbers given those before (seed, trajectory, row, number), and `mean` and `deviation` of the states given
    those up to then (seed, trajectory, time, n), at the result's times."""
    problem = replace(problem_of(record), picking=True)
    everything = record.observations
    filters = [s.objective for s in record.settings.stages() if isinstance(s.objective, FilterLikelihood)]
    last: Any = filters[-1] if filters else record.settings.stages()[-1].objective
    if not isinstance(problem.loss, GaussianLikelihood):
        last = _Exact(getattr(last, "substeps", 1))
    result = engine.rollout(filter_rollout(problem.with_observations(everything), everything, last), theta)
    arrays = {n.removeprefix("filter."): v for n, v in result.arrays.items()}
    times = result_times(everything, 0)
    rows = np.broadcast_to(times, (len(everything), times.shape[-1]))
    moments = {}
    for name in ("mean", "deviation"):
        found = np.full((len(theta), *rows.shape, record.model.size), np.nan)
        for b, s in enumerate(everything.series):
            found[:, b, np.searchsorted(rows[b], s.times)] = arrays[name][:, b, : len(s.times)]
        moments[name] = (("seed", "trajectory", "time", "number"), found)
    own = padded_values([s.times for s in everything.series])
    return xr.Dataset(
        {
            **{n: (("seed", "trajectory", "row", "measured"), arrays[n]) for n in ("predicted", "expected")},
            **moments,
            "cost": (("seed", "trajectory", "row"), arrays["cost"]),
            "status": (("seed", "trajectory"), result.status),
            "own_time": (("trajectory", "row"), own),
        },
        coords={"time": (("trajectory", time_dim(times)) if times.ndim > 1 else ("time",), times)},
    )


class _Exact:
    """Settings of a filter of exact measurements."""

    def __init__(self, substeps: int) -> None:
        self.substeps, self.spread = substeps, {}


def diagnosed(record: Record, found: xr.Dataset) -> xr.Dataset:
    """Errors of one-step predictions (seed, variable), training and held-out: root mean square and R² against what
    was measured, `spread`, the standard deviation of the errors in units of the predicted one, and `residual`, these
    themselves (seed, trajectory, time, …)."""
    parts = dict(zip(("training", "held_out"), record.observations.split(record.settings.holdout), strict=True))
    names = [n for n in record.observations.names if n in record.model.observables]
    variables: dict[str, Any] = {}
    rows: dict[str, np.ndarray] = {}
    at = 0
    for name in names:
        size = int(np.prod(record.observations.shapes[name]))
        measured = padded_values([s.values[name].reshape(len(s.times), size) for s in record.observations.series])
        off = measured[None] - found["predicted"].values[..., at : at + size]
        off[:, :, 0] = np.nan  # nothing was known before
        rows[name] = np.stack([off, off / found["expected"].values[..., at : at + size]])
        at += size
    for label, part in parts.items():
        if part is None:
            continue
        seen = counted(part, record.observations)
        error, share, spread = [], [], []
        for name in names:
            off = np.where(seen[None, None, :, :, None] > 0, rows[name], np.nan)
            off = off.reshape(2, off.shape[1], -1)
            square = _mean(off[0] ** 2)
            known = part.pooled(name)
            error.append(np.sqrt(square))
            share.append(1.0 - square / np.nanvar(known))
            spread.append(np.sqrt(_mean(off[1] ** 2)))
        for what, columns in (("rmse", error), ("r_squared", share), ("spread", spread)):
            variables[f"{what}_{label}"] = (("seed", "variable"), np.stack(columns, axis=1))
    for name in names:
        variables[f"{name}_residual"] = (("seed", "trajectory", "row", f"{name}_number"), rows[name][1])
    status = np.vectorize(lambda c: STATUS.get(int(c), STATUS[5]))(found["status"].values)
    return xr.Dataset(
        {**variables, "solver_status": (("seed", "trajectory"), status.astype(str)),
         "measured_time": (("trajectory", "row"), found["own_time"].values)},
        coords={
            "seed": list(record.settings.seeds),
            "variable": np.array(names, dtype=str),
            "trajectory": [s.label for s in record.observations.series],
        },
    )  # fmt: skip


def _mean(values: np.ndarray) -> np.ndarray:
    """Over the last axis; NaN doesn't count."""
    known = np.isfinite(values)
    return np.where(known, values, 0.0).sum(axis=-1) / np.maximum(known.sum(axis=-1), 1)
