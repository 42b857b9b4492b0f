"""Names in data that look like ones the model knows, and aren't: told before they are ignored.

A condition, an initial value or a start that the data carry under another spelling, as text, as an attribute or along
time would be left out without a word, and its default trained with.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from ..errors import DataError
from ..graph.location import warn_user
from ..measurements import measured
from ..model import Model
from .reading import with_normal_names

__all__ = ["check_names"]

START = "start"
STARTS = frozenset({"starttime", "starttimes", "timestart", "tstart", "startdate", "starts", "begin"})
"""Other words for where an integration starts, without capitals and underscores."""
FILLS = frozenset({"fillvalue", "fill", "missing", "missingvalues", "nodata", "nodatavalue", "navalue", "nanvalue"})
"""Other words for `_FillValue`."""
UNITLESS = frozenset({"", "1", "-", "dimensionless", "none"})
ALIKE = 0.8
"""Similarity (`difflib`) from which a name is taken for a misspelling of another."""


def check_names(data: Any, model: Model) -> list[xr.Dataset]:
    """Compare the names in data with those that a model reads; the data sets that were looked at.

    Warns of units that differ, which nobody converts.

    Raises
    ------
    DataError
        For a coordinate that the model would read if it were spelt, typed or placed otherwise.
    """
    wanted = _wanted(model)
    warned: set[str] = set()
    parts = _parts(data)
    for part in parts:
        where = (
            f" in trajectory {part['trajectory'].item()!r}" if "trajectory" in part.coords.keys() - part.dims else ""
        )
        for name, role in wanted.items():
            _check_one(name, role, part, model, wanted, where)
        _check_fills(part, where)
        _warn_units(part, model, warned)
    return parts


def _wanted(model: Model) -> dict[str, str]:
    """Coordinate that the model reads → what it is."""
    initial = {v: f"the initial value of `{n}`" for n, v in model.initial.items() if isinstance(v, str)}
    known = {n: "a condition" for n, c in model.conditions.items() if c.per is None}
    groups = {c.per: f"the groups of `{n}`" for n, c in model.grouped.items() if c.per != "trajectory"}
    return {**known, **groups, **initial, START: "where the integration starts"}


def _parts(data: Any) -> list[xr.Dataset]:
    """The data sets, as they were given; nothing where they aren't any."""
    from .stream import Stream

    data = data.open() if isinstance(data, Stream) else data
    parts = data if isinstance(data, (list, tuple)) else [data]
    return [with_normal_names(d) for d in parts if isinstance(d, xr.Dataset)]


def _check_one(name: str, role: str, data: xr.Dataset, model: Model, wanted: Mapping[str, str], where: str) -> None:
    """A name that the model reads: there as it should be, or not there under any other guise."""
    grouped = role.startswith("the groups")
    if name in data.coords or ((name in model.conditions or grouped) and name in data.data_vars):
        if not grouped:
            _check_usable(name, role, data[name], where)
        return
    if name in data.data_vars and name not in model.observables:
        raise DataError(f"`{name}`{where} is {role} and stands among the variables. Write `data.set_coords({name!r})`.")
    value = data.attrs.get(name)
    if value is not None and (name != START or isinstance(value, (int, float, np.number))):
        raise DataError(
            f"`{name}` is {role} and stands{where} among the attributes, where nothing is read. Write "
            f"`data.assign_coords({name}={value!r})`."
        )
    known = {"time", "trajectory", *wanted, *model.coordinates}
    near = [str(c) for c in data.coords if str(c) not in known and _alike(str(c), name)]
    near += [str(a) for a in data.attrs if _folded(str(a)) == _folded(name) and name != START]
    if near:
        found, kind = near[0], "coordinate" if near[0] in data.coords else "attribute"
        remedy = (
            f"`data.rename({{{found!r}: {name!r}}})`" if kind == "coordinate" else
            f"`data.assign_coords({name}=...)`"
        )  # fmt: skip
        raise DataError(
            f"The data{where} has no coordinate `{name}`, {role}, but the {kind} `{found}`, which isn't read. "
            f"Write {remedy}; if it is something else, drop it or give it a name of its own."
        )


def _check_usable(name: str, role: str, values: xr.DataArray, where: str) -> None:
    """One number a trajectory."""
    if "time" in values.dims:
        more = " What varies in time is a forcing: `ude.ODE(..., forcings={...})`." if role == "a condition" else ""
        raise DataError(
            f"The coordinate `{name}`{where} is {role}: one number a trajectory, and it varies along `time`.{more}"
        )
    if name != START:  # a start may be a date
        measured(values.values, f"The coordinate `{name}`{where} ({role})")


def _check_fills(data: xr.Dataset, where: str) -> None:
    """Fill values under a name that isn't the convention's."""
    for name, variable in data.data_vars.items():
        for key, value in variable.attrs.items():
            if _folded(str(key)) not in FILLS or str(key) == "_FillValue" or variable.dtype.kind not in "fiu":
                continue
            if isinstance(value, (int, float, np.number)) and bool((variable == value).any()):
                raise DataError(
                    f"`{name}`{where} holds {value:g}, which its attribute `{key}` seems to mean as missing. Name the "
                    f"attribute `_FillValue`, or write `data[{name!r}].where(data[{name!r}] != {value:g})`."
                )


def _warn_units(data: xr.Dataset, model: Model, warned: set[str]) -> None:
    """Units of measurements that differ from the state's; a misspelt `units` means nothing to anyone else."""
    pairs = {}
    for state in model.states:
        observable = model.observed_state(state.name)
        if observable in data.data_vars:
            pairs[observable] = (f"the state `{state.name}`", state.units)
    pairs.update({n: (f"the condition `{n}`", c.units) for n, c in model.conditions.items() if n in data.variables})
    pairs.update({n: (f"the forcing `{n}`", f.units) for n, f in model.inputs.items() if n in data.variables})
    for name, (what, units) in pairs.items():
        attrs = data[name].attrs
        own = str(attrs.get("units", next((v for k, v in attrs.items() if _folded(str(k)) in ("unit", "units")), "")))
        if name in warned or not units or not own or _same_units(own, units):
            continue
        warned.add(name)
        warn_user(
            f"`{name}` is in `{own}` in the data, {what} in `{units}`. Nothing is converted: convert the data, or "
            "give both the same words."
        )


def _same_units(one: str, other: str) -> bool:
    first, second = (re.sub(r"[\s*·.^]", "", u) for u in (one, other))
    return first == second or (first.lower() in UNITLESS and second.lower() in UNITLESS)


def _alike(found: str, name: str) -> bool:
    """Whether a name is another spelling of one that is read."""
    one, other = _folded(found), _folded(name)
    if one == other:
        return True
    if name == START:
        return one in STARTS
    if len(other) <= 3 or re.sub(r"\d", "", one) == re.sub(r"\d", "", other):  # `rate_1` isn't `rate_2`
        return False
    return difflib.SequenceMatcher(None, one, other).ratio() >= ALIKE


def _folded(name: str) -> str:
    """Without capitals and what joins words."""
    return re.sub(r"[\s_.\-]", "", name).lower()
