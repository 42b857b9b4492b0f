"""Numbers that may change from call to call without compiling anything, in the order that Julia reads them.

A source's data are arrays one after the other: of an integration the start times (B), output times (B, K) and fixed
step (0: none), output times as observations see them (B, K), stops (S) and jumps (J); of a rollout the states `start`
(B, n), start times `t` (B), constants `c` (B, q) and time step; of points and of given arrays all, by sorted name. An
objective's data are its sources', in order, then the weights.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ...objective.program import Given, Integration, Objective, Rollout, Source
from ..clock import clocked
from ..keys import term_weights

__all__ = ["integration_data", "objective_data", "rollout_data", "source_arrays", "whole_data", "write_fresh"]


def source_arrays(source: Source) -> dict[str, np.ndarray]:
    """A source's data by name, in Julia's order."""
    if isinstance(source, Integration):
        clock = clocked(source)
        step = np.array(0.0 if source.solver.dt is None else source.solver.dt)
        solved = {"start": clock.start, "times": clock.times, "dt": step}
        return {**solved, "seen": source.times, "stops": clock.stops, "jumps": clock.jumps}
    if isinstance(source, Rollout):
        constants = {"c": source.data["c"]} if "c" in source.data else {}
        return {"start": source.data["start"], "t": source.data["t"], **constants, "dt": np.array(source.dt)}
    arrays = source.arrays if isinstance(source, Given) else source.points
    return {name: arrays[name] for name in sorted(arrays)}


def _flat(arrays: Sequence[np.ndarray]) -> np.ndarray:
    return np.concatenate([np.zeros(0), *(np.ravel(np.asarray(values, float)) for values in arrays)])


def integration_data(integration: Integration) -> np.ndarray:
    """What `prepare_integration`'s result takes."""
    return _flat(list(source_arrays(integration).values()))


def rollout_data(rollout: Rollout) -> np.ndarray:
    """What `prepare_rollout`'s result takes."""
    return _flat(list(source_arrays(rollout).values()))


def objective_data(objective: Objective) -> np.ndarray:
    """All sources' data, without the weights that come after them."""
    return _flat([values for source in objective.sources for values in source_arrays(source).values()])


def write_fresh(row: np.ndarray, objective: Objective, fresh: Sequence[Mapping[str, np.ndarray]]) -> None:
    """Put fresh arrays, one dict a source, in their places in an objective's data."""
    at = 0
    for source, arrays in zip(objective.sources, fresh, strict=True):
        for name, values in source_arrays(source).items():
            size = np.size(values)
            if name in arrays:
                row[at : at + size] = np.ravel(arrays[name])
            at += size


def whole_data(objective: Objective, data: np.ndarray) -> np.ndarray:
    """The sources' data with the weights behind them."""
    return np.concatenate([data, term_weights(objective)])
