"""Datasets checked against a model's observables and cut into trajectories, before anything is compiled."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import xarray as xr

from ..errors import DataError, unknown
from ..measurements import decoded, measured
from ..model import tables_of
from ..model.names import normal
from ..times import Clock, is_dated, model_time, model_times
from .labels import Labels
from .own_events import Schedule, check_within, event_tables, table_variables
from .own_inputs import Own, own_times_of, own_variables
from .own_times import SAMPLE, has_own_times, padded_values, split_own_times, time_dim, worth_it
from .series import Series
from .space import Space

__all__ = ["clock_of", "datasets", "read", "with_normal_names"]


def datasets(data: Any) -> list[tuple[Any, xr.Dataset]]:
    """(label, Dataset) of every trajectory of a Dataset or a list of them, attributes about stored values honoured."""
    if isinstance(data, xr.Dataset):
        return _trajectories(decoded(with_normal_names(data)))
    if isinstance(data, (list, tuple)) and data and all(isinstance(d, xr.Dataset) for d in data):
        return _labelled([decoded(with_normal_names(d)) for d in data])
    raise DataError(
        f"Data must be an xarray Dataset with a `time` coordinate (or a list of them), not {type(data).__name__}. "
        f"{_recipe(data)}"
    )


def _recipe(data: Any) -> str:
    """How to make a Dataset of it."""
    if hasattr(data, "to_xarray") and hasattr(data, "columns"):  # a DataFrame, without importing pandas
        columns = [str(c) for c in data.columns]
        clock = next((c for c in columns if c in ("time", "Time", "times", "t")), None)  # not T, a temperature
        index = str(data.index.name or "index")
        renamed = "" if (clock or index) == "time" else f'.rename({clock or index}="time")'
        made = f'.set_index("{clock}")' if clock else ""
        runs = " Several runs: one Dataset each, in a list, `[part for _, part in frame.groupby(...)]`."
        return f"Write `frame{made}.to_xarray(){renamed}` with its columns named after what is measured.{runs}"
    return 'Write `xr.Dataset({"hare": ("time", values)}, coords={"time": times})`.'


def with_normal_names(data: xr.Dataset) -> xr.Dataset:
    """The data with names as Python reads them: `µ` (micro) and `μ` (mu) are one letter."""
    other = {n: normal(n) for n in data.variables if normal(n) != n}
    clash = next((n for n, new in other.items() if new in data.variables), None)
    if clash is not None:
        raise DataError(f"The data has `{clash}` twice: Python reads both spellings as one name. Rename one.")
    return data.rename(other) if other else data


def clock_of(parts: Iterable[xr.Dataset], time_unit: str | None) -> Clock:
    """What the times of data count: `time_unit` since the earliest date, or what the attribute `units` says.

    Raises
    ------
    DataError
        If some trajectories have dates and others numbers, or numbers are in another unit already.
    """
    clock = Clock.of_unit(time_unit)
    axes = [d["time"] for d in parts if "time" in d.coords]
    dated = [is_dated(t.values) for t in axes]
    if any(dated) and not all(dated):
        raise DataError(
            "Some trajectories have dates or time spans as times, others numbers. Give all of them one kind."
        )
    stated = [_stated(t) for t in axes]
    for own in stated:
        for other in (clock, stated[0]):
            _check_same(own, other)
    dates = [t.values for t in axes if t.dtype.kind == "M" and t.size]
    if not dates:
        return next((c for c in stated if c.unit), clock)
    return Clock(clock.unit, min(np.nanmin(d) for d in dates))


def _stated(times: xr.DataArray) -> Clock:
    """The clock that numbers on a time axis say they have."""
    return Clock.of(times.attrs.get("units")) if times.dtype.kind in "fiu" else Clock()


def _check_same(own: Clock, clock: Clock) -> None:
    """Numbers that count one thing aren't read as another."""
    both = own.origin is not None and clock.origin is not None
    if own.unit and clock.unit and (own.unit != clock.unit or (both and own.origin != clock.origin)):
        raise DataError(
            f"The data's times are in `{own.units}` (their attribute `units`) where `{clock.units}` are meant. "
            "Convert them, or let `xr.decode_cf(data)` make dates of them."
        )


