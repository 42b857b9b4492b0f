"""Observations: what is read from xarray, and what is refused."""

import json
import re

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from unideq.errors import DataError, OptionError
from unideq.objective import Holdout, Observations

NAN = np.nan
SCALARS = {"hare": (), "lynx": ()}


def single(**changes):
    parts = {"hare": ("time", [1.0, 2.0, 4.0, 8.0]), "lynx": ("time", [5.0, NAN, 3.0, 1.0]), **changes}
    return xr.Dataset({k: v for k, v in parts.items() if v is not None}, coords={"time": [0.0, 1.0, 2.5, 4.0]})


def raises(kind, *parts):
    return pytest.raises(kind, match=".*".join(re.escape(p) for p in parts))


# ---- reading ----------------------------------------------------------------------------------------------------


def test_one_trajectory_with_missing_values():
    data = Observations.from_data(single(), SCALARS)
    (s,) = data.series
    assert len(data) == 1 and data.names == ("hare", "lynx") and data.count == 7
    assert s.start == 0.0 and s.times.tolist() == [0.0, 1.0, 2.5, 4.0]
    np.testing.assert_array_equal(s.values["lynx"], [5.0, NAN, 3.0, 1.0])
    assert data.scale("hare") == pytest.approx(np.std([1, 2, 4, 8]))
    assert data.scale("lynx") == pytest.approx(np.std([5, 3, 1]))


def test_scale_of_constant_and_zero_variables():
    data = Observations.from_data(single(hare=("time", [7.0] * 4), lynx=("time", [0.0] * 4)), SCALARS)
    assert data.scale("hare") == 7.0 and data.scale("lynx") == 1.0


def test_times_without_any_measurement_are_dropped_and_the_first_that_is_left_is_the_start():
    data = single(hare=("time", [NAN, 2.0, NAN, 8.0]), lynx=("time", [NAN, 3.0, NAN, NAN]))
    (s,) = Observations.from_data(data, SCALARS).series
    assert s.times.tolist() == [1.0, 4.0]
    assert s.start == 1.0
    (s,) = Observations.from_data(data.assign_coords(start=0.0), SCALARS).series
    assert s.times.tolist() == [1.0, 4.0] and s.start == 0.0


@pytest.mark.parametrize("dims", [("trajectory", "time"), ("time", "trajectory")])
def test_trajectory_dimension_in_any_order(dims):
    values = np.array([[1.0, 2.0, NAN], [NAN, 5.0, 6.0]])
    data = xr.Dataset(
        {"hare": (dims, values if dims[0] == "trajectory" else values.T)},
        coords={"time": [0, 1, 2], "trajectory": ["north", "south"], "dose": ("trajectory", [3.0, 4.0])},
    )
    found = Observations.from_data(data, SCALARS)
    assert [s.label for s in found.series] == ["north", "south"]
    assert [s.start for s in found.series] == [0.0, 1.0]  # on a shared time axis each starts where it was measured
    assert found.series[1].times.tolist() == [1.0, 2.0]
    assert [float(s.extra["dose"]) for s in found.series] == [3.0, 4.0]
    assert found.pooled("hare").tolist() == [1.0, 2.0, 5.0, 6.0]


def test_array_variables_with_dimensions_in_any_order():
    values = np.arange(12.0).reshape(3, 4)
    data = xr.Dataset({"u": (("x", "time"), values)}, coords={"time": [0, 1, 2, 3], "x": [0.1, 0.2, 0.3]})
    (s,) = Observations.from_data(data, {"u": (3,)}).series
    np.testing.assert_array_equal(s.values["u"], values.T)


def test_list_of_datasets_with_different_times_becomes_one_union():
    one = xr.Dataset(
        {"hare": ("time", [1.0, 2.0], {"units": "k"})}, coords={"time": ("time", [0.0, 2.0], {"units": "yr"})}
    )
    two = xr.Dataset({"hare": ("time", [NAN, 4.0, 5.0])}, coords={"time": [0.5, 1.0, 2.0]})
    data = Observations.from_data([one, two], SCALARS)
    assert [s.label for s in data.series] == [0, 1]
    assert data.series[1].start == 1.0 and data.series[1].times.tolist() == [1.0, 2.0]
    union = data.dataset
    assert union["hare"].dims == ("trajectory", "time")
    assert union["time"].values.tolist() == [0.0, 1.0, 2.0]
    np.testing.assert_array_equal(union["hare"].values, [[1.0, NAN, 2.0], [NAN, 4.0, 5.0]])
    assert union["hare"].attrs["units"] == "k" and union["time"].attrs["units"] == "yr"


