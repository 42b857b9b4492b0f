"""Reads the CSV files of this folder and labels their columns: what every data set here is built from."""

from __future__ import annotations

import csv
from collections.abc import Hashable, Sequence
from importlib import resources

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

__all__ = ["columns", "grid", "quantity"]


def columns(file: str) -> dict[str, NDArray[np.float64]]:
    """Read one CSV file of this package: `#` lines are remarks, the first other line names the columns.

    Parameters
    ----------
    file : file name in `datasets/files`, e.g. `"hudson_bay.csv"`.

    Returns
    -------
    Column name → values (rows,), float64; an empty cell is NaN (not measured).
    """
    text = resources.files("unideq.datasets").joinpath("files", file).read_text(encoding="utf-8")
    names, *rows = csv.reader(line for line in text.splitlines() if line and not line.startswith("#"))
    values = [[float(cell) if cell else np.nan for cell in row] for row in rows]
    return dict(zip(names, np.array(values).T.copy(), strict=True))


def quantity(
    dims: Hashable | Sequence[Hashable], values: ArrayLike, long_name: str, units: str, **attributes: str
) -> xr.Variable:
    """Label values with what they are and in which unit, as plots and results expect it.

    Parameters
    ----------
    dims : dimension, or dimensions in the order of the axes of `values`.
    values : numbers, of the shape that `dims` says.
    long_name, units : for plot labels; `units="1"` is dimensionless.
    attributes : further attributes, e.g. `note`.
    """
    return xr.Variable(dims, values, {"long_name": long_name, "units": units, **attributes})


def grid(
    trajectory: ArrayLike, time: ArrayLike, values: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Spread one line a measurement over the union of all times, with NaN where a trajectory was not measured.

    Parameters
    ----------
    trajectory, time, values : (measurements,) which trajectory, when, and what was measured.

    Returns
    -------
    trajectories (T,), times (K,), values (T, K): the first two sorted, without duplicates.
    """
    trajectories, row = np.unique(np.asarray(trajectory, float), return_inverse=True)
    times, column = np.unique(np.asarray(time, float), return_inverse=True)
    spread = np.full((trajectories.size, times.size), np.nan)
    spread[row, column] = values
    return trajectories, times, spread
