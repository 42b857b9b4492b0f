"""Measured forcings: an xarray DataArray over `time` becomes a piecewise polynomial that a model can read at t."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from ..errors import DataError, unknown
from ..graph import Expression, apply

__all__ = ["interpolate"]

METHODS = ("linear", "previous", "cubic")


def interpolate(name: str, data: xr.DataArray, t: Expression) -> Expression:
    """The forcing at time t; before the first and after the last measurement it keeps the end value.

    Parameters
    ----------
    name
        For messages and printed equations.
    data
        DataArray with dimension `time` (numeric, increasing) first or only; further dimensions make an array value.
        `data.attrs["interpolation"]` chooses `linear` (default), `previous` (steps) or `cubic` (natural spline through
        the points). NaN isn't allowed.
    t
        Symbolic time, any shape.

    Raises
    ------
    DataError
        If the array has no `time` coordinate, or times or values can't be used.
    """
    if not isinstance(data, xr.DataArray):
        raise DataError(
            f"Forcing `{name}` needs an xarray DataArray with a `time` coordinate, not {type(data).__name__}."
        )
    if "time" not in data.dims or "time" not in data.coords:
        raise DataError(f"Forcing `{name}` has dimensions {data.dims}; it needs `time`, with a coordinate.")
    if "trajectory" in data.dims:
        raise DataError(
            f"Forcing `{name}` differs between trajectories, which isn't possible: one model has one forcing. "
            "Make its values parameters of the initial state, or fit one model a trajectory."
        )
    data = data.transpose("time", ...)
    times = np.asarray(data["time"].values)
    if times.dtype.kind not in "fiu":
        raise DataError(
            f"Forcing `{name}` needs numeric times, not {times.dtype}. Convert, e.g. to days since the start."
        )
    if data.dtype.kind not in "fiub":
        raise DataError(f"Forcing `{name}` holds {data.dtype} values, not numbers.")
    times, values = times.astype(float), np.asarray(data.values, dtype=float)
    if len(times) < 2:
        raise DataError(
            f"Forcing `{name}` has {len(times)} times; it needs at least two. Use a parameter for a constant."
        )
    steps = np.diff(times)
    if not np.isfinite(times).all():
        raise DataError(f"Forcing `{name}` has a time that is NaN or infinite.")
    if (steps <= 0).any():
        i = int(np.flatnonzero(steps <= 0)[0]) + 1
        raise DataError(
            f"Forcing `{name}` needs strictly increasing times; {times[i]:g} (index {i}) follows {times[i - 1]:g}. "
            "Write `data.sortby('time')`, and drop repeated times."
        )
    if not np.isfinite(values).all():
        i = int(np.flatnonzero(~np.isfinite(values.reshape(len(times), -1)).all(axis=1))[0])
        raise DataError(
            f"Forcing `{name}` is NaN or infinite at time {times[i]:g}. Drop such times: `data.dropna('time')`."
        )
    method = data.attrs.get("interpolation", "linear")
    return apply("piecewise_polynomial", t, label=name, **_pieces(method, times, values))


def _pieces(method: str, times: np.ndarray, values: np.ndarray) -> dict[str, Any]:
    span = np.diff(times).reshape((-1,) + (1,) * (values.ndim - 1))
    if method == "linear":
        inner = np.stack([values[:-1], np.diff(values, axis=0) / span])
    elif method == "previous":
        inner = values[None, :-1]
    elif method == "cubic":
        from scipy.interpolate import CubicSpline

        inner = CubicSpline(times, values, axis=0, bc_type="natural").c[::-1]
    else:
        raise unknown("interpolation", method, METHODS, DataError)
    ends = np.zeros((len(inner), 1, *values.shape[1:]))
    first, last = ends.copy(), ends.copy()
    first[0, 0], last[0, 0] = values[0], values[-1]
    return {
        "breaks": times,
        "anchors": np.concatenate([times[:1], times[:-1], times[-1:]]),
        "coefficients": np.concatenate([first, inner, last], axis=1),
    }
