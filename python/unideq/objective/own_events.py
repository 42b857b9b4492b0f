"""When the events of each trajectory happen, and what is read for them: from tables in the data, or from the model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from ..errors import DataError, unknown
from ..graph.location import warn_user
from ..model import Record, Trigger, event_row, tables_of
from ..model.model import Model
from ..times import Clock, model_times
from .own_times import padded_values
from .program import Events

__all__ = [
    "Schedule", "check_within", "event_tables", "infusions", "numbers_of", "program_events", "schedules",
    "table_variables",
]  # fmt: skip

Tables = Mapping[str, np.ndarray]
"""Name → its numbers (K,) in one trajectory."""


class Schedule:
    """What happens in one trajectory: `times` (S,), increasing, and `rows` (S, w), the number of an event and its
    values; and the `inputs` of infusions, forcing → record."""

    def __init__(self, triggers: Sequence[Trigger], tables: Tables, where: str) -> None:
        times, rows = [np.zeros(0)], []
        width = event_row(tuple(triggers)).size
        self.inputs: dict[str, Record] = {}
        for k, trigger in enumerate(triggers):
            if trigger.at is None:
                continue
            when, values, lasting = _occurrences(trigger, tables, where)
            if trigger.input:
                self.inputs[trigger.input] = _infusion(when[lasting > 0], values[lasting > 0, 0], lasting[lasting > 0])
                when, values = when[lasting == 0], values[lasting == 0]
            times.append(when)
            rows.append(np.zeros((len(when), width)))
            rows[-1][:, 0], rows[-1][:, 1 : 1 + values.shape[1]] = k, values
        joined = np.concatenate(times)
        order = np.argsort(joined, kind="stable")
        self.times = joined[order]
        self.rows = np.concatenate([np.zeros((0, width)), *rows])[order]

    @property
    def first(self) -> float:
        """The time of the first of them, infusions included; infinity where there is none."""
        begun = [record.times[1] for record in self.inputs.values() if len(record.times) > 1]
        return float(min([*self.times[:1], *begun], default=np.inf))

    @property
    def last(self) -> float:
        """The time of the last of them."""
        begun = [record.times[-2] for record in self.inputs.values() if len(record.times) > 1]
        return float(max([*self.times[-1:], *begun], default=-np.inf))


def _occurrences(trigger: Trigger, tables: Tables, where: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Times (K,), values (K, w) and durations (K,) of one event; places where all are empty are left out."""
    assert trigger.at is not None
    told = {"time": trigger.at, **{f"value {i}": v for i, v in enumerate(trigger.values)}}
    if trigger.duration is not None:
        told["duration"] = trigger.duration
    columns = {what: _column(one, tables) for what, one in told.items()}
    count = len(columns["time"])
    words = f"Event `{trigger.name}`{where}"
    for what, column in columns.items():
        if len(column) not in (1, count):
            raise DataError(f"{words} has {count} times and {len(column)} numbers as {_called(told[what], what)}.")
    full = {what: np.broadcast_to(column, (count,)) for what, column in columns.items()}
    happens = np.isfinite(full["time"])
    for what, column in full.items():
        if what == "time":
            continue
        single = len(columns[what]) == 1
        if (wrong := happens & ~np.isfinite(column)).any():
            at = full["time"][wrong][0]
            raise DataError(
                f"{words} has no number as {_called(told[what], what)} at t = {at:g}: it is {column[wrong][0]}."
            )
        if not single and (wrong := ~happens & np.isfinite(column)).any():
            raise DataError(
                f"{words} has {column[wrong][0]:g} as {_called(told[what], what)} where no time stands in "
                f"{_called(told['time'], 'time')}."
            )
    when = full["time"][happens]
    values = (
        np.stack([full[f"value {i}"][happens] for i in range(len(trigger.values))], axis=1) if trigger.values else None
    )
    lasting = full["duration"][happens] if trigger.duration is not None else np.zeros(len(when))
    if (lasting < 0).any():
        raise DataError(
            f"{words} lasts {lasting.min():g} at t = {when[lasting.argmin()]:g}: no infusion takes negative time."
        )
    return when, np.zeros((len(when), 0)) if values is None else values, lasting


def _called(told: Any, what: str) -> str:
    return f"`{told}`" if isinstance(told, str) else f"its {what}"


def _column(told: Any, tables: Tables) -> np.ndarray:
    return np.atleast_1d(tables[told]) if isinstance(told, str) else np.asarray(told, dtype=float)


def _infusion(start: np.ndarray, amounts: np.ndarray, lasting: np.ndarray) -> Record:
    """The sum of infusions as steps; zero before the first one and after the last one."""
    if not len(start):
        return Record(np.zeros(1), np.zeros(1))
    rates, end = amounts / lasting, start + lasting
    times = np.unique(np.concatenate([start, end]))
    on = (start[:, None] <= times) & (times < end[:, None])
    values = rates @ on
    return Record(np.concatenate([times[:1] - 1.0, times]), np.concatenate([[0.0], values]))


