"""`Reading`: the measurements of series as the rows that an encoder reads, in sizes of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np

from ..errors import DataError
from ..stored import Stored

__all__ = ["Reading"]


@dataclass(frozen=True)
class Reading(Stored):
    """How rows are made; see `unideq.model.encoder.Encoder` for what is in them.

    Attributes
    ----------
    names, shapes
        Of what is measured.
    span
        Time that counts as one; None until series have been seen.
    shift, scale
        Of every measured number, variables one after the other.
    """

    family: ClassVar[str] = "reading"
    tag: ClassVar[str] = ""
    names: tuple[str, ...]
    shapes: tuple[tuple[int, ...], ...]
    span: float | None = None
    shift: tuple[float, ...] = ()
    scale: tuple[float, ...] = ()

    @classmethod
    def of(cls, observables: Mapping[str, tuple[int, ...]]) -> Self:
        """That of a model's observables."""
        return cls(tuple(observables), tuple(observables.values()))

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Inverse of `to_json`."""
        shapes = tuple(tuple(s) for s in data["shapes"])
        return cls(tuple(data["names"]), shapes, data["span"], tuple(data["shift"]), tuple(data["scale"]))

    @property
    def settled(self) -> bool:
        """Whether sizes are known."""
        return self.span is not None

    @property
    def width(self) -> int:
        """How many numbers are measured at a time."""
        return sum(int(np.prod(shape, dtype=int)) for shape in self.shapes)

    @property
    def features(self) -> int:
        """Length of a row."""
        return 2 + 2 * self.width

    def scaled(self, series: Sequence[Any], context: float | None) -> Self:
        """The same in the sizes of these series: mean and standard deviation of each variable, and their length."""
        columns = [self._values(s, s.times <= np.inf) for s in series]
        pooled, shift, scale = np.concatenate(columns), np.zeros(self.width), np.ones(self.width)
        at = 0
        for shape in self.shapes:
            part = slice(at, at := at + int(np.prod(shape, dtype=int)))
            found = pooled[:, part][np.isfinite(pooled[:, part])]
            if found.size:
                shift[part] = found.mean()
                scale[part] = found.std() or abs(found.mean()) or 1.0
        lengths = [float(s.times[-1] - s.start) for s in series if len(s.times)]
        span = context or max(lengths, default=0.0) or 1.0
        return replace(self, span=span, shift=tuple(shift.tolist()), scale=tuple(scale.tolist()))

    def rows(self, series: Sequence[Any], until: float | None) -> np.ndarray:
        """(series, rows, features), from each one's last measurement to its first; short ones end in rows of zeros.

        Parameters
        ----------
        series
            With `times`, `values` and `start`.
        until
            Time after each start up to which measurements are read; None: all.

        Raises
        ------
        DataError
            If there is none of a series.
        """
        made = [self._rows(s, until) for s in series]
        for s, rows in zip(series, made, strict=True):
            if not len(rows):
                within = "" if until is None else f" within {until:g} of its start, the `context`"
                raise DataError(
                    f"The encoder needs a measurement to read, and trajectory {s.label!r} has none{within}. Leave that "
                    "trajectory out" + ("." if until is None else ", or read more of it.")
                )
        longest = max(map(len, made))
        return np.stack([np.pad(rows, ((0, longest - len(rows)), (0, 0))) for rows in made])

    def _rows(self, s: Any, until: float | None) -> np.ndarray:
        assert self.span is not None
        slack = 0.0 if until is None else 1e-9 * max(abs(s.start), until)
        kept = s.times <= (np.inf if until is None else s.start + until + slack)
        values = (self._values(s, kept) - np.array(self.shift)) / np.array(self.scale)
        known = np.isfinite(values)
        some = known.any(axis=1)
        times = (s.times[kept][some] - s.start) / self.span
        since = np.diff(times, prepend=times[:1])
        rows = np.concatenate(
            [times[:, None], since[:, None], np.where(known, values, 0.0)[some], known[some]], axis=1, dtype=float
        )
        return rows[::-1]

    def _values(self, s: Any, kept: np.ndarray) -> np.ndarray:
        """(times kept, width); NaN where not measured."""
        count = int(kept.sum())
        parts = []
        for name, shape in zip(self.names, self.shapes, strict=True):
            size = int(np.prod(shape, dtype=int))
            there = name in s.values
            parts.append(s.values[name][kept].reshape(count, size) if there else np.full((count, size), np.nan))
        return np.concatenate(parts, axis=1)
