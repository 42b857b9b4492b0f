"""Data sets larger than memory: which snapshots of a store count for a model, and how they are read.

`unideq.objective.blocks` says in which order; never more are in memory at a time than a buffer holds.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from ..checks import is_whole, known_arguments, path
from ..errors import DataError, ExtraMissing, OptionError, unknown
from ..measurements import decoded
from ..times import Clock, model_times
from .blocks import BlockShuffled
from .holdout import Holdout
from .observations import Observations
from .own_inputs import constant_rows
from .reading import clock_of
from .scale import scale_of
from .series import Series
from .space import Space
from .windows import Snapshots, check_measured, state_observables, step_ratio

if TYPE_CHECKING:
    from ..model import Stepper

__all__ = ["Stream", "StreamReader", "streamed"]

BUFFER = 256 * 2**20
EXCERPT, EXCERPT_TRAJECTORIES, EXCERPT_TIMES = 16 * 2**20, 6, 200
"""Most bytes, trajectories and times of the excerpt that results show."""
SAMPLES = 32
"""Snapshots that a variable's scale is estimated from."""


@known_arguments
@dataclass(frozen=True)
class Stream:
    """A data set that `fit` reads in pieces while it trains (`Unrolled` objectives only).

    Parameters
    ----------
    source
        Path of a zarr store or a netCDF file, or a Dataset opened lazily. Variables over (trajectory,) time and the
        model's grid, all trajectories on one time axis, without missing values.
    buffer
        Most bytes of snapshots in memory at a time (the mini-batches themselves not counted).

    Notes
    -----
    The result file keeps the path, not the data: what plots and scores show is an excerpt, the first 200 snapshots (or
    fewer) of the first trajectories. A Dataset that knows no path can't be resumed from a file.

    Examples
    --------
    >>> import unideq as ude
    >>> ude.Stream("turbulence.zarr", buffer=2**28)
    Stream(source='turbulence.zarr', buffer=268435456)
    """

    source: Any
    buffer: int = BUFFER

    def __post_init__(self) -> None:
        if not isinstance(self.source, (str, os.PathLike, xr.Dataset)):
            raise OptionError(f"`Stream` needs a path or a Dataset, not {type(self.source).__name__}.")
        if not isinstance(self.source, xr.Dataset):
            path(self.source, "source", "Stream")
        if not is_whole(self.buffer, 1):
            raise OptionError(f"`Stream` needs a buffer of whole bytes, not {self.buffer!r}.")

    @property
    def path(self) -> str:
        """Where the data lie; empty where a Dataset doesn't say."""
        if isinstance(self.source, xr.Dataset):
            return str(self.source.encoding.get("source", ""))
        return str(Path(self.source).absolute())

    def open(self) -> xr.Dataset:
        """The data set with lazy arrays."""
        if isinstance(self.source, xr.Dataset):
            return self.source
        path = Path(self.source)
        if not path.exists() or not str(self.source):
            raise DataError(f"There is no data set `{self.source}` to stream from.")
        try:
            return xr.open_zarr(path, chunks=None) if path.is_dir() else xr.open_dataset(path)
        except ImportError as error:
            raise ExtraMissing(f"Reading `{path}` needs a package that isn't installed: {error}.") from None
        except (OSError, ValueError, KeyError) as error:
            raise DataError(f"`{path}` can't be opened as a zarr store or a netCDF file: {error}.") from error