def test_labels_of_a_list_come_from_scalar_trajectory_coordinates():
    parts = [single().assign_coords(trajectory=name) for name in ("a", "b")]
    assert [s.label for s in Observations.from_data(parts, SCALARS).series] == ["a", "b"]


def test_start_coordinate_is_where_the_integration_begins():
    (s,) = Observations.from_data(single().assign_coords(start=-2.0), SCALARS).series
    assert s.start == -2.0
    with raises(DataError, "`start` is 3.0; it must be one number, not after the first measurement at 0"):
        Observations.from_data(single().assign_coords(start=3.0), SCALARS)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.lists(st.integers(0, 30), min_size=1, max_size=6, unique=True), min_size=1, max_size=4),
    st.integers(0, 99),
)
def test_the_union_dataset_reads_back_as_the_same_series(times, seed):
    rng = np.random.default_rng(seed)
    parts = []
    for row in times:
        t = np.sort(np.array(row, dtype=float))
        hare = rng.normal(size=len(t))
        hare[rng.random(len(t)) < 0.3] = NAN
        hare[-1] = 1.0
        parts.append(xr.Dataset({"hare": ("time", hare)}, coords={"time": t, "dose": rng.normal()}))
    data = Observations.from_data(parts, SCALARS)
    again = Observations.from_data(data.dataset, SCALARS)
    for a, b in zip(data.series, again.series, strict=True):
        assert a.label == b.label and a.start == b.start and a.extra == b.extra
        np.testing.assert_array_equal(a.times, b.times)
        np.testing.assert_array_equal(a.values["hare"], b.values["hare"])
    xr.testing.assert_identical(data.dataset, again.dataset)


# ---- hold-outs --------------------------------------------------------------------------------------------------


def two_trajectories():
    values = np.arange(10.0).reshape(2, 5)
    return Observations.from_data(
        xr.Dataset(
            {"hare": (("trajectory", "time"), values)}, coords={"time": [0, 1, 2, 3, 4], "trajectory": ["a", "b"]}
        ),
        SCALARS,
    )


def test_holdout_of_a_fraction_takes_the_last_times_of_every_trajectory():
    train, held = two_trajectories().split(Holdout(fraction=0.4))
    assert [s.times.tolist() for s in train.series] == [[0, 1, 2]] * 2
    assert [s.times.tolist() for s in held.series] == [[3, 4]] * 2
    assert [s.start for s in held.series] == [0.0, 0.0]


def test_a_trajectory_measured_once_keeps_its_only_time():
    one = xr.Dataset({"hare": ("time", [1.0])}, coords={"time": [0.0]})
    train, held = Observations.from_data([one, single(lynx=None)], SCALARS).split(Holdout(fraction=0.25))
    assert [len(s.times) for s in train.series] == [1, 3]
    assert [len(s.times) for s in held.series] == [0, 1]


def test_holdout_after_a_time_and_of_whole_trajectories():
    train, held = two_trajectories().split(Holdout(after=2.0, trajectories=["b"]))
    assert [s.times.tolist() for s in train.series] == [[0, 1, 2], []]
    assert [s.times.tolist() for s in held.series] == [[3, 4], [0, 1, 2, 3, 4]]
    assert train.count + held.count == 10
    by_index, _ = two_trajectories().split(Holdout(trajectories=-1))
    assert [len(s.times) for s in by_index.series] == [5, 0]


