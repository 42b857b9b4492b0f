"""Observations: an xarray Dataset checked against a model and cut into trajectories, before anything is compiled."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from ..checks import known_arguments
from ..errors import DataError, OptionError, unknown
from ..model import ODE, Stepper
from ..model.names import normal
from .space import Space

if TYPE_CHECKING:
    from .stream import StreamReader

__all__ = ["Holdout", "Observations", "Series"]


@known_arguments
@dataclass(frozen=True)
class Holdout:
    """What training doesn't see.

    Parameters
    ----------
    fraction
        The last part of every trajectory's times, e.g. 0.25.
    after
        Measurements at times later than this.
    trajectories
        Whole trajectories, by label or index.
    """

    fraction: float | None = None
    after: float | None = None
    trajectories: tuple[Any, ...] = ()

    def __post_init__(self) -> None:
        given: Any = self.trajectories
        several = isinstance(given, (tuple, list, set, range, np.ndarray))
        labels = tuple(v.item() if isinstance(v, np.generic) else v for v in (given if several else (given,)))
        object.__setattr__(self, "trajectories", labels)
        if self.after is not None and not _is_number(self.after):
            raise OptionError(f"`Holdout(after=...)` needs a time (a number), not {self.after!r}.")
        if self.fraction is not None and not (_is_number(self.fraction) and 0 < self.fraction < 1):
            raise OptionError(f"`Holdout(fraction=...)` needs a number between 0 and 1, not {self.fraction!r}.")
        if self.fraction is None and self.after is None and not self.trajectories:
            raise OptionError("`Holdout` needs `fraction=`, `after=` or `trajectories=`.")

    @classmethod
    def of(cls, value: Any) -> Holdout | None:
        """None, a `Holdout`, or a number meaning the last fraction of the times."""
        if value is None or isinstance(value, Holdout):
            return value
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return cls(fraction=float(value))
        raise OptionError(f"`holdout` needs a fraction or a `Holdout`, not {value!r}.")

    def to_json(self) -> dict[str, Any]:
        """The arguments that make it again, as plain data."""
        return {"fraction": self.fraction, "after": self.after, "trajectories": list(self.trajectories)}


@dataclass(frozen=True)
class Series:
    """One trajectory: its measured times (K,) and values name → (K, *shape), NaN where not measured.

    `start` is where the integration begins (see `Observations.from_data`); `extra` holds the data's further
    coordinates, from which initial values may be read.
    """

    label: Any
    start: float
    times: np.ndarray
    values: dict[str, np.ndarray]
    extra: dict[str, np.ndarray]

    def select(self, keep: np.ndarray) -> Series:
        return Series(
            self.label, self.start, self.times[keep], {n: v[keep] for n, v in self.values.items()}, self.extra
        )


@dataclass(frozen=True)
class Observations:
    """All trajectories, and the names that were measured.

    Of a data set that is read in pieces (`stream`), the series are an excerpt. `stepped`: a stepper reaches no time
    between the measured ones.
    """

    series: tuple[Series, ...]
    shapes: dict[str, tuple[int, ...]]
    dataset: xr.Dataset
    stream: StreamReader | None = None
    stepped: bool = False

    def __len__(self) -> int:
        return len(self.series)

    @property
    def names(self) -> tuple[str, ...]:
        """The measured observables."""
        return tuple(self.shapes)

    @property
    def digest(self) -> str:
        """Tells two data sets apart: a hash of all names, coordinates, values and attributes."""
        text = hashlib.sha256(repr(None if self.stream is None else self.stream.reference).encode())
        for name in sorted(map(str, self.dataset.variables)):
            variable = self.dataset[name]
            text.update(repr((name, variable.dims, variable.shape, sorted(variable.attrs.items(), key=str))).encode())
            values = np.asarray(variable.values)
            text.update(repr(values.tolist()).encode() if values.dtype == object else values.tobytes())
        return text.hexdigest()

    @property
    def count(self) -> int:
        """Number of measured values."""
        return sum(int(np.isfinite(v).sum()) for s in self.series for v in s.values.values())

    def pooled(self, name: str) -> np.ndarray:
        """All measured values of a variable, (M, *shape)."""
        return np.concatenate([s.values[name] for s in self.series])

    def scale(self, name: str) -> float:
        """Standard deviation of a variable's measurements; its size where it doesn't vary; 1 where it is zero."""
        if self.stream is not None:
            return self.stream.scale(name)
        values = self.pooled(name)
        values = values[np.isfinite(values)]
        if not len(values):
            return 1.0
        deviation, size = float(values.std()), float(np.abs(values).max())
        return deviation if deviation > 1e-9 * size else size or 1.0

    def split(self, holdout: Holdout | None) -> tuple[Observations, Observations | None]:
        """Training and held-out measurements; the latter keep the starts of the former."""
        if holdout is None:
            return self, None
        if self.stream is not None:
            return self._split_stream(holdout)
        labels = [s.label for s in self.series]
        chosen: set[int] = set()
        for wanted in holdout.trajectories:
            if wanted in labels:
                chosen.add(labels.index(wanted))
            elif isinstance(wanted, (int, np.integer)) and -len(labels) <= wanted < len(labels):
                chosen.add(int(wanted) % len(labels))
            else:
                raise unknown("trajectory", wanted, labels, DataError)
        train, held = [], []
        for i, s in enumerate(self.series):
            out = np.zeros(len(s.times), dtype=bool)
            if i in chosen:
                out[:] = True
            if holdout.after is not None:
                out |= s.times > holdout.after
            if holdout.fraction is not None:
                # At least one time, but never the only one.
                count = min(max(1, round(holdout.fraction * len(s.times))), len(s.times) - 1)
                out[len(s.times) - count :] = True
            train.append(s.select(~out))
            held.append(s.select(out))
        left, right = replace(self, series=tuple(train)), replace(self, series=tuple(held))
        if not right.count:
            raise DataError("The hold-out leaves nothing held out. Check `holdout` against the data's times.")
        if not left.count:
            raise DataError("The hold-out leaves nothing to train on. Hold out less.")
        for name in self.names:
            if not any(np.isfinite(s.values[name]).any() for s in train):
                raise DataError(f"The hold-out leaves no measurement of `{name}` to train on. Hold out less.")
        return left, right

    def with_stream(self, model: Any, reference: Mapping[str, Any]) -> Observations:
        """The excerpt with the stream that a file refers to; nothing is opened before windows are read."""
        from .stream import Stream, StreamReader

        stream = Stream(reference["path"], reference["buffer"])
        return replace(self, stream=StreamReader(stream, model, reference))

    def _split_stream(self, holdout: Holdout) -> tuple[Observations, Observations]:
        """The excerpt and its stream divided alike."""
        assert self.stream is not None
        train, held = self.stream.split(holdout)
        out = [train.holds_out(s.label, s.times) for s in self.series]
        left = tuple(s.select(~o) for s, o in zip(self.series, out, strict=True))
        right = tuple(s.select(o) for s, o in zip(self.series, out, strict=True))
        return replace(self, series=left, stream=train), replace(self, series=right, stream=held)

    @classmethod
    def of(cls, data: Any, model: ODE) -> Observations:
        """Data checked against a model: its observables and grid. A stepper's rollouts start at first snapshots."""
        from .stream import Stream, streamed

        if isinstance(data, Stream):
            if not isinstance(model, Stepper):
                raise DataError("A `Stream` feeds `Unrolled` training, which needs a `Stepper`. Load the data.")
            found = streamed(data, model)
        else:
            found = cls.from_data(data, model.observables, Space.of(model))
        if not isinstance(model, Stepper):
            return found
        starts = np.array([s.times[0] for s in found.series])
        series = tuple(replace(s, start=float(s.times[0])) for s in found.series)
        dataset = found.dataset.assign_coords(start=("trajectory", starts))
        return replace(found, series=series, stepped=True, dataset=dataset)

    # ---- from xarray ------------------------------------------------------------------------------------------

    @classmethod
    def from_data(
        cls,
        data: xr.Dataset | Sequence[xr.Dataset],
        observables: Mapping[str, tuple[int, ...]],
        space: Space | None = None,
    ) -> Observations:
        """Check data against a model's observables.

        Parameters
        ----------
        data
            Dataset with variables named after observables, a numeric increasing `time` coordinate, optionally a
            `trajectory` dimension; or one Dataset a trajectory, with different times. NaN means not measured.

            Integrations start at a trajectory's first time; where several share one time axis, at its own first
            measurement. A coordinate `start` (along `trajectory`, or a number) says otherwise.
        observables
            Observable → shape.
        space
            Dimensions and coordinates of fields; data may have them in any order.

        Raises
        ------
        DataError
            Names the variable, the place and the remedy.
        """
        if isinstance(data, xr.Dataset):
            parts = _trajectories(data)
        elif isinstance(data, (list, tuple)) and data and all(isinstance(d, xr.Dataset) for d in data):
            parts = _labelled(data)
        else:
            raise DataError(
                f"Data must be an xarray Dataset with a `time` coordinate (or a list of them), "
                f"not {type(data).__name__}. "
                'Write `xr.Dataset({"hare": ("time", values)}, coords={"time": times})`.'
            )
        parts = [(label, with_normal_names(d)) for label, d in parts]
        labels = [label for label, _ in parts]
        if len(set(labels)) < len(labels):
            twice = next(label for label in labels if labels.count(label) > 1)
            raise DataError(f"Two trajectories have the label {twice!r}. Rename one.")
        names = list(dict.fromkeys(str(n) for _, d in parts for n in d.data_vars))
        for n in names:
            if n not in observables:
                raise DataError(
                    f"{unknown('data variable', n, observables)} Rename it, drop it (`data.drop_vars({n!r})`), "
                    "or give the model an `observe=` function that returns it."
                )
        if not names:
            raise DataError(f"The data has no variable. The model observes {', '.join(f'`{o}`' for o in observables)}.")
        shapes = {n: tuple(observables[n]) for n in observables if n in names}
        shared = isinstance(data, xr.Dataset) and "trajectory" in data.dims
        space = Space() if space is None else space
        series = tuple(
            _series(label, d, shapes, space, shared, f" in trajectory {label!r}" if len(parts) > 1 else "")
            for label, d in parts
        )
        for name in shapes:
            if not any(np.isfinite(s.values[name]).any() for s in series):
                raise DataError(f"`{name}` has no finite value at all: every measurement is NaN. Drop it or repair it.")
        return cls(series, shapes, _union(series, shapes, parts, space))


