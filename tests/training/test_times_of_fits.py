"""Fits to data with dates, doses and outliers: clock, start and scale go through fit, file and predictions."""

import warnings

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import unideq as ude
from unideq.errors import DataError, OptionError, UnideqWarning
from unideq.result.plot import plot_data

RATE = 0.7


def decay(**settings):
    rate = ude.Parameter(0.4, positive=True, units="1/d")
    return ude.ODE(lambda t, state, p: {"x": -p.rate * state.x}, ["x"], {"rate": rate}, **settings)


def trained(data, model=None, **settings):
    settings = {"phases": ude.BFGS(30), "solver": "tsit5", "progress": False, **settings}
    return ude.fit(decay() if model is None else model, data, **settings)


def of_time(time, values=None):
    values = 8.0 * np.exp(-RATE * np.arange(7.0)) if values is None else values
    return xr.Dataset({"x": ("time", values)}, coords={"time": time})


DATES = pd.date_range("2020-03-01", periods=7)


@pytest.fixture(scope="module")
def dated():
    """A fit to seven days, the last two held out."""
    return trained(of_time(DATES), time_unit="D", holdout=ude.Holdout(after=pd.Timestamp("2020-03-05")))


# ---- dates ------------------------------------------------------------------------------------------------------


def test_dates_become_days_since_the_first(dated):
    observed = dated.tree["/observations"]
    assert observed["time"].values.tolist() == list(range(7))
    assert observed["time"].attrs["units"] == "days since 2020-03-01"
    assert observed["held_out"].values.sum() == 2
    assert dated.parameters["rate"] == pytest.approx(RATE, rel=1e-4)


def test_predictions_take_dates_spans_and_numbers(dated):
    wanted = 8.0 * np.exp(-RATE * np.array([0.5, 9.0]))
    for times in (
        np.array(["2020-03-01T12:00", "2020-03-10"], "datetime64[m]"),
        np.array([12, 216], "timedelta64[h]"),
        [0.5, 9.0],
    ):
        for found in (dated.predict(times), dated.predict(times, {"x": 8.0 * np.exp(-RATE * 0.5)})):
            assert found["time"].values.tolist() == [0.5, 9.0]
            np.testing.assert_allclose(found["x"].values, wanted, rtol=1e-3)
    back = xr.decode_cf(dated.predict([0.5, 9.0]))["time"].values
    assert (back == np.array(["2020-03-01T12:00", "2020-03-10"], "datetime64[ns]")).all()


def test_the_file_keeps_the_first_date(dated, tmp_path):
    dated.save(tmp_path / "dated.nc")
    again = ude.Fit.load(tmp_path / "dated.nc")
    assert again.record.settings.holdout == ude.Holdout(after=4.0)
    dates = pd.to_datetime(["2020-03-03", "2020-03-09"])
    xr.testing.assert_identical(again.predict(dates), dated.predict(dates))


def test_other_data_with_dates_count_from_the_fits_first(dated):
    from unideq.objective import Observations

    found = Observations.given(of_time(DATES + pd.Timedelta("2D")), dated.model, dated.record.observations.clock)
    assert found.series[0].times.tolist() == [2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]


def test_a_picture_says_what_its_times_count(dated):
    assert plot_data(dated).get_xlabel() == "time [days since 2020-03-01]"


def test_trajectories_count_from_the_first_date_of_all():
    late = of_time(DATES[:4] + pd.Timedelta("1D12h"), 5.0 * np.exp(-RATE * np.arange(4.0)))
    fit = trained([late, of_time(DATES)], time_unit="h", phases=ude.BFGS(1))
    series = fit.record.observations.series
    assert [s.start for s in series] == [36.0, 0.0]
    assert series[0].times.tolist() == [36.0, 60.0, 84.0, 108.0]
    assert fit.record.observations.clock.units == "hours since 2020-03-01"


def test_spans_need_no_date():
    fit = trained(of_time(pd.to_timedelta(np.arange(7), "D")), time_unit="D", phases=ude.BFGS(1))
    assert fit.record.observations.dataset["time"].attrs == {"units": "days"}
    assert fit.predict(pd.to_timedelta([12], "h"))["time"].values.tolist() == [0.5]
    with pytest.raises(DataError, match="Output times are dates, and the data's times count days from no date"):
        fit.predict(DATES)


def test_a_start_may_be_a_date():
    data = of_time(DATES).assign_coords(start=np.datetime64("2020-02-28", "ns"))
    fit = trained(data, decay(initial={"x": 8.0 * np.exp(2 * RATE)}), time_unit="D")
    assert fit.record.observations.series[0].start == -2.0
    assert fit.parameters["rate"] == pytest.approx(RATE, rel=1e-4)


@pytest.mark.parametrize(
    ("data", "settings", "kind", "told"),
    [
        (of_time(DATES), {}, DataError, r"not numbers\. .*ude\.fit\(\.\.\., time_unit=\"D\"\)"),
        (of_time(pd.to_timedelta(np.arange(7), "h")), {}, DataError, r"Divide by the model's unit of time"),
        (of_time(DATES), {"time_unit": "Y"}, OptionError, "Years and months have no fixed length"),
        ([of_time(DATES), of_time(np.arange(7.0))], {"time_unit": "D"}, DataError, "Some trajectories have dates"),
        (
            of_time(("time", np.arange(7.0), {"units": "hours"})),
            {"time_unit": "D"},
            DataError,
            "in `hours` .* where `days` are meant",
        ),
        (of_time(np.arange(7.0)), {"holdout": ude.Holdout(after=DATES[3])}, OptionError, "not a date"),
    ],
)
def test_times_that_nobody_can_count_are_refused(data, settings, kind, told):
    with pytest.raises(kind, match=told):
        trained(data, **settings)


