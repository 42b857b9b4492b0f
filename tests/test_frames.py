"""Tables, row by row: what they become, and every way in which a row can be wrong."""

import re

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import unideq as ude
from unideq.errors import DataError

TABLE = pd.DataFrame(
    {
        "subject": ["A", "B", "A", "B", "A"],
        "hours": [2.0, 1.0, 0.5, 3.0, 1.0],
        "dose": [4.0, 5.5, 4.0, np.nan, 4.0],
        "conc": [0.9, 2.1, 1.5, np.nan, np.nan],
        "temperature": [36.5, 37.0, np.nan, 37.5, 36.9],
    },
    index=[10, 11, 12, 13, 14],
)
SETTINGS = {"time": "hours", "trajectory": "subject", "conditions": ["dose"]}


def test_every_trajectory_has_its_own_times_in_order():
    a, b = ude.experiments(TABLE, {"conc": "drug", "temperature": "temperature"}, **SETTINGS, units={"drug": "mg/l"})
    assert (a.trajectory.item(), b.trajectory.item()) == ("A", "B")
    np.testing.assert_array_equal(a.time, [0.5, 1.0, 2.0])
    np.testing.assert_array_equal(a.drug, [1.5, np.nan, 0.9])
    np.testing.assert_array_equal(a.temperature, [np.nan, 36.9, 36.5])
    np.testing.assert_array_equal(b.time, [1.0, 3.0])
    assert (a.dose.item(), b.dose.item()) == (4.0, 5.5)
    assert a.drug.attrs == {"units": "mg/l"}


def test_a_row_a_value_becomes_the_same():
    long = TABLE.melt(["subject", "hours", "dose"], ["conc", "temperature"], var_name="what", value_name="number")
    names = {"conc": "drug", "temperature": "temperature"}
    found = ude.experiments(long, names, variable="what", value="number", **SETTINGS)
    for one, other in zip(found, ude.experiments(TABLE, names, **SETTINGS), strict=True):
        xr.testing.assert_identical(one, other)


def test_one_trajectory_dates_and_whole_labels():
    dates = pd.DataFrame({"time": pd.to_datetime(["2020-03-02", "2020-03-01"]), "x": [2.0, 1.0], "id": [1.0, 2.0]})
    (one,) = ude.experiments(dates, "x")
    np.testing.assert_array_equal(one.x, [1.0, 2.0])
    assert one.time.dtype.kind == "M" and "trajectory" not in one.coords
    assert [d.trajectory.item() for d in ude.experiments(dates, "x", trajectory="id")] == [1, 2]


def test_a_fit_takes_them():
    rows = [
        {"id": i, "time": t, "x": x0 * np.exp(-0.7 * t), "x0": x0}
        for i, x0 in ((1, 2.0), (2, 5.0))
        for t in (0, 1, 2 + i)
    ]
    data = ude.experiments(pd.DataFrame(rows), "x", trajectory="id", conditions="x0")
    model = ude.ODE(lambda t, s, p: {"x": -p.k * s.x}, ["x"], {"k": 0.5}, initial={"x": "x0"})
    fit = ude.fit(model, data, phases=ude.BFGS(20), progress=False)
    assert float(fit.parameters["k"]) == pytest.approx(0.7, rel=1e-4)
    assert fit.tree["/solution"].trajectory.values.tolist() == [1, 2]


def test_whatever_has_to_pandas_will_do():
    class Other:
        def to_pandas(self):
            return TABLE

    assert len(ude.experiments(Other(), "conc", **SETTINGS)) == 2


def changed(**columns):
    table = TABLE.astype({"conc": object, "hours": object})
    for column, (row, value) in columns.items():
        table.loc[row, column] = value
    return table


DOSED = pd.DataFrame(
    {
        "ID": [1, 1, 1, 2, 2, 2],
        "TIME": [0.0, 2.0, 8.0, 0.0, 1.0, 3.0],
        "AMT": [4.0, 0.0, 0.0, 5.0, 2.0, 0.0],
        "DV": [np.nan, 1.0, 0.5, np.nan, 0.0, 1.5],
        "EVID": [1, 0, 0, 1, 1, 0],
        "RATE": [0.0, 0.0, 0.0, 0.0, 4.0, 0.0],
        "CMT": [1, 2, 2, 1, 2, 2],
        "ADDL": [2, 0, 0, 0, 0, 0],
        "II": [8.0, 0.0, 0.0, 0.0, 0.0, 0.0],
    },
    index=range(10, 16),
)
NONMEM = {"amount": "AMT", "kind": "EVID", "rate": "RATE", "additional": "ADDL", "interval": "II"}


def dosed(doses, table=DOSED):
    return ude.experiments(table, {"DV": "blood"}, time="TIME", trajectory="ID", doses=doses)


