"""Trajectories with times of their own: one row of times each, instead of one axis that holds the times of all.

On a common axis, n trajectories of K own times fill n · nK places, of which nK hold something. Where that is much, data
and results have the dimensions (trajectory, sample) and a two-dimensional coordinate `time`, NaN behind a shorter
trajectory's end.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from ..errors import DataError

__all__ = [
    "SAMPLE",
    "along",
    "has_own_times",
    "on_common_times",
    "padded",
    "padded_values",
    "real_times",
    "split_own_times",
    "time_dim",
    "worth_it",
]

SAMPLE = "sample"
"""The dimension that takes the place of `time`."""
FACTOR, LEAST = 4, 500
"""A common axis is given up where it is longer than both: so many times the longest trajectory, so many times."""


def worth_it(times: Sequence[np.ndarray]) -> bool:
    """Whether trajectories with these times are better kept on times of their own."""
    longest = max(len(t) for t in times)
    return sum(len(t) for t in times) > LEAST and len(np.unique(np.concatenate(times))) > max(FACTOR * longest, LEAST)


def padded_values(rows: Sequence[np.ndarray], fill: float = np.nan) -> np.ndarray:
    """Rows (K, …) as one array, (rows, longest, …): shorter ones end in NaN, or in `fill`."""
    width = max(len(r) for r in rows)
    return np.stack([np.concatenate([r, np.full((width - len(r), *r.shape[1:]), fill)]) for r in rows])


def padded(rows: Sequence[np.ndarray]) -> np.ndarray:
    """Rows of times as one array; shorter rows repeat their last time."""
    width = max(len(r) for r in rows)
    return np.stack([np.concatenate([r, np.full(width - len(r), r[-1])]) for r in rows])


def real_times(counts: Sequence[int]) -> np.ndarray:
    """(rows, longest) bool: True at a row's own times, False at those that `padded` repeats."""
    return np.arange(max(counts))[None, :] < np.array(counts)[:, None]


def time_dim(times: np.ndarray) -> str:
    """Name of the dimension along these times: `time` where they are one axis, `sample` where they are rows."""
    return "time" if np.ndim(times) == 1 else SAMPLE


def has_own_times(data: xr.Dataset) -> bool:
    """Whether a data set has a row of times a trajectory."""
    return "time" in data.coords and data["time"].ndim == 2


def split_own_times(data: xr.Dataset) -> list[xr.Dataset]:
    """A data set with rows of times as one a trajectory, on its own axis `time`.

    Raises
    ------
    DataError
        If the rows aren't along `trajectory`, or their ends aren't at their ends.
    """
    lead, dim = (str(d) for d in data["time"].dims)
    if lead != "trajectory":
        raise DataError(
            f"Times of every trajectory's own need the dimensions (trajectory, {SAMPLE}), not ({lead}, {dim}). "
            "Rename or transpose: `data.transpose('trajectory', ...)`."
        )
    parts = []
    for i in range(data.sizes["trajectory"]):
        one = data.isel(trajectory=i)
        known = np.isfinite(np.asarray(one["time"].values, dtype=float))
        parts.append(one.isel({dim: np.flatnonzero(known)}).swap_dims({dim: "time"}))
    return parts


def on_common_times(data: xr.Dataset) -> xr.Dataset:
    """Either kind of data set on one axis `time`, NaN where a trajectory has none of its times: large, where many have
    their own."""
    if not has_own_times(data):
        return data
    parts: Any = [part.drop_vars("trajectory", errors="ignore") for part in split_own_times(data)]
    labels = data["trajectory"] if "trajectory" in data.coords else np.arange(len(parts))
    made: Any = xr.concat(parts, dim=xr.Variable("trajectory", np.asarray(labels)), join="outer")
    return made.assign_attrs(data.attrs)


def along(data: xr.Dataset, name: str, index: int) -> tuple[np.ndarray, Any]:
    """Times (K,) and values of one trajectory of a solution (seed, trajectory, time, …), either kind: (seed, K, …)."""
    times, values = data["time"].values, data[name].values[:, index]
    if times.ndim == 1:
        return times, values
    count = int(np.isfinite(times[index]).sum())
    return times[index, :count], values[:, :count]