# ---- data -----------------------------------------------------------------------------------------------------------


def event_tables(triggers: Sequence[Trigger], data: xr.Dataset, clock: Clock, where: str) -> dict[str, np.ndarray]:
    """The tables of one trajectory, by name (K,); times as the model has them.

    Raises
    ------
    DataError
        If one is missing, or has the wrong dimensions.
    """
    found = {}
    times = {g.at for g in triggers}
    for name in tables_of(tuple(triggers)):
        if name not in data.variables:
            there = [n for n in data.variables if n not in data.dims]
            role = "times" if name in times else "numbers"
            raise DataError(
                f"The data{where} lack the {role} of an event, `{name}`. {unknown('variable', name, there)} Write "
                f'`data.assign({name}=(("trajectory", "dose"), values))`, NaN behind a shorter row\'s end.'
            )
        array = data[name]
        if array.ndim > 1 or "time" in array.dims:
            raise DataError(
                f"`{name}`{where} has dimensions {tuple(map(str, array.dims))}; a table of events has one a trajectory "
                "(not `time`), e.g. `dose`, or is one number."
            )
        found[name] = numbers_of(name, array.values, clock if name in times else None, where)
    return found


def numbers_of(name: str, values: Any, clock: Clock | None, where: str) -> np.ndarray:
    """One table (K,), empty places NaN; `clock`: what times count, of a table of times."""
    values = np.atleast_1d(values)
    if clock is not None and values.dtype.kind in "mM":
        known = ~np.isnat(values)
        column = np.full(len(values), np.nan)
        if known.any():
            column[known] = model_times(values[known], f"`{name}`{where}", clock)
        return column
    try:
        column = np.array([float("text") if isinstance(v, str) else v for v in values.tolist()], dtype=float)
    except (TypeError, ValueError):
        raise DataError(f"`{name}`{where} must hold numbers, not {values.tolist()}.") from None
    if values.dtype.kind == "b" or np.isinf(column).any():
        raise DataError(f"`{name}`{where} must hold finite numbers, NaN where there is none, not {values.tolist()}.")
    return column


def table_variables(name: str, rows: Sequence[np.ndarray], attrs: dict[str, Any]) -> Any:
    """A table (trajectory, occurrence) as a data set holds it."""
    return ("trajectory", f"{name}_number"), padded_values(rows), attrs


def schedules(model: Model, tables: Sequence[Tables], labels: Sequence[Any] | None) -> list[Schedule]:
    """Those of all trajectories."""
    where = [""] * len(tables) if labels is None else [f" of trajectory {label!r}" for label in labels]
    return [Schedule(model.triggers, own, words) for own, words in zip(tables, where, strict=True)]


def check_within(found: Sequence[Schedule], spans: Sequence[tuple[float, float]], labels: Sequence[Any] | None) -> None:
    """Events before a trajectory's start are refused, and those after its end are told of, once.

    Raises
    ------
    DataError
        With the event's time, and the trajectory's.
    """
    late = []
    for i, (one, (first, last)) in enumerate(zip(found, spans, strict=True)):
        where = "" if labels is None else f" of trajectory {labels[i]!r}"
        if one.first < first - 1e-12 * max(abs(first), abs(last)):
            raise DataError(
                f"An event{where} happens at t = {one.first:g}, before its start at t = {first:g}. Say where it begins "
                "(the coordinate `start` of data, `start=` of `solve`), or correct the time."
            )
        if one.last > last:
            late.append(f"An event{where} happens at t = {one.last:g}, after its end at t = {last:g}")
    if late:
        more = f" ({len(late) - 1} more like it)" if len(late) > 1 else ""
        warn_user(f"{late[0]}: nothing is seen of it{more}.")


def infusions(triggers: Sequence[Trigger]) -> tuple[str, ...]:
    """Forcings that are infusions."""
    return tuple(g.input for g in triggers if g.input)


# ---- programs -------------------------------------------------------------------------------------------------------


def program_events(model: Model, found: Sequence[Schedule], rebased: Any) -> Events | None:
    """`Integration.events` of trajectories; `rebased`: graphs of the model's θ as the program's."""
    if model.jump is None:
        return None
    width = event_row(model.triggers).size
    times = padded_values([s.times for s in found], np.inf)
    rows = padded_values([s.rows for s in found], 0.0).reshape(len(found), -1, width)
    numbers = tuple(map(int, model.named["crossing"].outputs)) if model.crossing is not None else ()
    crossing = None if model.crossing is None else rebased(model.crossing)
    directions = tuple(model.triggers[k].direction for k in numbers)
    return Events(rebased(model.jump), times, rows, crossing, numbers, directions)
