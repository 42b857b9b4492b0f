"""Axes of array states keep the names and coordinates that the data give them, through results, files and pictures."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import xarray as xr

import unideq as ude
from unideq.errors import DataError
from unideq.objective import Observations
from unideq.objective.space import Space
from unideq.result.plot import plot_data

from .growth import untrained

TIMES = np.linspace(0.0, 2.0, 6)


def model(count: int = 3) -> ude.ODE:
    return ude.ODE(lambda t, s, p: {"x": -p.k * s.x}, {"x": count}, {"k": np.full(count, 0.5)})


def data(count: int = 3, dims: tuple[str, str] = ("time", "species")) -> xr.Dataset:
    values = np.exp(-np.outer(TIMES, np.linspace(0.2, 1.0, count)))
    names = [chr(ord("A") + k) for k in range(count)]
    coords: dict[str, Any] = {"time": TIMES, dims[1]: (dims[1], names, {"long_name": "kind"})}
    return xr.Dataset({"x": (dims, values)}, coords)


def test_results_have_the_datas_dimension_and_coordinate(tmp_path):
    fit = untrained(model(), data())
    for group, variable in (("observations", "x"), ("solution", "x"), ("parameters", "initial.x")):
        array = fit.tree[group][variable]
        assert array.dims[-1] == "species"
        assert array["species"].values.tolist() == ["A", "B", "C"]
        assert array["species"].attrs["long_name"] == "kind"
    assert fit.predict([0.0, 1.0])["x"].sel(species="B").dims == ("time",)
    elsewhere = fit.predict([0.0, 1.0], {"x": [1.0, 2.0, 3.0]})["x"]
    assert elsewhere.sel(species="C", time=0.0) == 3.0
    fit.save(tmp_path / "fit.nc")
    assert ude.Fit.load(tmp_path / "fit.nc").tree.identical(fit.tree)


def test_entries_in_another_order_are_brought_into_the_first_trajectorys():
    second = 2.0 * data()
    observations = Observations.of([data(), second.isel(species=[2, 0, 1])], model())
    for series, expected in zip(observations.series, (data(), second), strict=True):
        np.testing.assert_array_equal(series.values["x"], expected["x"].values)
    with pytest.raises(DataError, match=r"trajectory 1 has \['A', 'B', 'D'\] along `species`.*reindex"):
        Observations.of([data(), data().assign_coords(species=["A", "B", "D"])], model())


def test_a_square_array_isnt_transposed_by_the_order_of_its_dimensions():
    square = ude.ODE(lambda t, s: {"x": -s.x}, {"x": (2, 2)})
    values = np.arange(4.0 * len(TIMES)).reshape(len(TIMES), 2, 2)
    first = xr.Dataset({"x": (("time", "row", "column"), values)}, {"time": TIMES})
    observations = Observations.of([first, first.transpose("column", "time", "row")], square)
    np.testing.assert_array_equal(observations.series[1].values["x"], values)
    assert observations.dataset["x"].dims == ("trajectory", "time", "row", "column")


@pytest.mark.parametrize("name", ["seed", "sample", "k", "y"])
def test_names_that_mean_something_else_in_results_are_left_out(name):
    hidden = ude.ODE(
        lambda t, s, p: {"x": -p.k * s.x, "y": s.y}, {"x": 3, "y": ()}, {"k": 1.0}, initial={"y": ude.Parameter(1.0)}
    )
    observations = Observations.of(data(dims=("time", name)), hidden)
    assert observations.dataset["x"].dims == ("trajectory", "time", "x_0")


def test_a_grids_dimensions_are_the_models():
    grid = ude.Grid(ude.Axis("space", 0.0, 1.0, 8))
    heat = ude.PDE(lambda t, s: 0.1 * grid.laplacian(s.u), grid, ["u"])
    assert Space.of(heat).unnamed({"u": (8,)}) == {}


def test_pictures_name_the_entries():
    few = plot_data(untrained(model(), data()))
    assert [t.get_text() for t in few.get_legend().get_texts()][:3] == ["x[A]", "x[B]", "x[C]"]
    many = plot_data(untrained(model(8), data(8)))
    assert [t.get_text() for t in many.get_yticklabels()] == list("ABCDEFGH")
    assert many.get_ylabel() == "kind"
    bare = plot_data(untrained(model(8), data(8).drop_vars("species")))
    assert bare.get_ylabel() == "species"