def with_normal_names(data: xr.Dataset) -> xr.Dataset:
    """The data with names as Python reads them: `µ` (micro) and `μ` (mu) are one letter."""
    other = {n: normal(n) for n in data.variables if normal(n) != n}
    clash = next((n for n, new in other.items() if new in data.variables), None)
    if clash is not None:
        raise DataError(f"The data has `{clash}` twice: Python reads both spellings as one name. Rename one.")
    return data.rename(other) if other else data


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float, np.number)) and not isinstance(value, bool) and bool(np.isfinite(value))


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
    if "time" not in data.dims:
        raise DataError(
            f"The data has dimensions {tuple(map(str, data.dims))}; it needs `time`. Rename one with `data.rename`."
        )
    if "time" not in data.coords:
        raise DataError("The data's `time` dimension has no coordinate. Write `data.assign_coords(time=times)`.")
    if "trajectory" not in data.dims:
        return [(0, data)]
    labels = (
        data["trajectory"].values.tolist() if "trajectory" in data.coords else list(range(data.sizes["trajectory"]))
    )
    return [(label, data.isel(trajectory=i)) for i, label in enumerate(labels)]


def _series(
    label: Any,
    data: xr.Dataset,
    shapes: Mapping[str, tuple[int, ...]],
    space: Space,
    shared: bool = False,
    where: str = "",
) -> Series:
    """One checked trajectory; `shared`: its time axis is that of all trajectories."""
    if "time" not in data.dims or "time" not in data.coords:
        raise DataError(f"The data{where} needs a `time` dimension with a coordinate.")
    raw = np.asarray(data["time"].values)
    if raw.dtype.kind not in "fiu":
        raise DataError(
            f"Times{where} are {raw.dtype}, not numbers. Convert them, e.g. "
            "`data.assign_coords(time=(data.time - data.time[0]) / np.timedelta64(1, 'D'))`."
        )
    times = raw.astype(float)
    if len(times) == 0:
        raise DataError(f"The data{where} has zero length.")
    if not np.isfinite(times).all():
        raise DataError(f"Times{where} hold NaN or infinity at index {int(np.flatnonzero(~np.isfinite(times))[0])}.")
    steps = np.diff(times)
    if (steps <= 0).any():
        i = int(np.flatnonzero(steps <= 0)[0])
        what = "twice" if steps[i] == 0 else "after a later time"
        raise DataError(
            f"Times{where} must increase: {times[i + 1]:g} stands {what} (index {i + 1}). "
            + ("Average the repeated rows or drop them." if steps[i] == 0 else "Write `data.sortby('time')`.")
        )
    values = {}
    for name, shape in shapes.items():
        if name not in data:
            raise DataError(
                f"{unknown('variable', name, data.data_vars)} It is missing{where}; use NaN for not measured."
            )
        array = data[name]
        if "time" not in array.dims:
            raise DataError(f"`{name}`{where} has dimensions {array.dims}; it needs `time`.")
        ordered = space.ordered(name, array, where)
        if ordered.dtype.kind not in "fiub":
            raise DataError(f"`{name}`{where} holds {ordered.dtype} values, not numbers.")
        v = np.asarray(ordered.values, dtype=float)
        if v.shape[1:] != shape:
            raise DataError(
                f"`{name}`{where} has shape {v.shape[1:]} a time ({ordered.dims[1:]}); the model's is {shape}."
            )
        if np.isinf(v).any():
            i = int(np.flatnonzero(np.isinf(v.reshape(len(v), -1)).any(axis=1))[0])
            raise DataError(f"`{name}`{where} is infinite at time {times[i]:g}. Mark missing values with NaN.")
        values[name] = v
    measured = np.zeros(len(times), dtype=bool)
    for v in values.values():
        measured |= np.isfinite(v.reshape(len(times), -1)).any(axis=1)
    if not measured.any():
        raise DataError(f"The data{where} holds nothing but NaN. Drop the trajectory or repair it.")
    extra = {
        str(n): np.asarray(c.values, dtype=float)
        for n, c in data.coords.items()
        if n not in (*data.dims, "trajectory") and "time" not in c.dims and c.dtype.kind in "fiu"
    }
    kept = Series(label, 0.0, times, values, extra).select(measured)
    start = float(kept.times[0]) if shared else float(times[0])
    given = extra.pop("start", None)
    if given is not None:
        if given.shape or not np.isfinite(given) or given > kept.times[0]:
            raise DataError(
                f"The coordinate `start`{where} is {given}; it must be one number, not after the first measurement at "
                f"{kept.times[0]:g}."
            )
        start = float(given)
    return replace(kept, start=start)


