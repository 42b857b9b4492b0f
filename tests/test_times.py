"""Times of any kind: converted where a clock says what they count, refused by name everywhere else."""

import datetime
import re

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from unideq import ODE, PDE, Axis, Grid, Holdout, Parameter, Stepper, Trajectory
from unideq.errors import DataError, OptionError, UnideqError
from unideq.times import Clock, increasing, model_time, model_times, resolution, whole_steps

DAYS = Clock.of("days since 2020-03-01")


def raises(kind, *parts):
    return pytest.raises(kind, match=".*".join(re.escape(p) for p in parts))


# ---- clocks -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("units", "unit", "origin"),
    [
        ("days since 2020-03-01", "D", "2020-03-01"),
        ("hours since 2020-03-01 12:30:00", "h", "2020-03-01T12:30"),
        ("seconds since 1970-01-01T00:00:00Z", "s", "1970-01-01"),
        ("h", "h", None),
        ("Days", "D", None),
        ("min", "m", None),
        ("yr", "", None),
        ("m since the flood", "", None),
        ("", "", None),
        (None, "", None),
    ],
)
def test_units_of_a_time_axis_are_read_as_the_conventions_write_them(units, unit, origin):
    assert Clock.of(units) == Clock(unit, None if origin is None else np.datetime64(origin))


@pytest.mark.parametrize("text", ["days since 2020-03-01", "hours since 2020-03-01 12:30", "minutes", ""])
def test_units_are_written_as_they_are_read(text):
    assert Clock.of(text).units == text
    assert Clock.of(Clock.of(text).units) == Clock.of(text)


def test_xarray_reads_the_written_units_as_the_same_dates():
    dates = np.array(["2020-03-01", "2020-03-04T12:00"], "datetime64[ns]")
    clock = Clock("h", dates[0])
    coded = xr.Dataset(coords={"time": ("time", model_times(dates, "Times", clock), {"units": clock.units})})
    assert (xr.decode_cf(coded)["time"].values == dates).all()


@pytest.mark.parametrize("word", ["D", "d", "day", "days"])
def test_a_unit_has_numpys_word_or_a_plain_one(word):
    assert Clock.of_unit(word) == Clock("D")


@pytest.mark.parametrize("word", ["Y", "M", "years", "fortnight", 5, True, ""])
def test_units_without_a_fixed_length_are_refused(word):
    with raises(OptionError, "`time_unit` needs one of `W` (weeks), `D` (days)", f"not {word!r}"):
        Clock.of_unit(word)


# ---- numbers, spans, dates --------------------------------------------------------------------------------------

DATES = ["2020-03-01", "2020-03-02", "2020-03-04"]


@pytest.mark.parametrize(
    "values",
    [
        [0, 1, 3],
        np.array([0.0, 1.0, 3.0]),
        np.array([0, 1, 3], "uint8"),
        pd.array([0, 1, 3], dtype="Int64"),
        pd.Series(pd.array([0.0, 1.0, 3.0], dtype="Float64")),
        pd.Index([0, 1, 3]),
        xr.DataArray([0, 1, 3], dims="time"),
        np.ma.masked_array([0.0, 1.0, 3.0], [False] * 3),
        np.array(DATES, "datetime64[D]"),
        np.array(DATES, "datetime64[ns]"),
        pd.to_datetime(DATES),
        pd.to_datetime(DATES).tolist(),
        pd.to_datetime(DATES).to_pydatetime().tolist(),
        [datetime.date.fromisoformat(d) for d in DATES],
        pd.to_timedelta([0, 24, 72], "h"),
        np.array([0, 24, 72], "timedelta64[h]"),
        [datetime.timedelta(hours=h) for h in (0, 24, 72)],
    ],
    ids=lambda v: f"{type(v).__name__}-{getattr(v, 'dtype', '')}",
)
def test_numbers_dates_and_spans_of_all_libraries_are_the_same_days(values):
    assert model_times(values, "Times", DAYS).tolist() == [0.0, 1.0, 3.0]


@pytest.mark.parametrize(
    ("values", "parts"),
    [
        (pd.to_timedelta([0, 1], "h"), ("timedelta64", "Divide by the model's unit of time", "np.timedelta64(1, 'h')")),
        (np.array([0, 1], "timedelta64[s]"), ("timedelta64[s], not numbers",)),
        (np.array(DATES, "datetime64[D]"), ("datetime64[D], not numbers", "Subtract the date of time 0")),
        ([datetime.datetime(2020, 3, 1)], ("datetime64[us], not numbers",)),
        (["0", "1"], ("<U1, not numbers", ".astype(float)", "pd.to_datetime")),
        ([True, False], ("bool, not numbers",)),
        ([0.0, 1.0j], ("complex128, not numbers",)),
        ([{}], ("dict, not numbers",)),
        ([[0.0, 1.0], [2.0]], ("list, not numbers",)),
        (None, ("NoneType, not numbers",)),
        (np.ma.masked_array([0.0, 1.0], [False, True]), ("NaN or infinity at index 1",)),
        (pd.array([0, None], dtype="Int64"), ("NaN or infinity at index 1",)),
        ([0.0, np.inf], ("NaN or infinity at index 1",)),
    ],
    ids=lambda v: None if isinstance(v, tuple) else f"{type(v).__name__}",
)
def test_what_isnt_a_time_is_named_with_the_way_out(values, parts):
    with raises(DataError, "Times", *parts):
        model_times(values, "Times")


def test_dates_need_a_clock_with_a_date():
    with raises(DataError, "Times are dates, and the data's times count hours from no date", "np.timedelta64(1, 'h')"):
        model_times(np.array(DATES, "datetime64[D]"), "Times", Clock("h"))
    with raises(DataError, "NaN or infinity at index 1"):
        model_times(np.array(["2020-03-01", "NaT"], "datetime64[D]"), "Times", DAYS)


