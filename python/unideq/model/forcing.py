"""Measured forcings: an xarray DataArray over `time` becomes a piecewise polynomial that a model can read at t."""

from __future__ import annotations

import difflib
from typing import Any

import numpy as np
import xarray as xr

from ..errors import DataError, unknown
from ..graph import Expression, Graph, apply, topological
from ..measurements import decoded, measured
from ..times import NUMBERS_ONLY, Clock, model_times

__all__ = ["METHODS", "forcing_times", "interpolate", "method_of", "outside", "pieces"]

METHODS = ("linear", "previous", "cubic")
SETTING = "interpolation"


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
    times, values = forcing_times(f"Forcing `{name}`", data)
    if len(times) < 2:
        raise DataError(
            f"Forcing `{name}` has {len(times)} times; it needs at least two. Use a parameter for a constant."
        )
    return apply("piecewise_polynomial", t, label=name, **pieces(method_of(name, data), times, values))


def forcing_times(
    what: str, data: xr.DataArray, clock: Clock = NUMBERS_ONLY, drop: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Times (K,) and values (K, *shape) of a record over `time`, checked.

    Parameters
    ----------
    what
        The record in words, for messages.
    data
        DataArray over `time` and further dimensions.
    clock
        What times count, where they may be dates or spans.
    drop
        Whether times where nothing was measured (NaN) are left out; else they are refused.

    Raises
    ------
    DataError
        If there is no `time` coordinate, or times or values can't be used.
    """
    if "time" not in data.dims or "time" not in data.coords:
        raise DataError(f"{what} has dimensions {data.dims}; it needs `time`, with a coordinate.")
    data = decoded(data).transpose("time", ...)
    hint = "The date of time 0 is that of the data: their first date, where `fit` has a `time_unit`."
    times = model_times(data["time"].values, f"Times of {what[0].lower()}{what[1:]}", clock, hint=hint)
    values = measured(data.values, what)
    flat = values.reshape(len(times), -1)
    if drop:
        known = ~np.isnan(flat).all(axis=1)
        times, values, flat = times[known], values[known], flat[known]
        if not len(times):
            raise DataError(f"{what} has no value: nothing but NaN. Drop the trajectory or repair it.")
    steps = np.diff(times)
    if (steps <= 0).any():
        i = int(np.flatnonzero(steps <= 0)[0]) + 1
        raise DataError(
            f"{what} needs strictly increasing times; {times[i]:g} (index {i}) follows {times[i - 1]:g}. "
            "Write `data.sortby('time')`, and drop repeated times."
        )
    if not np.isfinite(flat).all():
        i = int(np.flatnonzero(~np.isfinite(flat).all(axis=1))[0])
        raise DataError(f"{what} is NaN or infinite at time {times[i]:g}. Drop such times: `data.dropna('time')`.")
    return times, values


def method_of(name: str, data: xr.DataArray) -> Any:
    """How to interpolate; an attribute that seems to say it in other words is refused."""
    for key, value in data.attrs.items():
        folded = str(key).replace("_", "").lower()
        meant = folded.startswith("interp") or difflib.SequenceMatcher(None, folded, SETTING).ratio() >= 0.8
        if key != SETTING and (meant or (isinstance(value, str) and value.lower() in METHODS)):
            raise DataError(
                f"Forcing `{name}` has the attribute `{key}`, which isn't read. How to interpolate is the attribute "
                f'`{SETTING}`: `data.attrs["{SETTING}"] = "previous"` (or {", ".join(f"`{m}`" for m in METHODS)}).'
            )
    return data.attrs.get(SETTING, METHODS[0])


def outside(forcing: Graph, first: float, last: float) -> dict[str, tuple[float, float, bool]]:
    """Forcings that don't cover the times from `first` to `last`: name → its first and last time, and whether it is
    known at any of these times. Beyond its ends a forcing keeps its end values; half an interval more is none.
    """
    found = {}
    for name, expression in forcing.outputs.items():
        breaks = [n.attributes["breaks"] for n in topological([expression]) if "breaks" in n.attributes]
        if not breaks:
            continue
        begin, end = min(float(b[0]) for b in breaks), max(float(b[-1]) for b in breaks)
        slack = max(float(np.diff(b).max()) for b in breaks)
        if first < begin - slack or last > end + slack:
            found[name] = (begin, end, first <= end and last >= begin)
    return found


def pieces(method: str, times: np.ndarray, values: np.ndarray) -> dict[str, Any]:
    """Attributes of `piecewise_polynomial` through these points; one point is a constant."""
    span = np.diff(times).reshape((-1,) + (1,) * (values.ndim - 1))
    if method in METHODS and len(times) == 1:
        inner = np.zeros((1 if method == "previous" else 2 if method == "linear" else 4, 0, *values.shape[1:]))
    elif method == "linear":
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
