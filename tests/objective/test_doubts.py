"""What is probably not meant in data: told before training, by name and with what to do instead."""

import re
import warnings

import numpy as np
import pytest
import xarray as xr

import unideq as ude
from unideq.errors import DataError, UnideqWarning
from unideq.objective import Holdout, Observations
from unideq.objective.doubts import tell_doubts


def decay(positive=False, forced=None, **settings):
    forcings = {} if forced is None else {"forcings": {"rain": xr.DataArray(np.ones(3), [("time", forced)])}}
    return ude.ODE(
        lambda t, state, p, forcing: {"x": -p.rate * state.x + (0.0 if forced is None else forcing.rain)},
        [ude.State("x", positive=positive)],
        {"rate": 0.5},
        **forcings,
        **settings,
    )


def measured(times, values, **coords):
    return xr.Dataset({"x": ("time", np.asarray(values, float))}, coords={"time": np.asarray(times, float), **coords})


def tell(model, data, holdout=None, estimate_initial=True):
    observations = Observations.given(data, model)
    tell_doubts(data, model, observations, observations.split(holdout)[0], estimate_initial)


def silent(*arguments, **settings):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tell(*arguments, **settings)


def says(*parts):
    return pytest.warns(UnideqWarning, match=".*".join(re.escape(p) for p in parts))


def refuses(*parts):
    return pytest.raises(DataError, match=".*".join(re.escape(p) for p in parts))


PLAIN = measured([0, 1, 2, 3], [4.0, 2.0, 1.0, 0.5])


def test_plain_data_raise_no_doubt():
    silent(decay(), PLAIN)
    silent(decay(positive=True, initial={"x": 4.0}), PLAIN)


# ---- forcings ---------------------------------------------------------------------------------------------------


def test_a_forcing_that_shares_no_time_with_the_data_is_refused():
    with refuses("`rain` is known from t = 100 to 101, the data go from 0 to 3: they share no time", "one time axis"):
        tell(decay(forced=[100.0, 100.5, 101.0]), PLAIN)


def test_a_forcing_that_ends_before_the_data_is_told():
    with says("`rain` is known from t = 0 to 1, the data go from 0 to 3: beyond its ends it keeps its end values"):
        tell(decay(forced=[0.0, 0.5, 1.0]), PLAIN)
    silent(decay(forced=[0.0, 1.5, 2.5]), PLAIN)  # to within one interval


def test_solving_beyond_a_forcing_is_told():
    with says("`rain` is known from t = 0 to 1, and the model is solved from 0 to 3: beyond its ends"):
        decay(forced=[0.0, 0.5, 1.0]).solve([0.0, 3.0], {"x": 1.0})


# ---- values -----------------------------------------------------------------------------------------------------


def test_values_far_from_all_others_are_told_with_place_and_remedy():
    data = measured(np.arange(6), [4.0, 2.0, 1e20, 1.0, 0.5, 1e20])
    with says(
        "`x` holds 2 values far from all others, the first 1e+20 at t = 2; the other 4 lie between 0.5 and 4",
        "data.where(data['x'] != 1e+20)",
        "`_FillValue`",
    ):
        tell(decay(), data)
    data["x"].attrs["_FillValue"] = 1e20
    silent(decay(), data)


# ---- starts -----------------------------------------------------------------------------------------------------


def test_a_known_initial_value_before_the_first_measurement_is_told():
    late = PLAIN.assign_coords(time=PLAIN.time + 1.0)
    model = decay(initial={"x": 8.0})
    with says(
        "known initial value of `x` is taken to hold at the first measurement, t = 1", "assign_coords(start=0.0)"
    ):
        tell(model, late)
    for start in (0.0, 1.0):
        silent(model, late.assign_coords(start=start))
    silent(decay(initial={"x": 4.0}), late)  # it was measured there
    silent(decay(initial={"x": ude.Parameter(8.0)}), late)  # not known
    silent(decay(), late)
    silent(model, PLAIN)
    silent(model, PLAIN.assign_coords(time=PLAIN.time - 5.0))