def streamed(stream: Stream, model: Stepper, clock: Clock | None = None) -> Observations:
    """Observations of a stepper that are read in pieces; their series are an excerpt."""
    reader = StreamReader(stream, model, clock=clock)
    data = reader.dataset
    snapshot = sum(data[n].nbytes for n in data.data_vars) / max(1, reader.length * len(reader.labels))
    room = min(stream.buffer, EXCERPT) / max(1.0, snapshot)
    times = int(np.clip(room, 2, min(EXCERPT_TIMES, reader.length)))
    several = int(np.clip(room // times, 1, min(EXCERPT_TRAJECTORIES, len(reader.labels))))
    part = data.isel(time=slice(0, times))
    part = part.isel(trajectory=slice(0, several)) if "trajectory" in part.dims else part
    found = Observations.from_data(part.load(), model.observables, Space.of(model))
    return replace(found, stream=reader)


class StreamReader:
    """A stream seen by a model: which snapshots of which trajectories count, and how they are read.

    Attributes
    ----------
    peak
        Most bytes of snapshots that were in memory so far.
    held
        Reader of the held-out snapshots, where there are some.
    """

    def __init__(
        self, stream: Stream, model: Stepper, known: Mapping[str, Any] | None = None, clock: Clock | None = None
    ) -> None:
        self.stream, self.model = stream, model
        self.clock = Clock.of(known["units"]) if clock is None and known is not None and "units" in known else clock
        self._scales = dict((known or {}).get("scales", {}))
        if known is not None and "times" in known:  # read from a file: nothing is opened before windows are wanted
            first, spacing, count = known["times"]
            labels = known["labels"]
            self.__dict__["times"] = first + spacing * np.arange(count)
            self.__dict__["labels"] = list(range(labels)) if isinstance(labels, int) else labels
        self._held_trajectories: tuple[int, ...] = ()
        self._cut: int | None = None
        self._is_held = False
        self.held: StreamReader | None = None
        self.peak = 0
        self._complete = bool(self._scales)

    # ---- what there is ----------------------------------------------------------------------------------------

    @cached_property
    def dataset(self) -> xr.Dataset:
        """The lazy data set, checked: times, grid, measured states."""
        data = decoded(self.stream.open())
        for name in data.data_vars:
            if name not in self.model.observables:
                raise unknown("data variable", name, self.model.observables, DataError)
        if "time" not in data.dims or "time" not in data.coords:
            raise DataError("A streamed data set needs a `time` dimension with a coordinate.")
        space = Space.of(self.model)
        for name in data.data_vars:
            space.ordered(str(name), data[name])
        state_observables(self.model, [str(n) for n in data.data_vars])
        clock = clock_of([data], None) if self.clock is None else self.clock
        times = model_times(data["time"].values, "The times of a streamed data set", clock)
        if len(times) < 2 or (np.diff(times) <= 0).any():
            raise DataError("The times of a streamed data set must be at least two increasing numbers.")
        step_ratio(self.model.dt, [Series("of the stream", 0.0, times, {}, {})])
        units = {"units": clock.units} if clock.unit else {}
        return data.assign_coords(time=("time", times, {**data["time"].attrs, **units}))

    @property
    def reference(self) -> dict[str, Any]:
        """What a file keeps: path, buffer, the variables' scales, and what there was."""
        if not self._complete:
            self._scales = {str(n): self.scale(str(n)) for n in self.dataset.data_vars}
            self._complete = True
        count = len(self.labels)
        labels = count if self.labels == list(range(count)) else self.labels
        spacing = float(self.times[-1] - self.times[0]) / (self.length - 1)
        times = [float(self.times[0]), spacing, self.length]
        place = {"path": self.stream.path, "buffer": int(self.stream.buffer)}
        units = {"units": self.clock.units} if self.clock is not None and self.clock.unit else {}
        return {**place, "scales": self._scales, "times": times, "labels": labels, **units}

    @cached_property
    def times(self) -> np.ndarray:
        """(K,)."""
        return np.asarray(self.dataset["time"].values, dtype=float)

    @property
    def length(self) -> int:
        """Snapshots a trajectory."""
        return len(self.times)

    @cached_property
    def labels(self) -> list[Any]:
        """Of the trajectories."""
        if "trajectory" not in self.dataset.dims:
            return [0]
        if "trajectory" not in self.dataset.coords:
            return list(range(self.dataset.sizes["trajectory"]))
        return self.dataset["trajectory"].values.tolist()

    @cached_property
    def conditions(self) -> np.ndarray | None:
        """What the stepper reads as `c`, (trajectories, q)."""
        series = []
        for i, label in enumerate(self.labels):
            extra = {}
            for name, c in self.dataset.coords.items():
                if c.dims in ((), ("trajectory",)) and name != "trajectory" and c.dtype.kind in "fiu":
                    extra[str(name)] = np.asarray(c.values[i] if c.dims else c.values, dtype=float)
            series.append(Series(label, float(self.times[0]), self.times, {}, extra))
        return constant_rows(self.model, series)

    def scale(self, name: str) -> float:
        """Standard deviation of a variable, from a fixed sample of snapshots."""
        if name not in self._scales:
            generator = np.random.default_rng(0)
            rows = generator.integers(len(self.labels), size=SAMPLES)
            places = zip(rows.tolist(), generator.integers(self.length, size=SAMPLES).tolist(), strict=True)
            self._scales[name] = scale_of(np.array([self._read(i, k, k + 1)[name] for i, k in places]))
        return self._scales[name]

    def split(self, holdout: Holdout) -> tuple[StreamReader, StreamReader]:
        """Readers of the training and of the held-out snapshots."""
        cut = self.length
        if holdout.after is not None:
            cut = min(cut, int(np.searchsorted(self.times, holdout.after, side="right")))
        if holdout.fraction is not None:
            cut = min(cut, self.length - max(1, round(holdout.fraction * self.length)))
        train, held = (StreamReader(self.stream, self.model, {"scales": self._scales}, self.clock) for _ in range(2))
        for reader in (train, held):
            for name in ("dataset", "times", "labels"):
                if name in self.__dict__:
                    reader.__dict__[name] = self.__dict__[name]
            reader._held_trajectories, reader._cut = holdout.chosen(self.labels), cut
        held._is_held = True
        train.held = held
        return train, held

    def holds_out(self, label: Any, times: np.ndarray) -> np.ndarray:
        """(K,) bool: which snapshots of a trajectory are held out."""
        if self.labels.index(label) in self._held_trajectories:
            return np.ones(len(times), dtype=bool)
        last = self.times[(self.length if self._cut is None else self._cut) - 1]
        return times > last + 1e-9 * max(1.0, abs(last))

    def _range(self, trajectory: int) -> tuple[int, int]:
        """First and last (exclusive) snapshot of a trajectory that may be compared with."""
        cut = self.length if self._cut is None else self._cut
        if trajectory in self._held_trajectories:
            return (0, self.length) if self._is_held else (0, 0)
        return (cut, self.length) if self._is_held else (0, cut)

    # ---- reading ----------------------------------------------------------------------------------------------

    def _read(self, trajectory: int, first: int, last: int) -> dict[str, np.ndarray]:
        part = self.dataset.isel(time=slice(first, last))
        part = part.isel(trajectory=trajectory) if "trajectory" in part.dims else part
        space = Space.of(self.model)
        return {str(n): np.asarray(space.ordered(str(n), part[n]).values, dtype=float) for n in part.data_vars}

    def read(self, pieces: Sequence[tuple[int, int, int]]) -> Snapshots:
        """Snapshots of several (trajectory, first, last) pieces."""
        columns = state_observables(self.model, [str(n) for n in self.dataset.data_vars])
        states: list[np.ndarray] = []
        values: dict[str, list[np.ndarray]] = {}
        for trajectory, first, last in pieces:
            found = self._read(trajectory, first, last)
            times = self.times[first:last]
            check_measured(Series(self.labels[trajectory], times[0], times, found, {}), columns)
            parts = [found[columns[s.name]].reshape(last - first, s.size) for s in self.model.states]
            states.append(np.concatenate(parts, axis=1))
            for name, array in found.items():
                values.setdefault(name, []).append(array)
        conditions = None if self.conditions is None else self.conditions[[t for t, _, _ in pieces]]
        times = np.concatenate([self.times[a:b] for _, a, b in pieces])
        joined = {n: np.concatenate(v) for n, v in values.items()}
        return Snapshots(np.concatenate(states), joined, times, [b - a for _, a, b in pieces], conditions)

    @cached_property
    def snapshot_bytes(self) -> int:
        """Bytes of one snapshot in memory: the state, and the variables that it is made of."""
        return 8 * (self.model.size + sum(int(np.prod(self.model.observables[str(n)])) for n in self.dataset.data_vars))

    def windows(self, length: int, stride: int, before: int, seed: Sequence[int]) -> BlockShuffled:
        """All windows of that many snapshots, the first `before` not compared with, in shuffled blocks."""
        spans = []
        for trajectory in range(len(self.labels)):
            first, last = self._range(trajectory)
            first = max(0, first - before)
            spans.append((trajectory, first, max(0, (last - first - length) // stride + 1)))
        return BlockShuffled(self, spans, length, stride, seed)