def _union(
    series: Sequence[Series],
    shapes: Mapping[str, tuple[int, ...]],
    parts: list[tuple[Any, xr.Dataset]],
    space: Space,
) -> xr.Dataset:
    """One Dataset (trajectory, time, …) on the union of all times; `from_data` reads the same series from it."""
    times = np.unique(np.concatenate([s.times for s in series]))
    first = parts[0][1]
    variables = {}
    for name, shape in shapes.items():
        values = np.full((len(series), len(times), *shape), np.nan)
        for i, s in enumerate(series):
            values[i, np.searchsorted(times, s.times)] = s.values[name]
        further = space.names(name, shape)
        variables[name] = (("trajectory", "time", *further), values, dict(first[name].attrs))
    coords: dict[str, Any] = {
        "trajectory": [s.label for s in series],
        "time": ("time", times, dict(first["time"].attrs)),
        "start": ("trajectory", np.array([s.start for s in series])),
        **space.used(shapes),
    }
    for name, value in series[0].extra.items():
        if all(name in s.extra and s.extra[name].shape == value.shape for s in series):
            further = [f"{name}_{k}" for k in range(value.ndim)]
            coords[name] = (
                ("trajectory", *further),
                np.stack([s.extra[name] for s in series]),
                dict(first[name].attrs),
            )
    return xr.Dataset(variables, coords=coords, attrs=dict(first.attrs))
