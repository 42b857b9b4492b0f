"""Names in data that look like ones the model reads, and aren't: told by name, whatever hides them."""

import re
import warnings

import numpy as np
import pytest
import xarray as xr

import unideq as ude
from unideq.errors import DataError, UnideqWarning
from unideq.objective import Observations
from unideq.objective.familiar import check_names


def raises(*parts):
    return pytest.raises(DataError, match=".*".join(re.escape(p) for p in parts))


@pytest.fixture(scope="module")
def stepper():
    """u⁺ by u_t = −speed·u_x, speed known for each trajectory; units that measurements may be compared with."""
    grid = ude.Grid(ude.Axis("x", 0.0, 1.0, 8))
    model = ude.PDE(
        lambda t, state, p: -p.speed * grid.d(state.u),
        grid,
        [ude.State("u", units="mg/L")],
        {"speed": ude.Condition(1.0, units="m/s")},
    )
    return ude.Stepper(model, dt=0.1)


def runs(**coordinates):
    values = np.ones((2, 3, 8))
    data = xr.Dataset(
        {"u": (("trajectory", "time", "x"), values)}, coords={"time": [0.0, 0.1, 0.2], "x": (np.arange(8) + 0.5) / 8}
    )
    data["x"] = np.arange(8) / 8
    return data.assign_coords({n: ("trajectory", v) for n, v in coordinates.items()})


def test_a_condition_under_its_own_name_is_read(stepper):
    found = Observations.given(runs(speed=[2, 3]), stepper)
    assert [float(s.extra["speed"]) for s in found.series] == [2.0, 3.0]
    assert Observations.given(runs(speed=[True, False]), stepper).series[0].extra["speed"] == 1.0
    without = Observations.given(runs(), stepper)  # the default, as documented
    assert all("speed" not in s.extra for s in without.series)


@pytest.mark.parametrize("name", ["Speed", "SPEED", "speeds", "sped", "spee_d", "speed_", "Spead"])
def test_another_spelling_of_a_condition_is_told(stepper, name):
    with raises("no coordinate `speed`, a condition, but the coordinate", name, f"data.rename({{'{name}': 'speed'}})"):
        Observations.given(runs(**{name: [2.0, 3.0]}), stepper)


@pytest.mark.parametrize("name", ["velocity", "dose", "speed_of_sound", "u0"])
def test_other_names_are_other_things(stepper, name):
    Observations.given(runs(**{name: [2.0, 3.0]}), stepper)


def test_names_that_differ_in_a_number_are_different_names():
    grid = ude.Grid(ude.Axis("x", 0.0, 1.0, 8))
    conditions = {"rate_1": ude.Condition(1.0)}
    model = ude.Stepper(ude.PDE(lambda t, s, p: -p.rate_1 * s.u, grid, ["u"], conditions), dt=0.1)
    Observations.given(runs(rate_2=[1.0, 2.0]), model)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        (["fast", "slow"], "holds <U4 values, not numbers. Convert them with `.astype(float)`"),
        (np.array(["2", "3"], object), "holds object (str) values, not numbers"),
        (np.array([2.0, 3.0j]), "holds complex128 values, not numbers. Give real numbers"),
        (np.array([2, 3], "timedelta64[s]"), "holds timedelta64[s] values, not numbers"),
    ],
)
def test_a_condition_that_isnt_a_number_is_told(stepper, values, told):
    with raises("The coordinate `speed` (a condition)", told):
        Observations.given(runs(speed=values), stepper)


def test_a_condition_in_the_wrong_place_is_told(stepper):
    found = Observations.given(runs(speed=[2.0, 3.0]).reset_coords("speed"), stepper)
    assert found.dataset.coords["speed"].values.tolist() == [2.0, 3.0]
    with raises("`speed` is a condition and stands among the attributes", "data.assign_coords(speed=2.0)"):
        Observations.given(runs().assign_attrs(speed=2.0), stepper)
    with raises("no coordinate `speed`, a condition, but the attribute `Speed`"):
        Observations.given(runs().assign_attrs(Speed=2.0), stepper)
    with raises("`speed` is a condition: one number a trajectory, and it varies along `time`", "forcing"):
        Observations.given(runs().assign_coords(speed=("time", [1.0, 2.0, 3.0])), stepper)


