"""Times of any kind as model times, or a refusal by name: one place for all that takes times.

Model times are numbers, since rates have units. Dates and spans become numbers where a `Clock` says what a unit of time
is; nothing is ever read as the raw integers that dates and spans are stored as.
"""

from __future__ import annotations

import datetime
import re
from dataclasses import dataclass
from typing import Any

import numpy as np

from .errors import DataError, OptionError, UnideqError

__all__ = ["Clock", "in_numbers", "increasing", "is_dated", "model_time", "model_times", "resolution", "whole_steps"]

UNITS = {
    "W": ("weeks", "week", "w"),
    "D": ("days", "day", "d"),
    "h": ("hours", "hour", "hr", "hrs", "h"),
    "m": ("minutes", "minute", "min", "mins"),
    "s": ("seconds", "second", "sec", "secs", "s"),
    "ms": ("milliseconds", "millisecond", "msec"),
    "us": ("microseconds", "microsecond", "µs", "μs"),
    "ns": ("nanoseconds", "nanosecond"),
}
"""NumPy's word for a unit of time → the words that data have for it, the first of which is written."""
_UNEVEN = ("Y", "M", "years", "year", "yr", "months", "month")


@dataclass(frozen=True)
class Clock:
    """What numbers on the time axis count.

    Attributes
    ----------
    unit
        NumPy's word for the unit of time (`D`, `h`, …); empty where it isn't known, so that only numbers are times.
    origin
        The date of time 0; None where there is none.

    Examples
    --------
    >>> clock = Clock.of("days since 2020-03-01")
    >>> model_times(np.array(["2020-03-01T12:00"], "datetime64[m]"), "Times", clock)
    array([0.5])
    """

    unit: str = ""
    origin: np.datetime64 | None = None

    @classmethod
    def of(cls, units: Any) -> Clock:
        """The clock of a `units` attribute: `days since 2020-03-01`, `h`; one that only knows numbers for all else."""
        match = re.match(r"\s*(\S+)(?:\s+since\s+(.+?))?\s*$", units) if isinstance(units, str) else None
        unit = _code(match.group(1)) if match else None
        if match is None or unit is None:
            return cls()
        origin = None
        if match.group(2):
            try:
                origin = np.datetime64(
                    match.group(2).removesuffix("Z").removesuffix("UTC").strip().replace(" ", "T", 1)
                )
            except ValueError:
                return cls()
        return cls(unit, origin)

    @classmethod
    def of_unit(cls, time_unit: Any) -> Clock:
        """The clock that `time_unit=` asks for, without an origin; None: one that only knows numbers.

        Raises
        ------
        OptionError
            If it isn't a unit of a fixed length.
        """
        if time_unit is None:
            return cls()
        unit = _code(time_unit) if isinstance(time_unit, str) else None
        if unit is None:
            listing = ", ".join(f"`{code}` ({words[0]})" for code, words in UNITS.items())
            uneven = isinstance(time_unit, str) and time_unit in _UNEVEN
            more = (
                " Years and months have no fixed length: take `D`, and rates per day; or make numbers of the times "
                "yourself, e.g. `(data.time - data.time[0]) / np.timedelta64(1, 'D') / 365.25`."
                if uneven
                else ""
            )
            raise OptionError(f"`time_unit` needs one of {listing}, not {time_unit!r}.{more}")
        return cls(unit)

    @property
    def units(self) -> str:
        """As an attribute of a time axis: `days since 2020-03-01`, `days`, or nothing."""
        if not self.unit:
            return ""
        word = UNITS[self.unit][0]
        if self.origin is None:
            return word
        whole = self.origin.astype("datetime64[D]")
        date = str(whole if whole == self.origin else self.origin).replace("T", " ")
        return f"{word} since {date}"


NUMBERS_ONLY = Clock()


