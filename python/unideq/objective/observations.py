"""`Observations`: all trajectories of a fit and what was measured in them; divided into training and held-out ones."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import xarray as xr

from ..errors import DataError
from ..model import Model, Stepper
from ..times import Clock
from .familiar import check_names
from .holdout import Holdout
from .labels import Labels
from .losses import Loss
from .own_inputs import Own
from .reading import clock_of, read
from .scale import outliers, scale_of
from .series import Series
from .space import Space

if TYPE_CHECKING:
    from .stream import StreamReader

__all__ = ["Observations"]


@dataclass(frozen=True)
class Observations:
    """All trajectories, and the names that were measured.

    Of a data set that is read in pieces (`stream`), the series are an excerpt. `stepped`: a stepper reaches no time
    between the measured ones. `unmeasured`: nothing was measured; there are times, and goals.
    """

    series: tuple[Series, ...]
    shapes: dict[str, tuple[int, ...]]
    dataset: xr.Dataset
    stream: StreamReader | None = None
    stepped: bool = False
    unmeasured: bool = False

    def __len__(self) -> int:
        return len(self.series)

    @property
    def names(self) -> tuple[str, ...]:
        """The measured observables."""
        return tuple(self.shapes)

    @property
    def clock(self) -> Clock:
        """What the times count: a unit, and the date of time 0, where they are known."""
        return Clock.of(self.dataset["time"].attrs.get("units"))

    @property
    def labels(self) -> Labels:
        """What the data call the axes of array-valued variables."""
        return Labels.in_results(self.dataset, self.names)

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
        """Standard deviation of a variable's measurements, gross outliers left out (`unideq.objective.scale`).

        Their size where they don't vary; 1 where they are zero.
        """
        if self.stream is not None:
            return self.stream.scale(name)
        kept = [s.values[name][~out] for s, out in zip(self.series, outliers(self.series, name), strict=True)]
        values = np.concatenate(kept)
        return scale_of(values[np.isfinite(values)])

    def split(self, holdout: Holdout | None) -> tuple[Observations, Observations | None]:
        """Training and held-out measurements; the latter keep the starts of the former."""
        if holdout is None:
            return self, None
        if self.unmeasured:
            raise DataError("Nothing is measured, so nothing can be held out. Leave out `holdout`.")
        holdout = holdout.at(self.clock)
        if self.stream is not None:
            return self._split_stream(holdout)
        chosen = holdout.chosen([s.label for s in self.series])
        train, held = [], []
        for i, s in enumerate(self.series):
            out = np.ones(len(s.times), dtype=bool) if i in chosen else holdout.of_times(s.times)
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

    def exact(self, loss: Loss) -> Observations:
        """The same with NaN where a loss takes a value for a limit of what would have been measured."""
        if not loss.limited:
            return self
        exact = {n: loss.of_variable(n).is_exact for n in self.names}
        series = tuple(
            replace(s, values={n: np.where(exact[n](n, v, s.beside), v, np.nan) for n, v in s.values.items()})
            for s in self.series
        )
        return replace(self, series=series)

    def check(self, loss: Loss) -> None:
        """Complain about values, and what stands beside them, that a loss isn't for."""
        exact = self.exact(loss)
        for name in self.names:
            loss.of_variable(name).check_values(name, exact.pooled(name))
            aside = [n for n, of in loss.beside.items() if name in of]
            lacking = [n for n in aside if any(n not in s.beside for s in self.series)]
            if lacking:
                raise DataError(f"The data lack `{lacking[0]}`, which the loss reads beside `{name}`.")
            beside = {n: np.concatenate([s.beside[n] for s in self.series]) for n in aside}
            places = [(t, s.label) for s in self.series for t in s.times.tolist()]

            def where(place: Any, places: list[tuple[float, Any]] = places) -> str:
                time, label = places[place[0]]
                return f"at time {time:g} of trajectory {label!r}"

            loss.of_variable(name).check_beside(name, self.pooled(name), beside, where)

    @classmethod
    def given(
        cls,
        data: Any,
        model: Model,
        clock: Clock | None = None,
        time_unit: str | None = None,
        beside: Mapping[str, tuple[str, ...]] | None = None,
        goals: bool = False,
        sorting: Mapping[str, str] | None = None,
    ) -> Observations:
        """`of` for what a user gives, after a check of the names in it (`unideq.objective.familiar`).

        `time_unit`: what the numbers made of dates and spans count, where no clock says it.
        """
        parts = check_names(data, model)
        return cls.of(data, model, clock_of(parts, time_unit) if clock is None else clock, beside, goals, sorting)

    @classmethod
    def of(
        cls,
        data: Any,
        model: Model,
        clock: Clock | None = None,
        beside: Mapping[str, tuple[str, ...]] | None = None,
        goals: bool = False,
        sorting: Mapping[str, str] | None = None,
    ) -> Observations:
        """Data checked against a model: its observables and grid. A stepper's rollouts start at first snapshots.

        `clock`: what times count, where they may be dates or spans; default: what the data say. `beside`: what a loss
        reads beside measured variables, its name → theirs. `goals`: whether there may be no measurements at all.
        `sorting`: coordinate whose labels say which trajectories a ranking is known for → that ranking.
        """
        from .stream import Stream, streamed

        if isinstance(data, Stream):
            if model.continuous_in_time:
                raise DataError("A `Stream` feeds `Unrolled` training, which needs a `Stepper`. Load the data.")
            for name, condition in model.grouped.items():
                raise DataError(
                    f"`{name}` is one value a `{condition.per}`, and a `Stream` is read in pieces: its groups aren't "
                    "known beforehand. Load the data, `data.load()`, or make it one for all."
                )
            found = streamed(data, cast(Stepper, model), clock)
        else:
            found = cls(*read(data, model.observables, Space.of(model), clock, Own.of(model, beside, sorting), goals))
            found = replace(found, unmeasured=goals and not found.count)
        if not model.starts_at_measurements:
            return found
        starts = np.array([s.times[0] for s in found.series])
        series = tuple(replace(s, start=float(s.times[0])) for s in found.series)
        dataset = found.dataset.assign_coords(start=("trajectory", starts))
        return replace(found, series=series, stepped=True, dataset=dataset)

    @classmethod
    def from_data(
        cls,
        data: xr.Dataset | Sequence[xr.Dataset],
        observables: Mapping[str, tuple[int, ...]],
        space: Space | None = None,
        clock: Clock | None = None,
    ) -> Observations:
        """Data checked against a model's observables; see `unideq.objective.reading.read`."""
        return cls(*read(data, observables, Space() if space is None else space, clock))