def test_rows_of_doses_become_tables_of_events():
    first, second = dosed(NONMEM)
    assert first["blood"].values.tolist() == [1.0, 0.5] and first["time"].values.tolist() == [2.0, 8.0]
    assert first["dose"].values.tolist() == [4.0, 4.0, 4.0] and first["dose_time"].values.tolist() == [0.0, 8.0, 16.0]
    # 2 at a rate of 4 last half an hour; what stands as measured in a dose's row isn't.
    assert second["blood"].values.tolist() == [1.5]
    assert second["dose"].values.tolist() == [5.0, 2.0] and second["dose_duration"].values.tolist() == [0.0, 0.5]
    apart = dosed({"amount": "AMT", "kind": "EVID", "compartment": "CMT", "name": "given"})[1]
    assert apart["given_1"].values.tolist() == [5.0] and apart["given_2_time"].values.tolist() == [1.0]


def at_row(**cells):
    """The table with cells changed: column=(row, value)."""
    return DOSED.astype(object).assign(
        **{n: DOSED[n].astype(object).where(DOSED.index != r, v) for n, (r, v) in cells.items()}
    )


@pytest.mark.parametrize(
    ("doses", "table", "words"),
    [
        (5, DOSED, "`doses` names the column of amounts"),
        ("AMOUNT", DOSED, "Unknown column of the table `AMOUNT`. Did you mean `AMT`"),
        ({"amount": "AMT", "speed": "RATE"}, DOSED, "Unknown entry of `doses` `speed`"),
        ({"amount": "AMT", "additional": "ADDL"}, DOSED, "`additional` and `interval` of `doses` belong together"),
        ("AMT", DOSED, "In row 14, there is a dose, 2, and a measurement of `blood`"),
        (NONMEM, at_row(EVID=(11, 4)), "In row 11, the kind is 4"),
        (NONMEM, at_row(EVID=(11, 1)), "In row 11, there is a dose, and `AMT` is 0"),
        (NONMEM, at_row(AMT=(11, 3.0)), "In row 11, there is no dose by its kind, 0, and `AMT` is 3"),
        (NONMEM, at_row(AMT=(10, "lots")), "`AMT` in row 10 is 'lots'"),
        (NONMEM, at_row(RATE=(14, -2.0)), "In row 14, a rate or duration is negative"),
        (NONMEM, at_row(II=(10, 0.0)), "In row 10, further doses follow, and no interval says when"),
        (NONMEM, DOSED.assign(AMT=0.0, EVID=0), "No row is a dose"),
        (NONMEM, DOSED.drop(index=15), "Nothing is measured of trajectory 2"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_dose_is_named_by_its_row(doses, table, words):
    with pytest.raises(DataError, match=re.escape(words)):
        dosed(doses, table)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: ude.experiments([1, 2], "x"), "`frame` needs a pandas DataFrame"),
        (lambda: ude.experiments(TABLE.iloc[:0], "conc", **SETTINGS), "no rows"),
        (lambda: ude.experiments(TABLE, [], **SETTINGS), "`variables` names no column"),
        (lambda: ude.experiments(TABLE, "con", **SETTINGS), "Unknown column of the table `con`. Did you mean `conc`"),
        (lambda: ude.experiments(TABLE, "conc", **{**SETTINGS, "time": "hour"}), "`hour`. Did you mean `hours`"),
        (lambda: ude.experiments(TABLE, "conc", **{**SETTINGS, "conditions": "doze"}), "`doze`. Did you mean `dose`"),
        (lambda: ude.experiments(TABLE, "conc", value="conc"), "`variable` and `value` belong together"),
        (lambda: ude.experiments(changed(conc=(12, "<0.1")), "conc", **SETTINGS), "`conc` in row 12 is '<0.1'"),
        (lambda: ude.experiments(changed(hours=(13, None)), "conc", **SETTINGS), "`hours` is missing in row 13"),
        (lambda: ude.experiments(changed(subject=(13, None)), "conc", **SETTINGS), "`subject` is missing in row 13"),
        (
            lambda: ude.experiments(changed(dose=(14, 3.0)), "conc", **SETTINGS),
            "`dose` of trajectory 'A' isn't one value: 4.0 in row 10 and 3.0 in row 14",
        ),
        (
            lambda: ude.experiments(changed(hours=(12, 2.0)), "conc", **SETTINGS),
            "`conc` of trajectory 'A' was measured twice at time 2.0: in row 10 and in row 12",
        ),
        (
            lambda: ude.experiments(TABLE.assign(dose=np.nan), "conc", **SETTINGS),
            "`dose` of trajectory 'A' is empty in all of its rows",
        ),
        (
            lambda: ude.experiments(TABLE, ["A"], time="hours", variable="subject", value="conc"),
            "`subject` in row 11 is 'B'",
        ),
        (
            lambda: ude.experiments(TABLE, ["A", "B", "C"], time="hours", variable="subject", value="conc"),
            "No row measures `C`",
        ),
    ],
)
def test_what_is_wrong_is_named_by_its_row(call, words):
    with pytest.raises(DataError, match=re.escape(words)):
        call()
