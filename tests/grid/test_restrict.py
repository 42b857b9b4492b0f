"""`restrict`: reference data on another grid of the same domain."""

import numpy as np
import pytest
import xarray as xr

import unideq as ude
from unideq.errors import DataError


def data(axis, function, dims=("x",), **more):
    return xr.Dataset({"u": (dims, function(axis.coordinates))}, {axis.name: axis.coordinates}, **more)


@pytest.mark.parametrize(("fine", "coarse"), [(64, 16), (63, 16), (60, 15), (15, 60), (16, 64)])
def test_resolved_waves_survive_on_circles_up_and_down(fine, coarse):
    axis = ude.Axis("x", -1.0, 2.0, fine)

    def waves(x):
        return 1.0 + np.cos(2 * np.pi * x / 3 * 2 + 0.3) + 0.1 * np.sin(2 * np.pi * x / 3 * 7)

    found = ude.restrict(data(axis, waves), ude.Grid(axis.with_points(coarse)))
    np.testing.assert_allclose(found.u, waves(axis.with_points(coarse).coordinates), atol=1e-13)
    np.testing.assert_allclose(found.x, axis.with_points(coarse).coordinates)


def test_waves_that_the_coarse_grid_cant_carry_are_cut():
    axis = ude.Axis("x", 0.0, 1.0, 64)
    found = ude.restrict(data(axis, lambda x: np.cos(2 * np.pi * 20 * x)), ude.Grid(axis.with_points(16)))
    np.testing.assert_allclose(found.u, 0.0, atol=1e-13)


def test_cells_are_averaged_where_the_number_falls_by_a_whole_factor():
    axis = ude.Axis("x", 0.0, 1.0, 60, boundary=ude.Neumann())
    found = ude.restrict(data(axis, lambda x: x**2), ude.Grid(axis.with_points(15)))
    np.testing.assert_allclose(found.u, axis.coordinates.reshape(15, 4).__pow__(2).mean(axis=1), atol=1e-15)
    assert found.u.mean() == pytest.approx(float(data(axis, lambda x: x**2).u.mean()), rel=1e-14)


@pytest.mark.parametrize("points", [16, 45, 101])
def test_cubics_are_interpolated_exactly_elsewhere(points):
    axis = ude.Axis("x", 0.0, 1.0, 60, boundary=ude.Dirichlet())
    cubic = np.polynomial.Polynomial([1.0, -2.0, 3.0, -4.0])
    found = ude.restrict(data(axis, cubic), ude.Grid(axis.with_points(points)))
    np.testing.assert_allclose(found.u, cubic(axis.with_points(points).coordinates), atol=1e-13)


def test_planes_keep_their_other_dimensions_names_and_attributes():
    x, y = ude.Axis("x", 0.0, 1.0, 12), ude.Axis("y", 0.0, 2.0, 10, boundary=ude.Neumann(), units="m")
    xs, ys = ude.Grid(x, y).mesh()
    u = np.stack([np.sin(2 * np.pi * xs) * (1 + ys), np.cos(2 * np.pi * xs)])
    full = xr.Dataset(
        {"u": (("time", "x", "y"), u, {"units": "K"}), "area": ("time", [1.0, 2.0]), "depth": ("y", y.coordinates)},
        {"time": [0.0, 1.0], "x": ("x", x.coordinates, {"long_name": "east"}), "y": y.coordinates},
        attrs={"source": "test"},
    )
    grid = ude.Grid(x.with_points(6), y.with_points(5))
    found = ude.restrict(full, grid)
    assert found.u.dims == ("time", "x", "y") and found.u.shape == (2, 6, 5)
    assert (found.u.attrs, found.attrs, found.x.attrs, found.y.attrs) == (
        {"units": "K"},
        {"source": "test"},
        {"long_name": "east"},
        {"units": "m"},
    )
    xs, ys = grid.mesh()
    np.testing.assert_allclose(found.u[0], np.sin(2 * np.pi * xs) * (1 + ys), atol=1e-13)
    np.testing.assert_allclose(found.depth, grid.coordinates("y"), atol=1e-15)
    xr.testing.assert_equal(found.area, full.area)


def test_lazily_read_data_stay_lazy():
    pytest.importorskip("dask")
    axis = ude.Axis("x", 0.0, 1.0, 12)
    u = np.random.default_rng(0).standard_normal((2, 12))
    full = xr.Dataset({"u": (("time", "x"), u)}, {"time": [0.0, 1.0], "x": axis.coordinates})
    grid = ude.Grid(axis.with_points(6))
    lazy = ude.restrict(full.chunk({"time": 1}), grid)
    assert lazy.u.chunks is not None
    np.testing.assert_allclose(lazy.u.values, ude.restrict(full, grid).u.values, atol=1e-15)


def test_data_of_another_kind_or_domain_is_refused():
    axis = ude.Axis("x", 0.0, 1.0, 32)
    grid = ude.Grid(axis.with_points(8))
    good = data(axis, np.sin)
    with pytest.raises(DataError, match="needs an xarray Dataset, not DataArray"):
        ude.restrict(good.u, grid)
    with pytest.raises(DataError, match=r"no dimension `x` with a coordinate; its dimensions are `z`"):
        ude.restrict(good.rename(x="z"), grid)
    with pytest.raises(DataError, match=r"the data covers 0 … 1 and the grid 0 … 2"):
        ude.restrict(good, ude.Grid(ude.Axis("x", 0.0, 2.0, 8)))
    with pytest.raises(DataError, match="isn't uniform"):
        ude.restrict(good.isel(x=[0, 1, 5, 9]), grid)
    bad = good.copy(deep=True)
    bad.u[3] = np.nan
    with pytest.raises(DataError, match=r"`u` holds NaN or infinite values; they would spread along `x`"):
        ude.restrict(bad, grid)