# ---- everywhere that takes times --------------------------------------------------------------------------------


def growth(**settings):
    return ODE(lambda t, state, p: {"x": p.rate * state.x}, ["x"], {"rate": 0.1}, **settings)


def stepper():
    grid = Grid(Axis("x", 0.0, 1.0, 8))
    return Stepper(PDE(lambda t, state: -state.u, grid, ["u"]), dt=0.1)


HOURS = pd.to_timedelta([0, 1, 2], "h")
SPAN, DATE = np.timedelta64(3, "h"), np.datetime64("2020-03-01")


@pytest.mark.parametrize(
    "call",
    [
        lambda: growth().solve(HOURS, {"x": 1.0}),
        lambda: growth().solve(HOURS.to_numpy().astype("timedelta64[s]"), {"x": 1.0}),
        lambda: growth().solve(np.array(DATES, "datetime64[D]"), {"x": 1.0}),
        lambda: growth().solve([1.0, 2.0], {"x": 1.0}, start=SPAN),
        lambda: growth().solve([1.0, 2.0], {"x": 1.0}, start=DATE),
        lambda: growth().solve([1.0, 2.0], {"x": 1.0}, start=np.nan),
        lambda: growth().solve([1.0, 2.0], {"x": 1.0}, start="0"),
        lambda: growth().export_julia("/tmp/never.jl", HOURS, {"x": 1.0}),
        lambda: stepper().solve(HOURS, {"u": np.ones(8)}),
        lambda: stepper().solve([0.0, 0.1], {"u": np.ones(8)}, start=DATE),
        lambda: stepper().rollout({"u": np.ones(8)}, 2, start=SPAN),
        lambda: stepper().rollout({"u": np.ones(8)}, 2, start=np.nan),
        lambda: Trajectory(horizon=SPAN),
        lambda: Trajectory(curriculum=[(SPAN, 10)]),
        lambda: growth(forcings={"rain": xr.DataArray([0.0, 1.0, 2.0], dims="time", coords={"time": HOURS})}),
        lambda: growth(initial={"x": SPAN}),
        lambda: growth().solve([0.0, 1.0], {"x": SPAN}),
        lambda: growth().solve([0.0, 1.0], {"x": 1.0}, {"rate": SPAN}),
        lambda: growth().solve([0.0, 1.0], {"x": 1.0}, np.array([1], "timedelta64[s]")),
    ],
)
def test_spans_and_dates_are_never_their_raw_integers(call):
    with pytest.raises(UnideqError, match=r"number|finite|horizon"):
        call()


@pytest.mark.parametrize(
    ("call", "remedy"),
    [
        (lambda: Trajectory(horizon=SPAN), "Divide by the model's unit of time, e.g. `times / np.timedelta64(1, 'h')`"),
        (lambda: Trajectory(horizon=datetime.timedelta(hours=3)), "Divide by the model's unit of time"),
        (lambda: Parameter(SPAN), "Divide by the model's unit of time"),
        (lambda: Parameter(DATE), "Subtract the date of time 0"),
        (lambda: growth(initial={"x": SPAN}), "Divide by the model's unit of time"),
        (
            lambda: Stepper(PDE(lambda t, s: -s.u, Grid(Axis("x", 0.0, 1.0, 8)), ["u"]), dt=SPAN),
            "Divide by the model's",
        ),
    ],
)
def test_settings_that_are_spans_or_dates_say_how_they_become_numbers(call, remedy):
    with raises(UnideqError, remedy):
        call()


def test_a_hold_out_takes_dates_where_the_data_have_them():
    later = Holdout(after=pd.Timestamp("2020-03-02"))
    assert later.at(DAYS) == Holdout(after=1.0)
    assert Holdout(after=datetime.timedelta(hours=36)).at(DAYS).after == 1.5
    assert Holdout(fraction=0.5).at(DAYS) == Holdout(fraction=0.5)
    with raises(OptionError, "`Holdout(after=...)` needs a time (a number), not a date"):
        later.at(Clock())
    with raises(OptionError, "`Holdout(after=...)` needs a time (a number), not a time span"):
        Holdout(after=SPAN).at(Clock())
    with raises(OptionError, "needs a finite time, not nan"):
        Holdout(after=np.nan)


def test_a_hold_outs_fraction_may_be_numpys():
    assert Holdout.of(np.float32(0.25)) == Holdout(fraction=0.25)
    assert Holdout.of(np.int64(1) / 4).to_json()["fraction"] == 0.25


# ---- single precision -------------------------------------------------------------------------------------------


def test_single_precision_means_the_decimal_that_was_written():
    assert model_times(np.array([0.1, 0.2, 1900.5], np.float32), "Times").tolist() == [0.1, 0.2, 1900.5]


def test_steps_allow_for_the_rounding_of_single_precision_and_no_more():
    times = (1000.0 + 0.1 * np.arange(40)).astype(np.float32)
    for given in (model_times(times, "Times"), times.astype(float)):
        numbers, reached = whole_steps(given, given[0], 0.1)
        assert numbers.tolist() == list(range(40)) and reached.all()
    assert resolution(np.array([1.0 / 3.0])) < 1e-15
    assert not whole_steps(np.array([0.0, 0.1037]), 0.0, 0.1)[1].all()
    assert not whole_steps(np.array([1000.0, 1000.0 + 0.1 / 3]), 1000.0, 0.1)[1].all()


def test_increasing_times():
    assert increasing(3.0).tolist() == [3.0]
    with raises(DataError, "Output times must be a non-empty, finite, strictly increasing sequence"):
        increasing([0.0, 0.0])
    assert model_time(np.float32(0.1), "`start`") == 0.1