def test_a_trajectory_that_is_held_out_altogether_is_predicted_too():
    fit = trained([of_time(DATES), of_time(DATES)], time_unit="D", holdout=ude.Holdout(trajectories=[1]))
    found = fit.predict(DATES)
    assert found.sizes == {"trajectory": 2, "time": 7}


def test_a_prediction_beyond_a_forcing_is_told():
    rain = xr.DataArray(np.ones(8), [("time", np.arange(8.0))])
    model = ude.ODE(
        lambda t, state, p, forcing: {"x": forcing.rain - p.rate * state.x},
        ["x"],
        {"rate": ude.Parameter(0.4, positive=True)},
        forcings={"rain": rain},
    )
    fit = trained(of_time(np.arange(7.0)), model, phases=ude.BFGS(1))
    with pytest.warns(UnideqWarning, match=r"`rain` is known from t = 0 to 7, .* solved from 0 to 20"):
        fit.predict([0.0, 20.0])


# ---- single precision -------------------------------------------------------------------------------------------


def test_single_precision_that_merges_times_is_told_as_what_it_is():
    seconds = (1.7e9 + np.arange(7)).astype(np.float32)
    with pytest.raises(
        DataError, match=r"1700000000 stands twice .* stored as float32, which holds 7 digits"
    ) as caught:
        trained(of_time(seconds))
    assert "Average" not in str(caught.value)


def test_snapshots_in_single_precision_are_evenly_spaced():
    grid = ude.Grid(ude.Axis("x", 0.0, 1.0, 4))
    model = ude.PDE(lambda t, state, p: -p.rate * state.u, grid, ["u"], {"rate": 0.4})
    times = np.float32(100.0) + np.arange(12, dtype=np.float32) * np.float32(0.1)
    values = np.exp(-RATE * 0.1 * np.arange(12))[:, None] * np.ones(4)
    data = xr.Dataset({"u": (("time", "x"), values)}, coords={"time": times, "x": grid.coordinates("x")})
    fit = ude.fit(ude.Stepper(model, dt=0.1), data, objective=ude.Unrolled(2), phases=ude.BFGS(20), progress=False)
    assert fit.parameters["rate"] == pytest.approx(RATE, rel=1e-4)
    assert np.isfinite(fit.predict(times)["u"].values).all()


# ---- a dose before the first measurement ------------------------------------------------------------------------

AFTER_DOSE = of_time(np.arange(1.0, 7.0), 8.0 * np.exp(-RATE * np.arange(1.0, 7.0)))


def test_a_dose_before_the_first_measurement_is_told_or_given():
    with pytest.warns(UnideqWarning, match=r"known initial value of `x` .* t = 1 .*start=0\.0"):
        trained(AFTER_DOSE, decay(initial={"x": 8.0}), phases=ude.BFGS(1))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit = trained(AFTER_DOSE.assign_coords(start=0.0), decay(initial={"x": 8.0}))
    assert fit.parameters["rate"] == pytest.approx(RATE, rel=1e-5)
    solution = fit.tree["/solution"]["x"].isel(seed=0, trajectory=0)
    assert float(solution["time"][0]) == 0.0 and float(solution[0]) == 8.0  # what nobody measured is shown
    np.testing.assert_allclose(solution.values, 8.0 * np.exp(-RATE * solution["time"].values), rtol=1e-5)
    assert plot_data(fit).get_xlim()[0] < 0.0


def test_the_same_runs_as_a_list_and_as_one_dataset_are_one_fit():
    values = np.array([[np.nan, 6.0, 3.1, 1.4], [np.nan, np.nan, 2.1, 1.2]])
    one = xr.Dataset({"x": (("trajectory", "time"), values)}, coords={"time": np.arange(4.0)})
    parts = [one.isel(trajectory=i) for i in (0, 1)]
    found = [trained(d, phases=ude.BFGS(15)) for d in (one, parts, [p.dropna("time") for p in parts])]
    for other in found[1:]:
        np.testing.assert_array_equal(other.theta, found[0].theta)


# ---- outliers ---------------------------------------------------------------------------------------------------


def test_huber_withstands_one_wild_value():
    times = np.linspace(0.0, 6.0, 25)
    values = 8.0 * np.exp(-RATE * times)
    values[12] = 5e3
    fit = trained(of_time(times, values), loss="huber", phases=ude.BFGS(60))
    # A bounded influence moves it by 4 %; with the outlier in the scale (10³ instead of 2) it was no rate at all.
    assert fit.parameters["rate"] == pytest.approx(RATE, rel=0.05)


def test_a_file_keeps_the_scale_that_it_was_trained_with():
    """θ is stored in units of the scales; a record's own layout says which."""
    from dataclasses import replace

    from unideq.model import Layout
    from unideq.result.sampling import problem_of

    fit = trained(of_time(np.arange(7.0)), phases=ude.BFGS(5))
    other = Layout([replace(e, scale=10.0 * e.scale) for e in fit.record.layout.entries])
    assert problem_of(replace(fit.record, layout=other)).layout is other
