"""Tables with one row a measurement, as pandas has them: checked row by row, one Dataset a trajectory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from .checks import instance, known_arguments, sequence, text
from .dose_rows import dose_rows
from .errors import DataError, unknown
from .table_columns import numbers, plain, row_of

__all__ = ["experiments"]


@known_arguments
def experiments(
    frame: Any,
    variables: str | Sequence[str] | Mapping[Any, str],
    *,
    time: str = "time",
    trajectory: str | None = None,
    conditions: str | Sequence[str] | Mapping[str, str] = (),
    value: str | None = None,
    variable: str | None = None,
    units: Mapping[str, str] | None = None,
    doses: str | Mapping[str, str] | None = None,
) -> list[xr.Dataset]:
    """What `fit` takes, from a table with a row a measurement: one Dataset a trajectory, in order of appearance.

    Parameters
    ----------
    frame
        A pandas DataFrame, or anything with a method `to_pandas` (Polars, Arrow).
    variables
        Columns of measurements (and of inputs that change in time), or a dict column → name in the model. Empty
        places (NaN) weren't measured. With `variable` and `value`: what the column `variable` says, → name.
    time
        Column of times: numbers, dates or time spans, in any order.
    trajectory
        Column that tells trajectories apart (subject, run, site); None: there is one.
    conditions
        Columns of what is one number (or text) a trajectory: covariates, doses, initial values. They become
        coordinates.
    variable, value
        Columns of a table in which every row is one variable's value: which variable, and its value.
    units
        Name → units.
    doses
        Rows that are doses, beside those that are measurements: the column of amounts, or a dict of what columns say:
        `amount`; `rate` or `duration` of infusions, 0 for a bolus; `kind`, 0 for a measurement, 1 for a dose, 2 for
        neither; `compartment`; `additional` and `interval`, how many doses follow, and how far apart. NONMEM calls
        them AMT, RATE, EVID, CMT, ADDL and II. They become the tables `dose`, `dose_time` and `dose_duration`, or with
        compartments `dose_1`, `dose_1_time`, …; `name` is another word for `dose`. Nothing is measured in such rows.

    Returns
    -------
    list of xarray.Dataset
        Variables over each trajectory's own times; its label is the coordinate `trajectory`.

    Raises
    ------
    DataError
        If a column is missing; a time, label, value or condition can't be used, or differs within a trajectory; or one
        variable was measured twice at one time. Says in which row (by the table's index).

    Examples
    --------
    >>> import pandas as pd, unideq as ude
    >>> table = pd.DataFrame({
    ...     "subject": ["A", "A", "B"], "hours": [0.5, 2.0, 1.0], "dose": [4.0, 4.0, 5.5], "conc": [1.5, 0.9, 2.1],
    ... })
    >>> first, second = ude.experiments(table, {"conc": "drug"}, time="hours", trajectory="subject", conditions="dose")
    >>> first["drug"].values.tolist(), first["time"].values.tolist(), str(first["trajectory"].values)
    ([1.5, 0.9], [0.5, 2.0], 'A')
    """
    table: Any = frame.to_pandas() if hasattr(frame, "to_pandas") else frame
    import pandas as pd  # xarray's own; importing unideq doesn't wait for it

    instance(table, pd.DataFrame, "frame", needs="a pandas DataFrame, or what has `to_pandas`", error=DataError)
    if not len(table):
        raise DataError("The table has no rows.")
    if (value is None) != (variable is None):
        raise DataError("`variable` and `value` belong together: which variable a row measures, and what was measured.")
    known, constants = _named(variables, "variables"), _named(conditions, "conditions")
    if not known:
        raise DataError("`variables` names no column: say what was measured.")
    for column in (*([] if variable else known), *constants, time, trajectory, value, variable):
        if column is not None and column not in table.columns:
            raise unknown("column of the table", column, list(map(str, table.columns)), DataError)
    times = _times(table, time)
    if variable is not None and value is not None:
        measured = _by_variable(table, variable, value, known)
    else:
        measured = {name: (np.arange(len(table)), numbers(table, column)) for column, name in known.items()}
    given = None if doses is None else dose_rows(table, doses, measured)
    if given is not None:
        skipped = given.rows | given.ignored
        measured = {n: (found[~skipped[found]], v[~skipped[found]]) for n, (found, v) in measured.items()}
    rows_of = {None: np.arange(len(table))} if trajectory is None else _groups(table, trajectory)
    made = []
    for label, rows in rows_of.items():
        where = "" if label is None else f" of trajectory {label!r}"
        kept = rows if given is None else rows[~(given.rows | given.ignored)[rows]]
        if not len(kept):
            raise DataError(f"Nothing is measured{where}: all of its rows are doses. Leave them out.")
        data = _dataset(table, kept, times, measured, where, units or {})
        if given is not None:
            tables = given.tables(rows, times)
            data = data.assign(
                {n: (f"{n.removesuffix('_time').removesuffix('_duration')}_number", v) for n, v in tables.items()}
            )
        for column, name in constants.items():
            data = data.assign_coords({name: _constant(table, rows, column, where, units or {}, name)})
        made.append(data if label is None else data.assign_coords(trajectory=label))
    return made


def _named(given: Any, what: str) -> dict[Any, str]:
    """Column → name."""
    if isinstance(given, Mapping):
        return {column: text(name, what, error=DataError) for column, name in given.items()}
    listed = [given] if isinstance(given, str) else sequence(given, what, needs="names of columns", error=DataError)
    return {text(column, what, error=DataError): column for column in listed}


def _times(table: Any, column: str) -> np.ndarray:
    found: Any = table[column]
    if found.dtype.kind in "mM":
        values, missing = found.to_numpy(), found.isna().to_numpy()
    else:
        values = numbers(table, column)
        missing = ~np.isfinite(values)
    if missing.any():
        raise DataError(
            f"`{column}` is missing in {row_of(table, np.flatnonzero(missing)[0])}. Drop such rows, or fill it."
        )
    return values


def _groups(table: Any, column: str) -> dict[Any, np.ndarray]:
    """Label → its rows, in order of appearance."""
    labels = table[column]
    if labels.isna().any():
        place = np.flatnonzero(labels.isna().to_numpy())[0]
        raise DataError(f"`{column}` is missing in {row_of(table, place)}: every row belongs to a trajectory.")
    found: dict[Any, list[int]] = {}
    for place, label in enumerate(labels.tolist()):
        whole = isinstance(label, float) and label.is_integer()
        found.setdefault(int(label) if whole else label, []).append(place)
    return {label: np.array(rows) for label, rows in found.items()}


def _by_variable(
    table: Any, variable: str, value: str, known: Mapping[Any, str]
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Name → the rows that measure it, and the values there."""
    said, values = table[variable], numbers(table, value)
    strange = ~said.isin(list(known)).to_numpy()
    if strange.any():
        place = int(np.flatnonzero(strange)[0])
        entry = said.iloc[place]
        raise DataError(
            f"`{variable}` in {row_of(table, place)} is {plain(entry)!r}. {unknown('variable', entry, known)} "
            "Name it in `variables`, or drop such rows."
        )
    rows = {name: np.flatnonzero((said == entry).to_numpy()) for entry, name in known.items()}
    for name, found in rows.items():
        if not len(found):
            raise DataError(f"No row measures `{name}`: `{variable}` never says so.")
    return {name: (found, values[found]) for name, found in rows.items()}


def _dataset(
    table: Any,
    rows: np.ndarray,
    times: np.ndarray,
    measured: Mapping[str, tuple[np.ndarray, np.ndarray]],
    where: str,
    units: Mapping[str, str],
) -> xr.Dataset:
    """One trajectory: every variable on the times of all of its rows."""
    axis, inverse = np.unique(times[rows], return_inverse=True)
    place = dict(zip(rows.tolist(), inverse.tolist(), strict=True))
    variables = {}
    for name, (found, values) in measured.items():
        array, taken = np.full(len(axis), np.nan), {}
        for row, number in zip(found.tolist(), values.tolist(), strict=True):
            if row not in place or np.isnan(number):
                continue
            at = place[row]
            if at in taken:
                raise DataError(
                    f"`{name}`{where} was measured twice at time {plain(axis[at])}: in {row_of(table, taken[at])} and "
                    f"in {row_of(table, row)}. Average replicates, or make them trajectories of their own."
                )
            array[at], taken[at] = number, row
        variables[name] = ("time", array, {"units": units[name]} if name in units else {})
    return xr.Dataset(variables, {"time": axis})


def _constant(
    table: Any, rows: np.ndarray, column: str, where: str, units: Mapping[str, str], name: str
) -> xr.Variable:
    """What all rows of a trajectory say alike; rows that say nothing don't count."""
    given = table[column].iloc[rows]
    told = np.flatnonzero(given.notna().to_numpy())
    if not len(told):
        raise DataError(f"The condition `{column}`{where} is empty in all of its rows.")
    first = given.iloc[told[0]]
    other = [k for k in told if given.iloc[k] != first]
    if other:
        one, two = row_of(table, rows[told[0]]), row_of(table, rows[other[0]])
        raise DataError(
            f"The condition `{column}`{where} isn't one value: {plain(first)!r} in {one} and "
            f"{plain(given.iloc[other[0]])!r} in {two}. What changes in time is a variable: name it in `variables`."
        )
    return xr.Variable((), plain(first), {"units": units[name]} if name in units else {})
