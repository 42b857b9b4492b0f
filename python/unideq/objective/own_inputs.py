"""What is read of each trajectory besides measurements: conditions' coordinates, forcings' records, errors, limits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import xarray as xr

from ..errors import DataError, OptionError, unknown
from ..graph.location import warn_user
from ..measurements import measured
from ..model import Forcing, Grouped, Model, Record, Records, Trigger, row_tables, tables_of
from ..model.condition import combined
from ..model.forcing import SETTING, forcing_times, method_of
from ..times import Clock
from .groups import label_of
from .own_events import infusions
from .own_times import padded_values
from .series import Series
from .space import Space

__all__ = ["Own", "constant_rows", "forcing_tables", "interpolation", "own_times_of", "own_variables", "warn_records"]


def own_times_of(name: str) -> str:
    """The coordinate that holds the times of a forcing where those aren't the measurements'."""
    return f"{name}_time"


@dataclass(frozen=True)
class Own:
    """What a model, and the loss, read of each trajectory.

    Attributes
    ----------
    defaults
        Condition → its number in trajectories that lack it, where others have it; None: they must not lack it.
    forcings
        Those of a trajectory's own.
    recorded
        Records of theirs that came with the model.
    beside
        What the loss reads beside measured variables: its name → theirs.
    groups
        Coordinate whose labels group trajectories → what needs them, in words.
    parts
        Of these, those that combine others → which.
    triggers
        Events.
    """

    defaults: Mapping[str, float | None] = field(default_factory=dict)
    forcings: Mapping[str, Forcing] = field(default_factory=dict)
    recorded: Mapping[str, Records] = field(default_factory=dict)
    beside: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    groups: Mapping[str, str] = field(default_factory=dict)
    parts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    triggers: tuple[Trigger, ...] = ()

    @classmethod
    def of(
        cls,
        model: Model,
        beside: Mapping[str, tuple[str, ...]] | None = None,
        sorting: Mapping[str, str] | None = None,
    ) -> Own:
        """What this model, a loss with these variables `beside` the measurements and rankings of these coordinates
        read."""
        for name, those in (beside or {}).items():
            if name in model.observables or name in model.inputs:
                raise OptionError(
                    f"The loss reads `{name}` beside `{those[0]}`, and that is the model's own "
                    f"{'forcing' if name in model.inputs else 'variable'}. Name another one of the data."
                )
        groups = {c: f"says where the ranking `{name}` is known" for c, name in (sorting or {}).items()}
        for name, condition in reversed(model.grouped.items()):
            if condition.per != "trajectory":
                groups[condition.per] = f"groups the parameter `{name}`"
        known = {n: c.default for n, c in model.conditions.items() if c.per is None}
        infused = infusions(model.triggers)
        read = {n: f for n, f in model.inputs.items() if n not in infused}
        parts = {c.per: c.parts for c in model.grouped.values() if c.parts}
        return cls(known, read, model.recorded, beside or {}, groups, parts, model.triggers)

    def beside_values(self, data: xr.Dataset, where: str) -> dict[str, xr.DataArray]:
        """What stands beside measured variables in one trajectory, with their dimensions."""
        found = {}
        for name, of in ((n, of) for n, several in self.beside.items() for of in several if of in data):
            if name not in data.variables:
                known = [n for n in data.variables if n not in data.dims and n not in self.taken and n != of]
                raise DataError(
                    f"{unknown('variable', name, list(map(str, known)))} The data{where} lack `{name}`, which the loss "
                    f"reads beside `{of}`. Write `data.assign({name}=data[{of!r}].copy(data=values))`."
                )
            array, target = data[name], data[of]
            if not set(array.dims) <= set(target.dims):
                raise DataError(
                    f"`{name}`{where} has dimensions {array.dims}, and stands beside `{of}` with {target.dims}. Give "
                    "it those, or some of them."
                )
            units = [str(a.attrs.get("units", "")) for a in (array, target)]
            if all(units) and units[0] != units[1]:
                raise DataError(
                    f"`{name}`{where} is in `{units[0]}`, `{of}` in `{units[1]}`. Convert it, or drop the attribute."
                )
            numbers = array.copy(data=measured(array.values, f"`{name}`{where}"))
            wide = numbers.broadcast_like(target).transpose(*target.dims)
            if name in found and found[name].dims != wide.dims:
                raise DataError(f"`{name}`{where} can't stand beside {self.beside[name]}, which have other dimensions.")
            found[name] = wide
        return found

    @property
    def taken(self) -> frozenset[str]:
        """Names in the data that are forcings, or their times, or tables of events."""
        return frozenset((*self.forcings, *map(own_times_of, self.forcings), *tables_of(self.triggers)))

    @property
    def read_besides(self) -> frozenset[str]:
        """Variables of the data that aren't measurements of the model's."""
        return frozenset((*self.forcings, *self.beside, *tables_of(self.triggers)))

    def promoted(self, data: xr.Dataset) -> xr.Dataset:
        """The data with conditions and labels of groups among the coordinates."""
        parts = (n for those in self.parts.values() for n in those)
        names = [n for n in (*self.defaults, *self.groups, *parts) if n in data.data_vars]
        return data.set_coords(names) if names else data

    def labels(self, data: xr.Dataset, where: str) -> dict[str, Any]:
        """Coordinate → the label of the group that one trajectory belongs to."""
        return {per: self._label(per, what, data, where) for per, what in self.groups.items()}

    def _label(self, per: str, what: str, data: xr.Dataset, where: str) -> Any:
        """Of the group, or of the combination, that a trajectory belongs to."""
        if per in data.coords or per not in self.parts:
            return _group_label(per, what, data, where)
        return combined(_group_label(part, what, data, where) for part in self.parts[per])

    def records(self, label: Any, data: xr.Dataset, space: Space, clock: Clock, where: str) -> dict[str, Record]:
        """Forcing → its record in one trajectory."""
        found = {}
        for name, forcing in self.forcings.items():
            known = self.recorded.get(name)
            if name in data.variables:
                found[name] = _record(name, forcing, data, space, clock, where)
            elif known is None:
                there = ", ".join(f"`{n}`" for n in data.variables if n not in data.dims)
                raise DataError(
                    f"The data{where} lack the forcing `{name}`, which the model reads from them; they have {there}. "
                    f'Write `data.assign({name}=("time", values))`.'
                )
            else:
                found[name] = known.of(label, name)
        return found


def _group_label(per: str, what: str, data: xr.Dataset, where: str) -> Any:
    """A number or text that says which group a trajectory belongs to; `what` that does."""
    if per not in data.coords:
        known = [str(n) for n in data.coords if n not in data.dims]
        raise DataError(
            f"The data{where} lack the coordinate `{per}`, which {what}. {unknown('coordinate', per, known)} Write "
            f'`data.assign_coords({per}=("trajectory", labels))`, or name `trajectory` itself.'
        )
    value = np.asarray(data[per].values)
    label = value.item() if value.ndim == 0 and value.dtype.kind in "fiubUO" else None
    if isinstance(label, (bool, int, float, str)) and label == label and label != "":
        return label
    shown = "an empty text" if label == "" else value
    found = f"varies along {tuple(map(str, data[per].dims))}" if value.ndim else f"is {shown}"
    raise DataError(f"The coordinate `{per}`{where} {what}: it needs one number or text a trajectory, and it {found}.")


def _record(name: str, forcing: Forcing, data: xr.Dataset, space: Space, clock: Clock, where: str) -> Record:
    """One forcing of one trajectory."""
    what, axis, array = f"Forcing `{name}`{where}", own_times_of(name), data[name]
    if "time" not in array.dims:
        if axis not in data.coords or data[axis].ndim != 1 or data[axis].dims[0] not in array.dims:
            raise DataError(
                f"{what} has dimensions {tuple(map(str, array.dims))}; it needs `time`, or times of its own, the "
                f"coordinate `{axis}`. What is one number a trajectory is a condition: `ude.Condition()`."
            )
        (dim,) = data[axis].dims
        times = data[axis].values
        known = ~(np.isnat(times) if times.dtype.kind in "mM" else np.isnan(np.asarray(times, dtype=float)))
        array = array.drop_vars([c for c in ("time",) if c in array.coords]).isel({dim: np.flatnonzero(known)})
        array = (array if dim == axis else array.swap_dims({dim: axis})).rename({axis: "time"})
        stated = Clock.of(array["time"].attrs.get("units")) if times.dtype.kind in "fiu" else Clock()
        if stated.unit and clock.unit and stated.unit != clock.unit:
            raise DataError(
                f"The times of forcing `{name}`{where} are in `{stated.unit}`, those of the data in `{clock.unit}`. "
                "Convert them."
            )
    wanted = [d for d in space.coordinates if d in array.dims]
    times, values = forcing_times(what, array.transpose("time", ..., *wanted), clock, drop=True)
    if values.shape[1:] != forcing.shape:
        raise DataError(
            f"{what} has shape {values.shape[1:]} a time; the model's is {forcing.shape}. Say what it is: "
            f'`forcings={{"{name}": ude.Forcing(shape={values.shape[1:]})}}`.'
        )
    return Record(times, values)


def own_variables(name: str, records: Sequence[Record], attrs: dict[str, Any], clock: Clock) -> tuple[Any, Any]:
    """A forcing's values (trajectory, sample, …) and times (trajectory, sample) as a data set holds them."""
    times, values = padded_values([r.times for r in records]), padded_values([r.values for r in records])
    along = ("trajectory", f"{name}_sample")
    units = {"units": clock.units} if clock.unit else {}
    return ((*along, *(f"{name}_{k}" for k in range(values.ndim - 2))), values, attrs), (along, times, units)


