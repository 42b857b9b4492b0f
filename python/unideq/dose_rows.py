"""Rows of a table that are doses, as NONMEM has them: amounts beside the time, the rate, the kind of the row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .checks import known_keys
from .errors import DataError, unknown
from .table_columns import numbers, row_of

__all__ = ["DoseRows", "dose_rows"]

COLUMNS = {
    "amount": "AMT",
    "rate": "RATE",
    "duration": "",
    "kind": "EVID",
    "compartment": "CMT",
    "additional": "ADDL",
    "interval": "II",
}
"""What columns of doses say → what NONMEM calls them."""


@dataclass(frozen=True)
class DoseRows:
    """The doses of a table.

    Attributes
    ----------
    rows
        Which rows are doses (N,) bool; nothing is measured there.
    ignored
        Which rows are neither doses nor measurements.
    amounts, durations
        (N,), the latter 0 for a bolus; None: no column says it.
    names
        What the tables of each row's compartment are called (N,), empty where it is no dose.
    additional, intervals
        How many doses follow, and how far apart.
    """

    rows: np.ndarray
    ignored: np.ndarray
    amounts: np.ndarray
    durations: np.ndarray | None
    names: np.ndarray
    additional: np.ndarray
    intervals: np.ndarray

    def tables(self, rows: np.ndarray, times: np.ndarray) -> dict[str, np.ndarray]:
        """The tables of one trajectory, its doses in order of time: `NAME`, `NAME_time` and `NAME_duration`."""
        found = {}
        for name in dict.fromkeys(n for n in self.names if n):
            chosen = rows[self.rows[rows] & (self.names[rows] == name)]
            repeats = [np.arange(int(self.additional[k]) + 1) for k in chosen]
            when = [times[k] + _spans(self.intervals[k] * n, times) for k, n in zip(chosen, repeats, strict=True)]
            every = np.repeat(chosen, [len(n) for n in repeats]).astype(int)
            at = np.concatenate([times[:0], *when])
            order = np.argsort(at, kind="stable")
            found[name], found[f"{name}_time"] = self.amounts[every][order], at[order]
            if self.durations is not None:
                found[f"{name}_duration"] = self.durations[every][order]
        return found


def _spans(numbers: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Intervals in the unit of the times; spans where these are dates."""
    if times.dtype.kind in "mM" and numbers.any():
        raise DataError(
            "Further doses (`additional`) need times that are numbers: dates don't say what an interval counts."
        )
    return numbers if times.dtype.kind not in "mM" else np.zeros(len(numbers), "timedelta64[ns]")


def dose_rows(table: Any, given: Any, measured: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> DoseRows:
    """The doses of a table.

    Parameters
    ----------
    given
        The column of amounts, or what columns say → the column; `name` is what the tables are called.
    measured
        Variable → rows that measure it, and the values there.

    Raises
    ------
    DataError
        With the row, where it can't be read.
    """
    columns = {"amount": given} if isinstance(given, str) else dict(given) if isinstance(given, Mapping) else None
    if columns is None or "amount" not in columns:
        example = '`doses="AMT"`, or `doses={"amount": "AMT", "rate": "RATE", "kind": "EVID"}`'
        raise DataError(f"`doses` names the column of amounts: write {example}, not {given!r}.")
    name = columns.pop("name", "dose")
    known_keys(columns, (*COLUMNS, "name"), "entry of `doses`", DataError)
    for column in columns.values():
        if column not in table.columns:
            raise unknown("column of the table", column, list(map(str, table.columns)), DataError)
    if "rate" in columns and "duration" in columns:
        raise DataError("`doses` has `rate` and `duration`, which say the same. Leave one out.")
    if ("additional" in columns) != ("interval" in columns):
        raise DataError("`additional` and `interval` of `doses` belong together: how many doses follow, how far apart.")
    read = {what: numbers(table, column) for what, column in columns.items() if what != "compartment"}
    count = len(table)
    amounts = np.nan_to_num(read["amount"], nan=0.0)
    kinds = np.nan_to_num(read["kind"], nan=0.0) if "kind" in read else (amounts != 0).astype(float)

    def first(wrong: np.ndarray, words: str) -> None:
        if wrong.any():
            place = int(np.flatnonzero(wrong)[0])
            raise DataError(
                f"In {row_of(table, place)}, {words.format(amount=read['amount'][place], kind=kinds[place])}"
            )

    first(
        ~np.isin(kinds, (0, 1, 2)),
        "the kind is {kind:g}: 0 is a measurement, 1 a dose, 2 neither. A reset is an event of "
        "the model, `ude.Event`; leave such rows out.",
    )
    doses, column = kinds == 1, columns["amount"]
    first(doses & (amounts == 0), f"there is a dose, and `{column}` is {{amount:g}}.")
    first(~doses & (amounts != 0), f"there is no dose by its kind, {{kind:g}}, and `{column}` is {{amount:g}}.")
    if "kind" not in read:
        for variable, (places, values) in measured.items():
            both = np.zeros(count, dtype=bool)
            both[places[np.isfinite(values)]] = True
            first(
                both & doses,
                f"there is a dose, {{amount:g}}, and a measurement of `{variable}`. Leave the latter empty, "
                'make two rows of it, or name a column that says what a row is: `doses={{..., "kind": "EVID"}}`.',
            )
    durations = None
    if "rate" in read or "duration" in read:
        said = np.nan_to_num(read["rate" if "rate" in read else "duration"], nan=0.0)
        first(doses & (said < 0), "a rate or duration is negative: what is estimated is a model's, not a table's.")
        lasting = np.where(said > 0, amounts / np.where(said > 0, said, 1.0), 0.0) if "rate" in read else said
        durations = np.where(doses, lasting, 0.0)
    additional = np.nan_to_num(read.get("additional", np.zeros(count)), nan=0.0)
    intervals = np.nan_to_num(read.get("interval", np.zeros(count)), nan=0.0)
    first(
        doses & ((additional < 0) | (additional != np.round(additional))),
        "the number of further doses is no whole number.",
    )
    first(doses & (additional > 0) & (intervals <= 0), "further doses follow, and no interval says when.")
    names = np.full(count, "", dtype=object)
    names[doses] = name
    if "compartment" in columns:
        labels: Sequence[Any] = table[columns["compartment"]].tolist()
        for place in np.flatnonzero(doses).tolist():
            label = labels[place]
            text = f"{int(label)}" if isinstance(label, float) and label.is_integer() else f"{label}"
            names[place] = f"{name}_{text}"
            if not names[place].isidentifier() or text == "nan":
                raise DataError(
                    f"In {row_of(table, place)}, the compartment is {label!r}, which can't be part of a name."
                )
    if not doses.any():
        raise DataError(f"No row is a dose: `{column}` is zero or empty everywhere.")
    return DoseRows(doses, kinds == 2, amounts, durations, names, additional, intervals)
