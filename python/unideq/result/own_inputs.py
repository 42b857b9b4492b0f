"""Inputs of the trajectories that a model is solved for: their conditions, and the records of their own forcings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import xarray as xr

from ..checks import mapping
from ..errors import DataError, OptionError, unknown
from ..graph import Expression, Graph, apply, constant, variable
from ..model import Model, Record, records_in, row_tables, tables_of, with_rows
from ..model.condition import condition_values, with_combinations
from ..model.names import normal_keys
from ..objective.groups import Groups
from ..objective.intervention import Intervention, altered
from ..objective.own_events import Schedule, check_within, infusions, program_events, schedules
from ..objective.own_inputs import conditions_of, interpolation, warn_records
from ..objective.program import Events
from ..objective.series import Series
from ..times import NUMBERS_ONLY, Clock
from .events import given_tables, tables_with

__all__ = ["OwnInputs", "record_array", "replaced_inputs", "solved_inputs"]


@dataclass(frozen=True)
class OwnInputs:
    """What B trajectories read of their own.

    Attributes
    ----------
    conditions
        Condition → (B,).
    constants
        What graphs read as `c`, (B, q); None: nothing.
    tables
        Forcing of a trajectory's own → its tables, a row each.
    labels
        Of the trajectories, where the forcings say them.
    happening
        Events, a schedule each; empty where the model has none.
    """

    conditions: Mapping[str, np.ndarray]
    constants: np.ndarray | None
    tables: Mapping[str, Mapping[str, Any]]
    labels: tuple[Any, ...] | None = None
    happening: tuple[Schedule, ...] = ()

    def read(self, graph: Graph) -> Graph:
        """The graph with forcings read from the tables."""
        return with_rows(graph, self.tables)

    def events(self, model: Model, rebased: Callable[[Graph], Graph]) -> Events | None:
        """`Integration.events`."""
        return program_events(model, self.happening, lambda g: rebased(self.read(g))) if self.happening else None

    def under(self, model: Model, done: Intervention, span: tuple[float, float]) -> OwnInputs:
        """The same under an intervention in all of them, solved over `span`."""
        done.check(model, "`intervention`")
        done.check_within((self.labels or (0,))[0], *span, f"`{done}`")
        count = len(self.constants) if self.constants is not None else 0
        constants, tables = altered(model, self.constants, self.tables, range(count), [done] * count)
        places = {name: k for k, name in enumerate(model.conditions)}
        known = {n: v if constants is None else constants[:, places[n]] for n, v in self.conditions.items()}
        return replace(self, conditions=known, constants=constants, tables=tables)

    def start(self, theta: Expression, u0: Expression) -> Graph:
        """`Integration.initial`."""
        more = {} if self.constants is None else {"c": constant(self.constants)}
        return Graph((theta,), {"u0": u0, **more})

    def alone(self, model: Any) -> Any:
        """The model of the first trajectory, its inputs part of the equations."""
        shared = {
            name: apply("piecewise_polynomial", variable("t"), constant(0.0), **table)
            for name, table in self.tables.items()
        }
        return model.at(**{n: float(v[0]) for n, v in self.conditions.items()}).forced(shared)

    def labelled(self, model: Model, dataset: xr.Dataset) -> xr.Dataset:
        """A solution (trajectory, …) with the conditions as coordinates."""
        for name, values in self.conditions.items():
            units = model.conditions[name].units
            dataset = dataset.assign_coords({name: ("trajectory", values, {"units": units} if units else {})})
        return dataset if self.labels is None else dataset.assign_coords(trajectory=list(self.labels))


def solved_inputs(
    model: Model,
    u0: np.ndarray,
    batched: bool,
    conditions: Mapping[str, Any] | None,
    forcings: Mapping[str, Any] | None,
    span: tuple[float, float],
    events: Mapping[str, Any] | None = None,
) -> tuple[np.ndarray, bool, OwnInputs]:
    """Initial states (B, n), whether there are several trajectories, and the inputs of each.

    Parameters
    ----------
    model
        What is solved.
    u0, batched
        Initial states as the caller gave them.
    conditions
        Condition → a number, or one a trajectory.
    forcings
        Forcing of a trajectory's own → DataArray over `time`, with `trajectory` where they differ.
    span
        Start and end of the solve.
    events
        Table that events are read from → its numbers (K,), or (B, K).

    Raises
    ------
    DataError
        If one is missing or unknown, can't be used, or they disagree about the number of trajectories.
    """
    arrays = _arrays(model, forcings)
    records = {n: model.recorded[n] if a is None else records_in(n, a) for n, a in arrays.items()}
    given = normal_keys(mapping(conditions, "conditions", none=True, error=DataError))
    counts = {f"initial states for {len(u0)}": len(u0)} if batched else {}
    for name, value in given.items():
        if np.ndim(value):
            counts[f"condition `{name}` for {np.size(value)}"] = np.size(value)
    for name, found in records.items():
        array = arrays[name]
        if array is None or "trajectory" in array.dims:
            counts[f"forcing `{name}` for {len(found.labels)}"] = len(found.labels)
    read, rows_of_events = given_tables(model, events, NUMBERS_ONLY)
    for name in tables_of(model.triggers):
        if name not in read:
            raise DataError(
                f"Events are read from the table `{name}`, and none is given. Write `events={{{name!r}: [...]}}`; an "
                "empty list means that nothing happens."
            )
    if rows_of_events is not None:
        counts[f"events for {rows_of_events}"] = rows_of_events
    if len(set(counts.values())) > 1:
        raise DataError(f"The inputs disagree about the number of trajectories: {', '.join(counts)}.")
    batched, count = bool(counts), next(iter(counts.values()), 1)
    u0 = u0 if len(u0) == count else np.repeat(u0, count, axis=0)
    known = condition_values(model.conditions, given, count)
    constants = None if model.constants is None else model.conditions_array(given, count)
    tables, labels = {}, None
    for name, found in records.items():
        rows = found.records if len(found.records) == count else found.records * count
        method = interpolation(name, model.inputs[name], arrays[name])
        warn_records(name, method, rows, [span] * count, found.labels if batched else None)
        tables[name] = row_tables(name, method, rows)
        labels = found.labels if len(found.labels) == count and batched else labels
    happening = schedules(model, [tables_with({}, read, b) for b in range(count)], labels or range(count))
    if model.triggers:
        check_within(happening, [span] * count, (labels or range(count)) if batched else None)
        tables |= infusion_tables(model, [s.inputs for s in happening])
    return u0, batched, OwnInputs(known, constants, tables, labels, tuple(happening) if model.triggers else ())


def replaced_inputs(
    model: Model,
    series: Sequence[Series],
    data: xr.Dataset,
    conditions: Mapping[str, Any] | None,
    forcings: Mapping[str, Any] | None,
    events: Mapping[str, Any] | None,
    clock: Clock,
    groups: Mapping[str, Groups],
) -> tuple[np.ndarray | None, dict[str, dict[str, Any]], dict[str, Groups], tuple[Schedule, ...]]:
    """Constants (T, q), tables, groups and events of the trajectories of data, with some of their inputs replaced:
    scenarios.

    Parameters by group whose numbers are given are in the constants; given a label, it is that group's for all.
    """
    labels = [s.label for s in series]
    named = normal_keys(mapping(conditions, "conditions", none=True, error=DataError))
    given = with_combinations(model.conditions, named)
    said = {g.per: given.pop(g.per) for g in groups.values() if g.per in given and g.per not in model.conditions}
    left = {n: g.at(n, said[g.per]) if g.per in said else g for n, g in groups.items() if n not in given}
    own = {**conditions_of(model, series), **given}
    constants = None if model.constants is None and not given else model.conditions_array(own, len(series))
    tables = {}
    for name, array in _arrays(model, forcings, needed=False).items():
        if array is None:
            array, rows = data[name], [s.inputs[name] for s in series]
        else:
            found = records_in(name, array, len(series), clock)
            labelled = "trajectory" in array.dims and "trajectory" in array.coords
            rows = [found.of(label, name) for label in labels] if labelled else list(found.records)
            if len(rows) != len(labels):
                raise DataError(f"Forcing `{name}` has {len(rows)} records for {len(labels)} trajectories.")
        tables[name] = row_tables(name, interpolation(name, model.inputs[name], array), rows)
    read, count = given_tables(model, events, clock)
    if not model.triggers:
        return constants, tables, left, ()
    if count not in (None, len(labels)):
        raise DataError(f"The tables in `events` have {count} rows for {len(labels)} trajectories.")
    happening = schedules(model, [tables_with(s.tables, read, b) for b, s in enumerate(series)], labels)
    tables |= infusion_tables(model, [s.inputs for s in happening])
    return constants, tables, left, tuple(happening)


def infusion_tables(model: Model, inputs: Sequence[Mapping[str, Record]]) -> dict[str, dict[str, Any]]:
    """Forcing that is an infusion → its tables, a row a trajectory."""
    return {n: row_tables(n, "previous", [own[n] for own in inputs]) for n in infusions(model.triggers)}


def _arrays(model: Model, forcings: Mapping[str, Any] | None, needed: bool = True) -> dict[str, xr.DataArray | None]:
    """Forcing → what was given for it; None: its records came with the model, or needn't be given."""
    given = normal_keys(mapping(forcings, "forcings", none=True, error=DataError))
    infused = infusions(model.triggers)
    own = [n for n in model.inputs if n not in infused]
    for name in given:
        if name in model.forcing.outputs:
            raise OptionError(
                f"The forcing `{name}` is part of the model, one for all. Where it may differ, name it alone: "
                f"`ude.ODE(..., forcings=[{name!r}])`, and give it with the data or here."
            )
        if name not in own:
            raise unknown("forcing", name, own, DataError)
    for name in own:
        if needed and name not in given and name not in model.recorded:
            raise DataError(
                f"The forcing `{name}` is a trajectory's own, and none is given. Write "
                f"`forcings={{{name!r}: xr.DataArray(values, dims='time', coords={{'time': times}})}}`."
            )
    return {name: given.get(name) for name in own}


def record_array(name: str, record: Record, data: xr.Dataset) -> xr.DataArray:
    """A record of a fit's data as `solve` takes it."""
    dims = ["time", *(f"{name}_{k}" for k in range(record.values.ndim - 1))]
    return xr.DataArray(record.values, dims=dims, coords={"time": record.times}, attrs=data[name].attrs)