def test_a_trajectory_that_lacks_a_condition_has_its_default_in_the_file_too(stepper):
    parts = [d.drop_vars("trajectory", errors="ignore") for d in (runs().isel(trajectory=0), runs().isel(trajectory=1))]
    found = Observations.given([parts[0].assign_coords(speed=2.0), parts[1]], stepper)
    assert found.dataset["speed"].values.tolist() == [2.0, 1.0]
    again = Observations.of(found.dataset, stepper)
    assert [float(s.extra["speed"]) for s in again.series] == [2.0, 1.0]


@pytest.mark.parametrize("name", ["Start", "start_time", "t_start", "tstart", "begin"])
def test_another_word_for_the_start_is_told(name):
    model = ude.ODE(lambda t, s: -s.x, ["x"])
    data = xr.Dataset({"x": ("time", [1.0, 0.5])}, coords={"time": [1.0, 2.0], name: 0.0})
    with raises("no coordinate `start`, where the integration starts, but the coordinate", name):
        Observations.given(data, model)


def test_an_initial_value_in_the_attributes_is_told():
    model = ude.ODE(lambda t, s: -s.x, ["x"], initial={"x": "dose"})
    data = xr.Dataset({"x": ("time", [1.0, 0.5])}, coords={"time": [0.0, 1.0]}, attrs={"dose": 4.0})
    with raises("`dose` is the initial value of `x` and stands among the attributes", "assign_coords(dose=4.0)"):
        Observations.given(data, model)
    with raises("no coordinate `dose`, the initial value of `x`, but the coordinate `Dose`"):
        Observations.given(data.assign_attrs({"dose": None}).assign_coords(Dose=4.0), model)


def test_units_that_differ_are_told_once(stepper):
    data = runs(speed=[1.0, 2.0])
    data["u"].attrs["units"], data["speed"].attrs["units"] = "g/L", "m/s"
    with pytest.warns(UnideqWarning, match=r"`u` is in `g/L` in the data, the state `u` in `mg/L`") as caught:
        Observations.given([data.isel(trajectory=i) for i in (0, 1)], stepper)
    assert len(caught) == 1
    data["u"].attrs = {"Units": "mg / L"}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Observations.given(data, stepper)
    data["speed"].attrs["units"] = "km/h"
    with pytest.warns(UnideqWarning, match=r"`speed` is in `km/h` in the data, the condition `speed` in `m/s`"):
        Observations.given(data, stepper)


def test_fill_values_under_another_name_are_told():
    model = ude.ODE(lambda t, s: -s.x, ["x"])
    data = xr.Dataset({"x": ("time", [1.0, -9999.0], {"fill_value": -9999.0})}, coords={"time": [0.0, 1.0]})
    with raises("`x` holds -9999, which its attribute `fill_value` seems to mean as missing", "`_FillValue`"):
        check_names(data, model)
    data["x"].attrs["fill_value"] = 7.0  # a number that isn't there means nothing
    check_names(data, model)


def test_what_isnt_data_is_left_to_those_who_read_it():
    assert check_names([1, 2], ude.ODE(lambda t, s: -s.x, ["x"])) == []


# ---- forcings ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "attrs",
    [
        {"interp": "previous"},
        {"Interpolation": "previous"},
        {"interpolate": "cubic"},
        {"interpolation_method": "linear"},
        {"interpolaton": "previous"},
        {"method": "previous"},
        {"kind": "Cubic"},
    ],
)
def test_an_attribute_of_a_forcing_that_isnt_read_is_told(attrs):
    rain = xr.DataArray([0.0, 1.0], dims="time", coords={"time": [0.0, 1.0]}, attrs=attrs)
    with raises(f"Forcing `rain` has the attribute `{next(iter(attrs))}`, which isn't read", "`interpolation`"):
        ude.ODE(lambda t, state, forcing: forcing.rain - state.x, ["x"], forcings={"rain": rain})


def test_other_attributes_of_a_forcing_are_free():
    attrs = {"units": "mm/h", "long_name": "rain", "cell_methods": "time: mean", "interpolation": "previous"}
    rain = xr.DataArray([0.0, 1.0], dims="time", coords={"time": [0.0, 1.0]}, attrs=attrs)
    ude.ODE(lambda t, state, forcing: forcing.rain - state.x, ["x"], forcings={"rain": rain})