def test_holdout_of_numbers_and_nothing():
    assert Holdout.of(None) is None
    assert Holdout.of(0.25) == Holdout(fraction=0.25)
    assert two_trajectories().split(None)[1] is None
    again = Holdout(**json.loads(json.dumps(Holdout(after=3.0, trajectories=np.array([1])).to_json())))
    assert again == Holdout(after=3.0, trajectories=(1,))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Holdout(), "needs `fraction=`, `after=` or `trajectories=`"),
        (lambda: Holdout(fraction=1.0), "between 0 and 1, not 1.0"),
        (lambda: Holdout(fraction="half"), "between 0 and 1, not 'half'"),
        (lambda: Holdout(after="1910"), "`Holdout(after=...)` needs a time (a number), not '1910'"),
        (lambda: Holdout.of("last"), "`holdout` needs a fraction or a `Holdout`, not 'last'"),
        (lambda: Holdout.of(True), "`holdout` needs a fraction or a `Holdout`, not True"),
    ],
)
def test_bad_holdouts(make, message):
    with raises(OptionError, message):
        make()


def test_holdouts_that_leave_nothing():
    data = two_trajectories()
    with raises(DataError, "nothing held out"):
        data.split(Holdout(after=100.0))
    with raises(DataError, "nothing to train on"):
        data.split(Holdout(after=-1.0))
    with raises(DataError, "Unknown trajectory `c`. Possible: `a`, `b`"):
        data.split(Holdout(trajectories=["c"]))
    late = Observations.from_data(single(lynx=("time", [NAN, NAN, NAN, 1.0])), SCALARS)
    with raises(DataError, "leaves no measurement of `lynx` to train on"):
        late.split(Holdout(fraction=0.25))


# ---- what is refused --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "parts"),
    [
        (np.ones(3), ("must be an xarray Dataset", "not ndarray", "xr.Dataset(")),
        ([], ("must be an xarray Dataset", "not list")),
        (single().rename(hare="hares"), ("Unknown data variable `hares`. Did you mean `hare`?", "drop_vars('hares')")),
        (single(hare=None, lynx=None), ("has no variable", "`hare`, `lynx`")),
        (single().rename(time="year"), ("dimensions ('year',); it needs `time`",)),
        (single().drop_vars("time"), ("no coordinate", "assign_coords(time=times)")),
        (single().isel(time=[]), ("zero length",)),
        (single().isel(time=[0, 2, 1]), ("must increase: 1 stands after a later time (index 2)", "sortby('time')")),
        (single().isel(time=[0, 1, 1]), ("must increase: 1 stands twice (index 2)", "Average the repeated rows")),
        (single().assign_coords(time=[0.0, 1.0, NAN, 3.0]), ("NaN or infinity at index 2",)),
        (single().assign_coords(time=list("abcd")), ("Times are <U1, not numbers",)),
        (
            single().assign_coords(time=np.array(["2001", "2002", "2003", "2004"], "datetime64[ns]")),
            ("Times are datetime64[ns], not numbers", "np.timedelta64(1, 'D')"),
        ),
        (single(hare=("time", [1.0, np.inf, 2.0, 3.0])), ("`hare` is infinite at time 1",)),
        (single(hare=("time", [NAN] * 4)), ("`hare` has no finite value at all",)),
        (single(hare=("time", list("abcd"))), ("`hare` holds <U1 values, not numbers",)),
        (single(hare=(("time", "x"), np.ones((4, 2)))), ("`hare` has shape (2,) a time (('x',)); the model's is ()",)),
        (single(hare=((), 3.0)), ("`hare` has dimensions (); it needs `time`",)),
        ([single(), single(lynx=None)], ("Unknown variable `lynx`", "in trajectory 1; use NaN")),
        ([single(lynx=None), single().rename(lynx="lyn")], ("Unknown data variable `lyn`. Did you mean `lynx`?",)),
        (
            [single(), single(hare=("time", [NAN] * 4), lynx=("time", [NAN] * 4))],
            ("in trajectory 1 holds nothing but NaN",),
        ),
        ([single(), single().isel(time=[0, 2, 1])], ("Times in trajectory 1 must increase",)),
        ([single(), single().expand_dims("trajectory")], ("Dataset 1 of the list has a `trajectory` dimension",)),
        ([single().assign_coords(trajectory=7)] * 2, ("Two trajectories have the label 7",)),
    ],
)
def test_bad_data_says_what_where_and_what_to_do(data, parts):
    with raises(DataError, *parts):
        Observations.from_data(data, SCALARS)
