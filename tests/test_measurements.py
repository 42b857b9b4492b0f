"""What attributes say of stored values is honoured, once; what isn't a number is refused by name."""

import re

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import unideq as ude
from unideq.errors import DataError
from unideq.measurements import decoded, measured
from unideq.objective import Observations
from unideq.residual.domain import Domain

NAN = np.nan


def stored(values, dtype, **attrs):
    return xr.Dataset({"x": ("time", np.array(values).astype(dtype), attrs)}, coords={"time": [0.0, 1.0, 2.0]})


@pytest.mark.parametrize(
    ("values", "dtype", "attrs", "meant"),
    [
        ([1, 9.96921e36, 3], "f4", {"_FillValue": 9.96921e36}, [1, NAN, 3]),
        ([1, 9.96921e36, 3], "f4", {"_FillValue": np.float32(9.96921e36)}, [1, NAN, 3]),
        ([1, 1e20, 3], "f8", {"missing_value": 1e20}, [1, NAN, 3]),
        ([1, -9999, 3], "i2", {"_FillValue": -9999}, [1, NAN, 3]),
        ([1, -9999, 3], "i4", {"missing_value": "-9999"}, [1, NAN, 3]),
        ([1, -9999, -1], "f8", {"missing_value": [-9999.0, -1.0]}, [1, NAN, NAN]),
        ([1, -9999, -1], "f8", {"missing_value": -9999.0, "_FillValue": -1.0}, [1, NAN, NAN]),
        ([1, -9999, 3], "i2", {"_FillValue": 1e20}, [1, -9999, 3]),
        ([10, 20, 30], "i2", {"scale_factor": 0.1, "add_offset": 5}, [6.0, 7.0, 8.0]),
        ([10, -1, 30], "i2", {"scale_factor": 0.1, "_FillValue": -1}, [1.0, NAN, 3.0]),
    ],
)
def test_attributes_of_stored_values_are_honoured(values, dtype, attrs, meant):
    data = stored(values, dtype, **attrs)
    np.testing.assert_allclose(decoded(data)["x"].values, meant, rtol=1e-15)
    assert data["x"].attrs == attrs and data["x"].dtype == dtype  # the user's own stays
    found = Observations.from_data(data, {"x": ()})
    np.testing.assert_allclose(found.pooled("x"), [m for m in meant if np.isfinite(m)], rtol=1e-15)
    again = Observations.from_data(found.dataset, {"x": ()})
    np.testing.assert_array_equal(again.pooled("x"), found.pooled("x"))  # and not honoured twice


def test_an_attribute_that_isnt_a_number_is_told():
    with pytest.raises(DataError, match=r"attribute `_FillValue` of `x` is 'none', not a number"):
        decoded(stored([1, 2, 3], "f8", _FillValue="none"))


def test_conditions_and_forcings_have_such_attributes_too():
    dose = xr.DataArray([4, -1], dims="trajectory", attrs={"scale_factor": 0.5})
    data = xr.Dataset({"x": (("trajectory", "time"), np.ones((2, 3)))}, coords={"time": [0.0, 1.0, 2.0], "dose": dose})
    assert [float(s.extra["dose"]) for s in Observations.from_data(data, {"x": ()}).series] == [2.0, -0.5]
    rain = xr.DataArray([0.0, -9999.0], dims="time", coords={"time": [0.0, 1.0]}, attrs={"_FillValue": -9999.0})
    with pytest.raises(DataError, match=r"Forcing `rain` is NaN or infinite at time 1"):
        ude.ODE(lambda t, state, forcing: forcing.rain - state.x, ["x"], forcings={"rain": rain})


def test_data_of_residual_problems_have_such_attributes_too():
    x = np.linspace(0.0, 1.0, 3)
    data = xr.Dataset({"u": ("x", [1.0, 1e20, 3.0], {"_FillValue": 1e20})}, coords={"x": x})
    terms = ude.Data(data).terms("data", Domain({"x": (0.0, 1.0)}), ["u"])
    np.testing.assert_array_equal(terms["data.u"].at["measured"], [1.0, 3.0])


def test_values_far_from_all_others_are_told_of_residual_problems_too():
    x = np.linspace(0.0, 1.0, 5)
    data = ude.Data(xr.Dataset({"u": ("x", [1.0, 1e20, 3.0, 2.0, 2.5])}, coords={"x": x}))
    with pytest.warns(ude.UnideqWarning, match=r"`u` holds 1 value far from all others, the first 1e\+20; the other 4"):
        data.terms("data", Domain({"x": (0.0, 1.0)}), ["u"])


@pytest.mark.parametrize(
    "values",
    [
        pd.array([1, None, 3], dtype="Int64"),
        pd.array([1.0, None, 3.0], dtype="Float64"),
        pd.Series([1, None, 3], dtype="Int64"),
        np.array([1, None, 3.0], dtype=object),
    ],
    ids=["Int64", "Float64", "Series", "object"],
)
def test_nullable_numbers_are_numbers(values):
    np.testing.assert_array_equal(measured(values, "`x`"), [1.0, NAN, 3.0])


def test_a_table_with_nullable_columns_is_data():
    table = pd.DataFrame(
        {"time": pd.array([0, 1, 2], dtype="Int64"), "x": pd.array([1, None, 3], dtype="Int64")}
    ).set_index("time")
    (s,) = Observations.from_data(table.to_xarray(), {"x": ()}).series
    assert s.times.tolist() == [0.0, 2.0] and s.values["x"].tolist() == [1.0, 3.0]


@pytest.mark.parametrize(
    ("values", "told"),
    [
        (["a", "b"], "`x` holds <U1 values, not numbers. Convert them with `.astype(float)`"),
        (np.array(["1", 2.0], object), "`x` holds object (str) values, not numbers"),
        ([1.0, 1.0j], "`x` holds complex128 values, not numbers. Give real numbers: `.real`"),
        (np.array([1.0, 1.0j], object), "`x` holds object (complex) values, not numbers. Give real numbers"),
        (np.array([1, 2], "timedelta64[h]"), "`x` holds timedelta64[h] values, not numbers. Divide by a unit"),
    ],
)
def test_what_isnt_a_number_is_told(values, told):
    with pytest.raises(DataError, match=re.escape(told)):
        measured(values, "`x`")