def read(
    data: xr.Dataset | Sequence[xr.Dataset],
    observables: Mapping[str, tuple[int, ...]],
    space: Space,
    clock: Clock | None = None,
    own: Own | None = None,
    goals: bool = False,
) -> tuple[tuple[Series, ...], dict[str, tuple[int, ...]], xr.Dataset]:
    """The trajectories, the shapes of the measured variables, and one Dataset of it all.

    Parameters
    ----------
    data
        Dataset with variables named after observables, an increasing `time` coordinate, optionally a `trajectory`
        dimension; or one Dataset a trajectory, with different times. NaN means not measured.

        Integrations start at a trajectory's first measurement, or event where that is earlier, however the
        trajectories were given. A coordinate `start` (along `trajectory`, or a number) says otherwise.
    observables
        Observable → shape.
    space
        Dimensions and coordinates of fields; data may have them in any order.
    clock
        What times count, where they may be dates or spans; default: what the data say.
    own
        What the model reads of each trajectory besides.
    goals
        Whether there are goals that need no measurements: then there may be none, and all times are kept.

    Raises
    ------
    DataError
        Names the variable, the place and the remedy.
    """
    own = Own() if own is None else own
    parts = [(label, own.promoted(d)) for label, d in datasets(data)]
    labels = [label for label, _ in parts]
    if len(set(labels)) < len(labels):
        twice = next(label for label in labels if labels.count(label) > 1)
        raise DataError(f"Two trajectories have the label {twice!r}. Rename one.")
    names = list(dict.fromkeys(str(n) for _, d in parts for n in d.data_vars if n not in own.read_besides))
    for n in names:
        if n not in observables:
            known = (*observables, *own.forcings, *own.beside, *tables_of(own.triggers))
            raise DataError(
                f"{unknown('data variable', n, known)} Rename it, drop it "
                f"(`data.drop_vars({n!r})`), or give the model an `observe=` function that returns it."
            )
    if not names and not goals:
        raise DataError(
            f"The data has no variable. The model observes {', '.join(f'`{o}`' for o in observables)}. To train "
            "without measurements, say what shall be small: `cost=ude.Cost(...)`."
        )
    if not names:
        names, parts = list(observables), [(label, _unmeasured(d, observables, space)) for label, d in parts]
    unmeasured = goals and not any(bool(d[n].notnull().any()) for _, d in parts for n in names if n in d)
    shapes = {n: tuple(observables[n]) for n in observables if n in names}
    stated = clock_of([d for _, d in parts], None)
    clock = stated if clock is None else clock
    _check_same(stated, clock)
    axes = Labels.of(parts[0][1], space.unnamed(shapes), space.taken)
    series = tuple(
        _series(
            label, d, shapes, space, axes, clock, own, f" in trajectory {label!r}" if len(parts) > 1 else "", unmeasured
        )
        for label, d in parts
    )
    for name in () if unmeasured else shapes:
        if not any(np.isfinite(s.values[name]).any() for s in series):
            raise DataError(f"`{name}` has no finite value at all: every measurement is NaN. Drop it or repair it.")
    for name, value in own.defaults.items():
        if value is not None and any(name in s.extra for s in series):
            for s in series:
                s.extra.setdefault(name, np.asarray(value))
    if own.triggers:
        spans = [(s.start, float(s.times[-1])) for s in series]
        check_within([s.happening for s in series if s.happening], spans, labels if len(parts) > 1 else None)
    return series, shapes, _union(series, shapes, parts, space, axes, clock, own)


def _labelled(data: Sequence[xr.Dataset]) -> list[tuple[Any, xr.Dataset]]:
    """Datasets with their labels: their scalar `trajectory` coordinates where all have one, else 0, 1, …"""
    for i, d in enumerate(data):
        if "trajectory" in d.dims:
            raise DataError(
                f"Dataset {i} of the list has a `trajectory` dimension. Give one dataset a trajectory, or one for all."
            )
    if all("trajectory" in d.coords for d in data):
        return [(d["trajectory"].item(), d) for d in data]
    return list(enumerate(data))


def _trajectories(data: xr.Dataset) -> list[tuple[Any, xr.Dataset]]:
    if has_own_times(data):
        return list(zip(_labels(data), split_own_times(data), strict=True))
    if "time" not in data.dims:
        raise DataError(
            f"The data has dimensions {tuple(map(str, data.dims))}; it needs `time`. Rename one with `data.rename`."
        )
    if "time" not in data.coords:
        raise DataError("The data's `time` dimension has no coordinate. Write `data.assign_coords(time=times)`.")
    if "trajectory" not in data.dims:
        return [(0, data)]
    if not data.sizes["trajectory"]:
        raise DataError("The data has no trajectory: its dimension `trajectory` has length zero.")
    return [(label, data.isel(trajectory=i)) for i, label in enumerate(_labels(data))]