def model_times(
    values: Any,
    what: str,
    clock: Clock = NUMBERS_ONLY,
    error: type[UnideqError] = DataError,
    finite: bool = True,
    hint: str = "",
) -> np.ndarray:
    """Times as floats of the same shape.

    Parameters
    ----------
    values
        Numbers (NumPy's, Python's, pandas' nullable ones), or dates and spans where the clock knows them.
    what
        What they are, for the message: "Output times".
    clock
        Of the data.
    error
        What to raise.
    finite
        Whether NaN, NaT and infinities are refused.
    hint
        A further way for dates and spans without a clock, a sentence.

    Raises
    ------
    UnideqError
        Of the kind `error`: for text, truth values, dates without a clock, …; says how to convert.
    """
    array = _plain(values)
    kind = array.dtype.kind
    if kind in "mM":
        array = _counted(array, what, clock, error, hint)
    elif kind not in "fiu":
        raise error(f"{what} are {_told(array)}, not numbers. {_remedy(array)}")
    elif array.dtype == np.float32 or array.dtype == np.float16:
        # The shortest decimal is what was meant: 0.1, not 0.10000000149.
        array = array.astype(str).astype(float)
    result = np.asarray(array, dtype=float)
    if finite and not np.isfinite(result).all():
        place = f" at index {int(np.flatnonzero(~np.isfinite(result))[0])}" if result.ndim else ""
        raise error(f"{what} hold NaN or infinity{place}.")
    return result


def model_time(value: Any, what: str, clock: Clock = NUMBERS_ONLY, error: type[UnideqError] = OptionError) -> float:
    """One time as a float; see `model_times`."""
    array = _plain(value)
    if array.ndim or array.dtype.kind not in "fiumM":
        raise error(f"{what} needs a time (a number), not {value!r}.")
    if array.dtype.kind in "mM" and not clock.unit:
        kind = "a date" if array.dtype.kind == "M" else "a time span"
        raise error(f"{what} needs a time (a number), not {kind} ({value!r}). {_remedy(array)}")
    found = float(model_times(array, what, clock, error, finite=False))
    if not np.isfinite(found):
        raise error(f"{what} needs a finite time, not {value!r}.")
    return found


def increasing(times: Any, what: str = "Output times", clock: Clock = NUMBERS_ONLY) -> np.ndarray:
    """Times (K,) that increase strictly, K ≥ 1."""
    grid = np.atleast_1d(model_times(times, what, clock, finite=False))
    if grid.ndim != 1 or not len(grid) or not np.isfinite(grid).all() or (np.diff(grid) <= 0).any():
        raise DataError(f"{what} must be a non-empty, finite, strictly increasing sequence.")
    return grid


def is_dated(value: Any) -> bool:
    """Whether a value is a date or a time span, of NumPy, pandas or Python; or several of them."""
    return _plain(value).dtype.kind in "mM"


def in_numbers(value: Any) -> str:
    """How a date or a time span becomes a number, as a sentence; nothing for all else."""
    kind = getattr(getattr(value, "dtype", None), "kind", "")
    dated = isinstance(value, (datetime.date, datetime.timedelta)) or kind in ("m", "M")
    return _remedy(_plain(value)) if dated else ""


def resolution(times: np.ndarray) -> float:
    """The rounding in times: that of single precision where they may have been stored in it."""
    largest = float(np.abs(times).max(initial=0.0))
    single = times.astype(np.float32)
    if (single == times).all() or (single.astype(str).astype(float) == times).all():
        return float(np.finfo(np.float32).eps) * largest
    return float(np.finfo(float).eps) * largest


def whole_steps(times: np.ndarray, start: Any, dt: float) -> tuple[np.ndarray, np.ndarray]:
    """The step from `start` that is nearest to each time, and whether it reaches it (up to the rounding of the times).

    Parameters
    ----------
    times, start
        Arrays that broadcast together.
    dt
        Length of a step.
    """
    exact = (times - start) / dt
    numbers = np.rint(exact).astype(int)
    rounding = min(1e-2, 2.0 * resolution(np.asarray(times, dtype=float)) / dt)
    return numbers, np.abs(exact - numbers) <= np.maximum(1e-6 * np.maximum(1.0, np.abs(exact)), rounding)