def forcing_tables(model: Model, series: Sequence[Series], data: xr.Dataset) -> dict[str, dict[str, Any]]:
    """Forcing → its tables, a row a trajectory; interpolated as the model says, else the data, else linearly."""
    methods = {name: interpolation(name, forcing, data.get(name)) for name, forcing in model.inputs.items()}
    return {name: row_tables(name, method, [s.inputs[name] for s in series]) for name, method in methods.items()}


def interpolation(name: str, forcing: Forcing, data: xr.DataArray | None) -> str:
    """How to interpolate: as the model says, else an array, else linearly; they mustn't contradict each other."""
    said = "linear" if data is None else method_of(name, data)
    if data is not None and forcing.interpolation not in (None, said) and SETTING in data.attrs:
        raise DataError(
            f"Forcing `{name}` is `{said}` in the data (attribute `{SETTING}`), and the model says "
            f"`{forcing.interpolation}`. Leave one of them out."
        )
    return forcing.interpolation or said


def warn_records(
    name: str,
    method: str,
    records: Sequence[Record],
    spans: Sequence[tuple[float, float]],
    labels: Sequence[Any] | None,
) -> None:
    """Warn where records aren't known at the times that are solved for, an interval more or less; once a forcing.

    Steps (`previous`) last until the next one.

    Raises
    ------
    DataError
        If a record is known at none of them.
    """
    told = []
    for i, (record, (first, last)) in enumerate(zip(records, spans, strict=True)):
        begin, end = float(record.times[0]), float(record.times[-1])
        slack = float(np.diff(record.times).max(initial=0.0))
        lasts = method == "previous" or last <= end + slack
        if len(record.times) == 1 or (first >= begin - slack and lasts):
            continue
        where = "" if labels is None else f" of trajectory {labels[i]!r}"
        words = f"Forcing `{name}`{where} is known from t = {begin:g} to {end:g}, and needed from {first:g} to {last:g}"
        if (first > end and method != "previous") or last < begin:
            raise DataError(
                f"{words}: they share no time, so that the forcing would be constant. Bring both to one time axis."
            )
        told.append(words)
    if told:
        more = f" ({len(told) - 1} more like it)" if len(told) > 1 else ""
        warn_user(f"{told[0]}: beyond its ends it keeps its end values{more}.")


def conditions_of(model: Model, series: Sequence[Series]) -> dict[str, np.ndarray]:
    """Condition → its number in every trajectory (T,)."""
    values = {}
    for name, condition in model.conditions.items():
        if isinstance(condition, Grouped):
            found = [condition.of_label(name, label_of(s, condition.per)) for s in series]
            values[name] = np.array(found, dtype=float)
            continue
        column = []
        for s in series:
            if name not in s.extra and condition.default is None:
                raise DataError(
                    f"Trajectory {s.label!r} lacks the condition `{name}`, which has no default. Write "
                    f'`data.assign_coords({name}=("trajectory", values))`.'
                )
            value = s.extra.get(name, np.asarray(condition.default, dtype=float))
            if np.shape(value) != () or not np.isfinite(value):
                raise DataError(
                    f"The coordinate `{name}` of trajectory {s.label!r} must be one finite number, not {value}: "
                    "the model reads it as a condition."
                )
            column.append(float(value))
        values[name] = np.array(column)
    return values


def constant_rows(model: Model, series: Sequence[Series]) -> np.ndarray | None:
    """(T, q): what the model reads as `c` for each trajectory; None: it reads none."""
    return None if model.constants is None else model.conditions_array(conditions_of(model, series), len(series))