def _labels(data: xr.Dataset) -> list[Any]:
    known = "trajectory" in data.coords
    return data["trajectory"].values.tolist() if known else list(range(data.sizes["trajectory"]))


def _series(
    label: Any,
    data: xr.Dataset,
    shapes: Mapping[str, tuple[int, ...]],
    space: Space,
    axes: Labels,
    clock: Clock,
    own: Own,
    where: str,
    unmeasured: bool,
) -> Series:
    """One checked trajectory; of times at which something was measured, unless nothing was anywhere."""
    times = _times(data, clock, where)
    values = {}
    for name, shape in shapes.items():
        if name not in data:
            raise DataError(
                f"{unknown('variable', name, data.data_vars)} It is missing{where}; use NaN for not measured."
            )
        array = data[name]
        if "time" not in array.dims:
            raise DataError(f"`{name}`{where} has dimensions {array.dims}; it needs `time`.")
        ordered = axes.aligned(name, space.ordered(name, array, where), where)
        v = measured(ordered.values, f"`{name}`{where}")
        if v.shape[1:] != shape:
            raise DataError(
                f"`{name}`{where} has shape {v.shape[1:]} a time ({ordered.dims[1:]}); the model's is {shape}."
            )
        if np.isinf(v).any():
            i = int(np.flatnonzero(np.isinf(v.reshape(len(v), -1)).any(axis=1))[0])
            raise DataError(f"`{name}`{where} is infinite at time {times[i]:g}. Mark missing values with NaN.")
        values[name] = v
    beside = {}
    for name, array in own.beside_values(data, where).items():
        of = own.beside[name][0]
        ordered = axes.aligned(of, space.ordered(of, array, where), where)
        beside[name] = np.asarray(ordered.values, dtype=float)
    known = np.full(len(times), unmeasured)
    for v in values.values():
        known |= np.isfinite(v.reshape(len(times), -1)).any(axis=1)
    if not known.any():
        raise DataError(f"The data{where} holds nothing but NaN. Drop the trajectory or repair it.")
    extra = {n: v for n, v in _constants(data).items() if n not in own.taken and n not in own.beside}
    inputs = own.records(label, data, space, clock, where)
    kept = Series(label, 0.0, times, values, extra, inputs, beside, own.labels(data, where)).select(known)
    if not own.triggers:
        return replace(kept, start=_start(data, float(kept.times[0]), clock, where))
    tables = event_tables(own.triggers, data, clock, where)
    happening = Schedule(own.triggers, tables, where)
    first = "measurement" if kept.times[0] <= happening.first else "event"
    start = _start(data, float(min(kept.times[0], happening.first)), clock, where, first)
    return replace(kept, start=start, inputs={**inputs, **happening.inputs}, tables=tables, happening=happening)


def _unmeasured(data: xr.Dataset, observables: Mapping[str, tuple[int, ...]], space: Space) -> xr.Dataset:
    """The data with every observable, NaN at all times."""
    count = data.sizes.get("time", 0)
    return data.assign(
        {n: (("time", *space.names(n, s)), np.full((count, *s), np.nan)) for n, s in observables.items()}
    )


def _times(data: xr.Dataset, clock: Clock, where: str) -> np.ndarray:
    """Increasing model times."""
    if "time" not in data.dims or "time" not in data.coords:
        raise DataError(f"The data{where} needs a `time` dimension with a coordinate.")
    raw = data["time"].values
    hint = 'Or say what a unit of time is: `ude.fit(..., time_unit="D")`.'
    times = model_times(raw, f"Times{where}", clock, hint=hint)
    if len(times) == 0:
        raise DataError(f"The data{where} has zero length.")
    steps = np.diff(times)
    if (steps <= 0).any():
        i = int(np.flatnonzero(steps <= 0)[0])
        what = "twice" if steps[i] == 0 else "after a later time"
        advice = "Average the repeated rows or drop them." if steps[i] == 0 else "Write `data.sortby('time')`."
        dtype = getattr(raw, "dtype", None)
        if steps[i] == 0 and dtype in (np.float16, np.float32):
            digits = 3 if dtype == np.float16 else 7
            advice = (
                f"They are stored as {dtype}, which holds {digits} digits, so that neighbouring times became one. Read "
                "them as float64 where they come from, or count them from the first one there."
            )
        raise DataError(f"Times{where} must increase: {times[i + 1]:.10g} stands {what} (index {i + 1}). {advice}")
    return times


