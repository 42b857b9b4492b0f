"""Inputs of a trajectory's own in data: every layout is read as the same records, and files keep them."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

import unideq as ude
from unideq.objective import Observations
from unideq.objective.own_inputs import constant_rows


def model(feed: ude.Forcing | None = None) -> ude.ODE:
    return ude.ODE(
        lambda t, s, p, net, forcing: {"x": forcing.feed - p.k * s.x / p.w},
        ["x"],
        {"k": ude.Condition(0.5), "w": ude.Condition()},
        forcings={"feed": feed or ude.Forcing()},
        initial={"x": 0.0},
    )


TIMES = [[0.0, 1.0], [0.0, 2.0, 3.0]]
FEEDS = [[1.0, 2.0], [5.0, 4.0, 3.0]]


def whole() -> xr.Dataset:
    """Both trajectories on one axis, NaN where nothing was recorded."""
    feed = [[1.0, 2.0, np.nan, np.nan], [5.0, np.nan, 4.0, 3.0]]
    values = {"x": (("trajectory", "time"), np.ones((2, 4))), "feed": (("trajectory", "time"), feed)}
    return xr.Dataset({**values, "w": ("trajectory", [2.0, 3.0])}, {"time": np.arange(4.0), "trajectory": ["a", "b"]})


def listed() -> list[xr.Dataset]:
    """One Dataset a trajectory, with the feed on times of its own."""
    return [
        xr.Dataset(
            {"x": ("time", np.ones(4)), "feed": ("feed_time", f)},
            {"time": np.arange(4.0), "feed_time": t, "trajectory": label, "w": w},
        )
        for label, t, f, w in zip("ab", TIMES, FEEDS, [2.0, 3.0], strict=True)
    ]


def rows() -> xr.Dataset:
    """Rows of times of the feed's own."""
    times = np.array([[0.0, 1.0, np.nan], TIMES[1]])
    feed = np.array([[1.0, 2.0, np.nan], FEEDS[1]])
    made = whole().drop_vars("feed").assign(feed=(("trajectory", "place"), feed))
    return made.assign_coords(feed_time=(("trajectory", "place"), times))


@pytest.mark.parametrize("data", [whole(), listed(), rows()], ids=["one axis", "list", "rows"])
def test_every_layout_holds_the_same_records(data):
    found = Observations.given(data, model())
    again = Observations.of(found.dataset, model())
    for observations in (found, again):
        for s, times, feed in zip(observations.series, TIMES, FEEDS, strict=True):
            np.testing.assert_array_equal(s.inputs["feed"].times, times)
            np.testing.assert_array_equal(s.inputs["feed"].values, feed)
        np.testing.assert_array_equal(constant_rows(model(), observations.series), [[0.5, 2.0, 0.0], [0.5, 3.0, 1.0]])
    assert found.names == ("x",) and found.digest == again.digest


def test_one_input_may_be_everybody_s():
    data = whole().drop_vars("feed").assign(feed=("time", [1.0, 2.0, 3.0, 4.0]))
    found = Observations.given(data, model())
    assert all(s.inputs["feed"].values.tolist() == [1.0, 2.0, 3.0, 4.0] for s in found.series)


def test_records_that_come_with_the_model_are_found_by_label():
    feeds = xr.DataArray(
        [[1.0, 2.0], [3.0, 4.0]], {"time": [0.0, 3.0], "trajectory": ["b", "a"]}, ("trajectory", "time")
    )
    made = ude.ODE(
        lambda t, s, p, net, forcing: {"x": forcing.feed - s.x / p.w},
        ["x"],
        {"w": ude.Condition()},
        forcings={"feed": feeds},
        initial={"x": 0.0},
    )
    data = whole().drop_vars("feed")
    found = Observations.given(data, made)
    assert [s.inputs["feed"].values[0] for s in found.series] == [3.0, 1.0]
    with pytest.raises(ude.DataError, match="`feed` has no record of trajectory 'c': it has 'b', 'a'"):
        Observations.given(data.assign_coords(trajectory=["a", "c"]), made)


def test_held_out_measurements_keep_the_inputs_of_their_trajectory():
    found = Observations.given(whole(), model())
    train, held = found.split(ude.Holdout(after=1.5))
    assert held is not None and held.series[1].inputs is found.series[1].inputs
    assert len(train.series[0].times) == 2


def test_data_and_model_must_not_say_two_things_of_interpolation():
    from unideq.objective.own_inputs import forcing_tables

    data = whole()
    data["feed"].attrs["interpolation"] = "previous"
    found = Observations.given(data, model())
    tables = forcing_tables(model(), found.series, found.dataset)
    assert tables["feed"]["coefficients"].shape == (2, 1, 4)
    with pytest.raises(ude.DataError, match=r"`feed` is `previous` in the data .* the model says `linear`"):
        forcing_tables(model(ude.Forcing("linear")), found.series, found.dataset)