def test_a_dose_of_each_trajectory_is_told_with_the_trajectory():
    model = decay(initial={"x": "dose"})
    runs = [measured([0.0, 1.0], [8.0, 4.0], dose=8.0), measured([0.5, 1.0], [5.0, 4.0], dose=8.0)]
    with says("known initial value of `x`", "of trajectory 1, t = 0.5"):
        tell(model, runs)


def test_rows_without_a_measurement_say_nothing_of_the_start():
    with says("t = 1 (rows without one don't count)"):
        tell(decay(initial={"x": 8.0}), measured([0, 1, 2], [np.nan, 4.0, 2.0]))


@pytest.mark.parametrize("first", [[np.nan, 4.0, 2.0, 1.0], [4.0, 2.0, 1.0, 0.5]])
def test_the_same_runs_as_a_list_and_as_one_dataset_start_alike(first):
    rows = [first, [8.0, np.nan, 2.0, 1.0], [np.nan, np.nan, 3.0, np.nan]]
    parts = [measured([0, 1, 2, 3], r) for r in rows]
    one = xr.concat(parts, dim="trajectory")
    sparse = [p.dropna("time") for p in parts]
    found = [Observations.given(d, decay()) for d in (parts, one, sparse)]
    for other in found[1:]:
        assert [s.start for s in other.series] == [s.start for s in found[0].series]
        assert [s.times.tolist() for s in other.series] == [s.times.tolist() for s in found[0].series]
        xr.testing.assert_identical(other.dataset, found[0].dataset)


# ---- signs ------------------------------------------------------------------------------------------------------


def test_a_positive_state_that_begins_below_zero_is_told():
    data = measured([0, 1, 2, 3], [-0.3, 2.0, 1.0, 0.5])
    with says("`x` is declared positive, and its first measurement is -0.3: its initial value begins at"):
        tell(decay(positive=True), data)
    silent(decay(), data)
    silent(decay(positive=True, initial={"x": 1.0}), data)
    silent(decay(positive=True), measured([0, 1, 2, 3], [0.0, 2.0, 1.0, 0.5]))


def test_a_zero_that_is_to_stay_is_told():
    with says("first measurement is 0: its initial value stays at"):
        tell(decay(positive=True), measured([0, 1, 2, 3], [0.0, 2.0, 1.0, 0.5]), estimate_initial=False)


# ---- nothing to learn -------------------------------------------------------------------------------------------


def test_one_time_only_is_refused():
    with refuses(
        "Nothing is measured after the start: the data have one time only (t = 2)", "assign_coords(start=...)"
    ):
        tell(decay(), measured([2.0], [4.0]))
    with refuses("every trajectory has one time only"):
        tell(decay(), [measured([0.0], [4.0]), measured([1.0], [3.0])])
    with refuses("Nothing is measured after the start"):
        tell(decay(), PLAIN, Holdout(after=0.5))
    silent(decay(initial={"x": 8.0}), measured([2.0], [4.0], start=0.0))
    silent(decay(), [measured([0.0], [4.0]), PLAIN])


# ---- values that aren't any -------------------------------------------------------------------------------------


def test_an_empty_batch_is_refused():
    with pytest.raises(ude.ModelError, match="of no trajectory: their leading axis has length zero"):
        decay().solve([0.0, 1.0], {"x": np.zeros(0)})
    with refuses("The data has no trajectory: its dimension `trajectory` has length zero"):
        Observations.given(xr.concat([PLAIN, PLAIN], dim="trajectory").isel(trajectory=[]), decay())


def test_a_theta_that_isnt_finite_is_refused():
    with pytest.raises(ude.ModelError, match="θ needs finite numbers: `rate` is nan"):
        decay().solve([0.0, 1.0], {"x": 1.0}, np.array([np.nan]))


def test_a_black_box_that_returns_complex_numbers_is_told():
    grid = ude.Grid(ude.Axis("x", 0.0, 1.0, 8))
    stepper = ude.Stepper(lambda fields: {"u": np.fft.ifft(np.fft.fft(fields["u"]))}, 0.1, grid=grid, fields=["u"])
    with pytest.raises(ude.ModelError, match=r"`u` of the solver .* needs numbers, .* complex128 .*: `\.real`"):
        stepper.rollout({"u": np.ones(8)}, 2)
