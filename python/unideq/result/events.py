"""Events of solved trajectories: when they happened, and the states on both sides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from ..checks import mapping
from ..engine.clock import clocked
from ..errors import DataError, unknown
from ..graph import Graph
from ..graph.location import warn_user
from ..model import Model, tables_of
from ..model.names import normal_keys
from ..objective.own_events import Schedule, numbers_of
from ..objective.own_times import padded_values
from ..objective.program import Integration
from ..times import Clock

__all__ = ["crossed_zero", "event_dataset", "given_tables", "happened", "tables_with", "warn_never", "with_events"]

SIDES = ("before", "after")
Happened = tuple[float, int, np.ndarray, np.ndarray]
"""Time, number of the event, state before, state after."""


def given_tables(model: Model, events: Any, clock: Clock) -> tuple[dict[str, np.ndarray], int | None]:
    """Tables of events as `solve` and `predict` get them, (K,) or (B, K), and B where one says it.

    Raises
    ------
    DataError
        If a name isn't a table's, or its numbers can't be used.
    """
    tables, count = {}, None
    names = tables_of(model.triggers)
    times = {g.at for g in model.triggers}
    for name, value in normal_keys(mapping(events, "events", none=True, error=DataError)).items():
        if name not in names:
            raise unknown("table of events", name, names, DataError)
        if isinstance(value, xr.DataArray) and "trajectory" in value.dims:
            value = value.transpose("trajectory", ...)
        array = np.asarray(value)
        if array.ndim > 2:
            raise DataError(f"`{name}` in `events` has {array.ndim} dimensions; a table has one row a trajectory.")
        flat = numbers_of(name, array.reshape(-1), clock if name in times else None, " in `events`")
        tables[name] = flat.reshape(array.shape) if array.ndim else flat
        if array.ndim == 2:
            if count not in (None, len(array)):
                raise DataError(
                    f"The tables in `events` disagree about the number of trajectories: {count}, {len(array)}."
                )
            count = len(array)
    return tables, count


def with_events(times: np.ndarray, found: Sequence[Schedule]) -> tuple[np.ndarray, list[np.ndarray], list[np.ndarray]]:
    """Output times (B, K) with those of events between them, a row's end repeated; where the former (B, K) and the
    latter are in a row."""
    rows, wanted, moments = [], [], []
    for own, one in zip(times, found, strict=True):
        inside = one.times[one.times <= own[-1]]
        joined = np.unique(np.concatenate([own, inside]))
        rows.append(joined)
        wanted.append(np.searchsorted(joined, own))
        moments.append(np.searchsorted(joined, inside))
    width = max(map(len, rows))
    return np.stack([np.pad(r, (0, width - len(r)), mode="edge") for r in rows]), wanted, moments


def happened(
    jump: Graph,
    found: Sequence[Schedule],
    states: np.ndarray,
    moments: Sequence[np.ndarray],
    theta: np.ndarray,
    constants: np.ndarray | None,
) -> list[list[Happened]]:
    """What happened at known times in each trajectory, from its states (B, K, n) before events at those places."""
    result = []
    for b, one in enumerate(found):
        mine: list[Happened] = []
        after = None
        for k, place in enumerate(moments[b]):
            t, e = float(one.times[k]), one.rows[k]
            before = after if after is not None and k and place == moments[b][k - 1] else states[b, place]
            after = _after(jump, t, before, e, theta, None if constants is None else constants[b])
            mine.append((t, int(e[0]), before, after))
        result.append(mine)
    return result


def crossed_zero(
    jump: Graph, program: Integration, crossings: np.ndarray | None, theta: np.ndarray, constants: np.ndarray | None
) -> list[list[Happened]]:
    """What happened where functions crossed zero, in each trajectory; `crossings` as engines report them."""
    count, e = len(program.start), np.zeros(jump.input("e").size)
    if crossings is None:
        return [[] for _ in range(count)]
    since = np.asarray(program.start, float) - clocked(program).start
    result: list[list[Happened]] = []
    for b in range(count):
        mine: list[Happened] = []
        for time, number, *before in crossings[b][np.isfinite(crossings[b][:, 0])].tolist():
            e[0], t, state = number, time + since[b], np.array(before)
            after = _after(jump, t, state, e, theta, None if constants is None else constants[b])
            mine.append((t, int(number), state, after))
        result.append(mine)
    return result


def _after(jump: Graph, t: float, u: np.ndarray, e: np.ndarray, theta: np.ndarray, c: np.ndarray | None) -> np.ndarray:
    """The state (n,) just after an event."""
    known = {"t": t, "u": u, "e": e, "theta": theta, "c": c}
    return jump.evaluate({i.name: known[i.name] for i in jump.inputs})["jump"]


def event_dataset(
    model: Model,
    found: Sequence[Sequence[Happened]],
    shape: tuple[int, ...] = (),
    lead: tuple[str, ...] = ("trajectory",),
) -> xr.Dataset:
    """Events over (*lead, occurrence), in order of time, states also over `side`: before and after. Rows with fewer
    end in NaN and empty names. `shape`: of `lead`, where that is more than the rows of `found`."""
    ordered = [sorted(mine, key=lambda one: one[0]) for mine in found]
    width = max(map(len, ordered), default=0)
    names = np.full((len(ordered), width), "", dtype=object)
    values = np.full((len(ordered), width, 2, model.size), np.nan)
    for b, mine in enumerate(ordered):
        for k, (_, number, before, after) in enumerate(mine):
            names[b, k], values[b, k, 0], values[b, k, 1] = model.triggers[number].name, before, after
    times = padded_values([np.array([one[0] for one in mine]) for mine in ordered])
    shape, along = shape or (len(ordered),), (*lead, "occurrence")
    variables: dict[str, Any] = {
        "event": (along, names.astype(str).reshape(*shape, width)),
        "event_time": (along, times.reshape(*shape, width)),
    }
    for name, part in model.states.split(values.reshape(*shape, width, 2, model.size)).items():
        variables[name] = ((*along, "side", *model.dims(name, model.states[name].shape)), part)
    return xr.Dataset(variables, {"side": list(SIDES)})


def warn_never(model: Model, occurred: xr.Dataset) -> None:
    """Warn of functions that crossed zero nowhere."""
    for trigger in model.triggers:
        if trigger.at is None and not (occurred["event"].values == trigger.name).any():
            warn_user(
                f"Event `{trigger.name}` never happened: along the solution its function crosses zero nowhere"
                f"{('', ' upwards', ' downwards')[trigger.direction]}."
            )


def tables_with(own: Mapping[str, np.ndarray], given: Mapping[str, np.ndarray], row: int) -> dict[str, np.ndarray]:
    """The tables of one trajectory, some of them given anew."""
    return {**own, **{n: v[row] if v.ndim == 2 else v for n, v in given.items()}}
