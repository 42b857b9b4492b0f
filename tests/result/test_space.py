"""Fields in results: measurements, solutions, learned terms and pictures live on the model's grid."""

import json
import re

import numpy as np
import pytest
import xarray as xr

import unideq as ude
from unideq.errors import DataError
from unideq.objective import Observations
from unideq.result.plot import plot_data

GRID = ude.Grid(ude.Axis("x", 0.0, 2.0, 16, units="m"))
X = GRID.coordinates("x")
TIMES = np.linspace(0.0, 1.0, 6)


def reaction():
    def rhs(t, state, p, net):
        return p.D * GRID.laplacian(state.u) + net.source(state.u)

    fields = {"u": ude.State(units="mol/m3", description="concentration")}
    parameters = {"D": ude.Parameter(0.02, free=False)}
    return ude.PDE(rhs, GRID, fields, parameters, networks={"source": ude.nn.MLP(1, 1, [3])})


def measured():
    """Two trajectories of made-up fields."""
    phases = np.array([0.0, 1.0])[:, None, None]
    values = 0.5 + 0.3 * np.sin(np.pi * X + phases) * np.exp(-TIMES)[None, :, None]
    coordinates = {"trajectory": ["a", "b"], "time": TIMES, "x": X}
    return xr.Dataset({"u": (("trajectory", "time", "x"), values)}, coordinates)


@pytest.fixture(scope="module")
def fitted():
    data = measured().transpose("x", "trajectory", "time")
    return ude.fit(reaction(), data, phases=[ude.Adam(1e-2, 3)], solver="tsit5", progress=False)


def test_every_group_of_a_fit_has_the_grids_coordinates(fitted):
    for group, variable in (("observations", "u"), ("solution", "u"), ("learned_term", "source_output")):
        data = fitted.tree[f"/{group}"].to_dataset()
        assert data[variable].dims[-1] == "x" and data[variable].sizes["x"] == 16
        np.testing.assert_array_equal(data["x"], X)
        assert data["x"].attrs["units"] == "m"
    assert fitted.tree["/parameters/"]["initial.u"].dims == ("seed", "trajectory", "x")
    np.testing.assert_allclose(fitted.tree["/observations"]["u"], measured().u, rtol=1e-15)


def test_a_file_brings_back_the_pde(fitted, tmp_path):
    fitted.save(tmp_path / "fit.nc")
    again = ude.Fit.load(tmp_path / "fit.nc")
    assert isinstance(again.model, ude.PDE) and again.model.grid == GRID
    xr.testing.assert_identical(again.tree["/solution"].to_dataset(), fitted.tree["/solution"].to_dataset())
    assert json.loads(again.tree.attrs["model"])["kind"] == "PDE"


def test_pictures_have_space_on_their_axis(fitted):
    ax = plot_data(fitted, "u")
    assert ax.get_ylabel() == "x [m]" and ax.get_ylim()[1] > X[-1] and ax.get_xlabel() == "time"


def test_fields_of_two_dimensions_are_shown_as_snapshots():
    grid = ude.Grid(ude.Axis("x", 0.0, 1.0, 8), ude.Axis("y", 0.0, 2.0, 10, units="m"))
    x, y = grid.mesh()
    times = np.array([0.0, 0.1, 0.2])
    data = xr.Dataset(
        {"u": (("time", "x", "y"), np.exp(-times)[:, None, None] * np.sin(2 * np.pi * x) * np.cos(np.pi * y))},
        {"time": times, "x": grid.coordinates("x"), "y": grid.coordinates("y")},
    )
    model = ude.PDE(lambda t, s, p: -p.r * s.u, grid, ["u"], {"r": 0.9})
    fit = ude.fit(model, data.transpose("y", "x", "time"), phases=[ude.Adam(1e-2, 2)], solver="tsit5", progress=False)
    ax = plot_data(fit, "u")
    panels = ax.child_axes
    assert [p.get_title() for p in panels] == ["t = 0", "t = 0.1", "t = 0.2"]
    assert panels[0].get_ylabel() == "y [m]" and panels[0].get_xlabel() == "x"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda d: d.isel(x=slice(0, 16, 2)),
            "`u` in trajectory 'a' lives on another grid than the model: along `x` the data has 8 points from 0 to "
            "1.75, the model's grid 16 points from 0 to 1.875. Bring the data there: `ude.restrict(data, model.grid)`",
        ),
        (lambda d: d.assign_coords(x=d.x + 0.01), "the data has 16 points from 0.01 to 1.885"),
        (lambda d: d.rename(x="cell"), "the model's grid has `x`. Rename one with `data.rename(...)`"),
        (lambda d: d.isel(x=slice(0, 8)).drop_vars("x"), "`u` in trajectory 'a' has 8 points along `x`"),
    ],
)
def test_data_of_another_grid_are_told_from_the_models(change, message):
    with pytest.raises(DataError, match=re.escape(message)):
        ude.fit(reaction(), change(measured()), phases=[ude.Adam(1e-2, 1)], progress=False)


def test_a_finer_simulation_is_brought_to_the_models_grid():
    fine = ude.Grid(GRID.axis("x").with_points(64))
    x = fine.coordinates("x")
    data = xr.Dataset({"u": (("time", "x"), np.ones((6, 1)) * np.sin(np.pi * x))}, {"time": TIMES, "x": x})
    found = ude.restrict(data, GRID)
    np.testing.assert_allclose(found.u[0], np.sin(np.pi * X), atol=1e-12)
    observed = Observations.of(found, reaction()).dataset
    assert observed.u.dims == ("trajectory", "time", "x") and observed.x.attrs["units"] == "m"