def _code(word: str) -> str | None:
    """NumPy's word for a unit of time."""
    if word in UNITS:
        return word
    folded = word.strip().lower()
    return next((code for code, words in UNITS.items() if folded in words), None)


def _plain(values: Any) -> np.ndarray:
    """Times as an array; objects (pandas' nullable integers, Python's dates) as what they are."""
    if isinstance(values, np.ma.MaskedArray):
        values = np.ma.filled(values.astype(object), np.nan) if np.ma.is_masked(values) else values.data
    try:
        array = np.asarray(getattr(values, "values", values) if hasattr(values, "dtype") else values)
    except ValueError:  # rows of different lengths
        array = np.empty((), dtype=object)
        array[()] = list(values)
        return array
    if array.dtype.kind != "O" or not array.size:
        return array
    entries = array.ravel().tolist()
    gaps = _pandas_gaps()
    missing = [any(e is gap for gap in gaps) for e in entries]
    kept = [e for e, gone in zip(entries, missing, strict=True) if not gone]
    for kinds, dtype, gap in (
        (datetime.timedelta, "timedelta64[us]", "NaT"),
        (datetime.date, "datetime64[us]", "NaT"),
        ((int, float, np.integer, np.floating), "float64", np.nan),
        ((np.timedelta64,), "timedelta64[ns]", "NaT"),
        ((np.datetime64,), "datetime64[ns]", "NaT"),
    ):
        if kept and all(isinstance(e, kinds) and not isinstance(e, bool) for e in kept):
            if any(getattr(e, "tzinfo", None) is not None for e in kept):
                return array
            filled = [gap if gone else e for e, gone in zip(entries, missing, strict=True)]
            return np.array(filled, dtype=dtype).reshape(array.shape)
    return array


def _pandas_gaps() -> tuple[Any, ...]:
    """pandas' signs for a missing value."""
    import pandas as pd

    return pd.NA, pd.NaT


def _counted(array: np.ndarray, what: str, clock: Clock, error: type[UnideqError], hint: str) -> np.ndarray:
    """Dates or spans in the clock's units."""
    if not clock.unit:
        raise error(f"{what} are {array.dtype}, not numbers. {_remedy(array)}{f' {hint}' if hint else ''}")
    if array.dtype.kind == "M":
        if clock.origin is None:
            raise error(
                f"{what} are dates, and the data's times count {UNITS[clock.unit][0]} from no date. Give times as "
                f"numbers: `(dates - dates[0]) / np.timedelta64(1, '{clock.unit}')`."
            )
        array = array - clock.origin
    spans = np.where(np.isnat(array), np.nan, array / np.timedelta64(1, clock.unit))
    return np.asarray(spans, dtype=float)


def _told(array: np.ndarray) -> str:
    """The kind of what isn't a time."""
    if array.dtype.kind != "O":
        return str(array.dtype)
    first = next(iter(array.ravel().tolist()), None)
    return f"{type(first).__module__}.{type(first).__name__}".removeprefix("builtins.")


def _remedy(array: np.ndarray) -> str:
    """How such times become numbers."""
    kind = array.dtype.kind
    if kind == "M":
        return (
            "Subtract the date of time 0 and divide by the model's unit of time, e.g. "
            "`(times - times[0]) / np.timedelta64(1, 'D')` for days."
        )
    if kind == "m":
        return "Divide by the model's unit of time, e.g. `times / np.timedelta64(1, 'h')` for hours."
    first = next(iter(array.ravel().tolist()), None)
    if getattr(first, "tzinfo", None) is not None:
        return "Leave out the time zone first: `times.tz_convert('UTC').tz_localize(None)`."
    if type(first).__module__.startswith("cftime"):
        return 'Convert the calendar first: `data.convert_calendar("standard")`.'
    if isinstance(first, str):
        return "Convert them: `.astype(float)` for numbers, `pd.to_datetime(...)` for dates."
    return "Give numbers, in the model's unit of time."