def _constants(data: xr.Dataset) -> dict[str, np.ndarray]:
    """The further coordinates that hold numbers and don't vary in time."""
    found = {}
    for name, c in data.coords.items():
        if name in (*data.dims, "trajectory", "start") or "time" in c.dims or c.dtype.kind not in "fiubO":
            continue
        try:
            found[str(name)] = measured(c.values, str(name))
        except DataError:  # text: refused by name where the model reads it (`unideq.objective.familiar`)
            continue
    return found


def _start(data: xr.Dataset, first: float, clock: Clock, where: str, what: str = "measurement") -> float:
    """Where the integration begins: the first measurement or event, or what the coordinate `start` says."""
    if "start" not in data.coords:
        return first
    given = np.asarray(data["start"].values)
    name = f"The coordinate `start`{where}"
    wrong = f"{name} is {given}; it must be one number, not after the first {what} at {first:g}."
    if given.shape:
        raise DataError(wrong)
    found = model_time(given[()], name, clock, DataError)
    if found > first:
        raise DataError(wrong)
    return found


def _union(
    series: Sequence[Series],
    shapes: Mapping[str, tuple[int, ...]],
    parts: list[tuple[Any, xr.Dataset]],
    space: Space,
    axes: Labels,
    clock: Clock,
    own: Own,
) -> xr.Dataset:
    """One Dataset (trajectory, time, …) on the union of all times; `read` finds the same series in it.

    Where that would be much larger than what was measured, (trajectory, sample, …): see `unideq.objective.own_times`.
    """
    rows = [s.times for s in series]
    apart = worth_it(rows)
    times = padded_values(rows) if apart else np.unique(np.concatenate(rows))
    along = time_dim(times)
    first = parts[0][1]
    variables = {}
    measured_of = {**{n: n for n in shapes}, **{n: of for n, (of, *_) in own.beside.items() if of in shapes}}
    for name, of in measured_of.items():
        shape = shapes[of]
        values = np.full((len(series), times.shape[-1], *shape), np.nan)
        for i, s in enumerate(series):
            found = s.values[name] if name in shapes else s.beside[name]
            values[i, slice(len(s.times)) if apart else np.searchsorted(times, s.times)] = found
        further = axes.dims.get(of, space.names(of, shape))
        variables[name] = (("trajectory", along, *further), values, dict(first[name].attrs))
    units = {"units": clock.units} if clock.unit and "units" not in first["time"].attrs else {}
    coords: dict[str, Any] = {
        "trajectory": [s.label for s in series],
        "time": (("trajectory", SAMPLE) if apart else "time", times, {**first["time"].attrs, **units}),
        "start": ("trajectory", np.array([s.start for s in series])),
        **space.used(shapes),
        **axes.coordinates,
    }
    for name, value in series[0].extra.items():
        if all(name in s.extra and s.extra[name].shape == value.shape for s in series):
            further = [f"{name}_{k}" for k in range(value.ndim)]
            attrs = next((dict(d[name].attrs) for _, d in parts if name in d.coords), {})
            coords[name] = (("trajectory", *further), np.stack([s.extra[name] for s in series]), attrs)
    for name in series[0].groups:
        labels = [s.groups[name] for s in series]
        if len({isinstance(label, str) for label in labels}) > 1:
            raise DataError(f"The coordinate `{name}` labels groups by numbers and by texts. Make all of them texts.")
        coords[name] = ("trajectory", labels, next((dict(d[name].attrs) for _, d in parts if name in d.coords), {}))
    for name in series[0].tables:
        attrs = next((dict(d[name].attrs) for _, d in parts if name in d.variables), {})
        variables[name] = table_variables(name, [s.tables[name] for s in series], attrs)
    for name in own.forcings:
        records = [s.inputs[name] for s in series]
        attrs = next((dict(d[name].attrs) for _, d in parts if name in d.variables), {})
        found, moments = own_variables(name, records, attrs, clock)
        variables[name], coords[own_times_of(name)] = found, moments
    return xr.Dataset(variables, coords=coords, attrs=dict(first.attrs))
