"""What comes back from a residual problem: values anywhere, errors, files bit for bit, pictures."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

import unideq as ude
from training.specimens import KAPPA, poisson, poisson_solution
from unideq.errors import DataError, FileFormatError, OptionError, UnideqWarning
from unideq.result import Fit


@pytest.fixture(scope="module")
def fitted(heat_fit) -> Fit:
    return heat_fit


@pytest.fixture(scope="module")
def saved(fitted, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("fit") / "heat.nc"
    fitted.save(path)
    return path


def at_one(fit: Fit, x: float, t: float) -> float:
    """The best seed's u at a point, by the problem's own graph with NumPy."""
    return float(fit.model({"x": x, "t": t}, fit.theta)["u"])


# ---- values -------------------------------------------------------------------------------------------------------


def test_tree_has_the_documented_groups(fitted):
    assert set(fitted.tree.children) == {
        "solution", "residual", "training", "parameters", "weights", "snapshots", "points", "diagnostics", "optimizer",
    }  # fmt: skip
    solution = fitted.tree["/solution"].to_dataset()
    assert solution["u"].dims == ("seed", "x", "t")
    assert solution.sizes == {"seed": 2, "x": 101, "t": 101}
    assert set(fitted.tree["/points"].children) == {"heat", "ends", "data.u"}
    assert fitted.tree["/points/heat"].sizes["point"] == 48
    assert fitted.tree["/training"]["weight"].dims == ("seed", "iteration", "term")
    assert fitted.tree["/parameters"]["kappa"].attrs == {"units": "m²/s", "long_name": "diffusivity", "free": 1}
    assert fitted.tree["/diagnostics"]["rms"].dims == ("seed", "residual")


def test_prediction_on_axes_cuts_and_points_agree(fitted):
    x, t = np.array([0.2, 0.5]), np.array([0.0, 0.3, 1.0])
    table = fitted.predict(x=x, t=t)["u"]
    assert table.dims == ("x", "t")
    wanted = [[at_one(fitted, a, b) for b in t] for a in x]
    np.testing.assert_allclose(table.values, wanted, rtol=1e-12)
    cut = fitted.predict(x=0.5, t=t)["u"]
    assert cut.dims == ("t",)
    assert float(cut["x"]) == 0.5
    np.testing.assert_array_equal(cut.values, table.values[1])
    scattered = fitted.predict({"x": [0.2, 0.5], "t": [1.0, 0.3]})["u"]
    assert scattered.dims == ("point",)
    np.testing.assert_array_equal(scattered.values, [table.values[0, 2], table.values[1, 1]])
    assert fitted.predict(grid={"x": 5}, t=0.0)["u"].sizes == {"x": 5}


def test_predictions_of_all_seeds_are_the_stored_solution(fitted):
    np.testing.assert_array_equal(fitted.predict(seed="all")["u"].values, fitted.tree["/solution/u"].values)
    best = fitted.predict()["u"].values
    np.testing.assert_array_equal(best, fitted.tree["/solution/u"].values[fitted.record.best_seed])


def test_residual_is_what_the_equation_leaves(fitted):
    """uₜ − κ uₓₓ by central differences of the prediction."""
    h, x, t = 1e-3, 0.4, 0.6
    u = fitted.predict(x=[x - h, x, x + h], t=[t - h, t, t + h])["u"].values
    kappa = float(fitted.parameters["kappa"])
    expected = (u[1, 2] - u[1, 0]) / (2 * h) - kappa * (u[2, 1] - 2 * u[1, 1] + u[0, 1]) / h**2
    found = fitted.residuals(x=x, t=t)
    assert list(found.data_vars) == ["heat"]
    assert float(found["heat"]) == pytest.approx(expected, abs=1e-5)
    assert list(fitted.residuals(terms=["ends"], x=0.0, t=0.5).data_vars) == ["ends"]


def test_error_is_relative_to_the_reference(fitted):
    x, t = np.linspace(0, 1, 21), np.linspace(0, 1, 11)
    exact = np.exp(-KAPPA * np.pi**2 * t) * np.sin(np.pi * x)[:, None]
    reference = xr.Dataset({"u": (("x", "t"), exact)}, coords={"x": x, "t": t})
    error = fitted.error(reference)
    predicted = fitted.predict(x=x, t=t)["u"].values
    assert float(error["u"]) == pytest.approx(np.linalg.norm(predicted - exact) / np.linalg.norm(exact), rel=1e-12)
    assert fitted.error(reference, seed="all")["u"].dims == ("seed",)
    holes = reference.where(reference["x"] < 0.5)
    half = np.linalg.norm(predicted[:10] - exact[:10]) / np.linalg.norm(exact[:10])
    assert float(fitted.error(holes)["u"]) == pytest.approx(half, rel=1e-12)
    flipped = fitted.error(reference.transpose("t", "x"))
    assert float(flipped["u"]) == pytest.approx(float(error["u"]), rel=1e-12)


def test_bad_requests_are_refused(fitted):
    with pytest.raises(OptionError, match="Unknown coordinate `y`"):
        fitted.predict(y=1.0)
    with pytest.raises(OptionError, match="There is no seed 7"):
        fitted.predict(seed=7)
    with pytest.raises(OptionError, match="Give `points`, or axes"):
        fitted.predict({"x": [0.1], "t": [0.1]}, grid=5)
    with pytest.raises(OptionError, match="`points` has no `t`"):
        fitted.predict({"x": [0.1]})
    with pytest.raises(OptionError, match="a number or a 1-D array"):
        fitted.predict(x=np.zeros((2, 2)))
    with pytest.raises(OptionError, match="`grid` needs a whole number"):
        fitted.predict(grid=1)
    with pytest.raises(OptionError, match=r"`data.u` needs `at\.\w+`, known at its own points only"):
        fitted.residuals(terms=["data.u"])
    with pytest.raises(DataError, match="none of the fields u, only w"):
        fitted.error(poisson_solution().rename(u="w"))
    with pytest.warns(UnideqWarning, match="`x` leaves the domain"):
        fitted.predict(x=[0.5, 1.5], t=0.0)
    with pytest.warns(UnideqWarning, match="`x` leaves the domain"):
        beyond = fitted.predict({"x": [0.5, 1.5], "t": [0.0, 0.0]})["u"]
    assert float(beyond[1]) == pytest.approx(at_one(fitted, 1.5, 0.0), rel=1e-12)
    for missing in ({"x": [0.1, np.nan], "t": [0.1, 0.2]}, xr.Dataset({"x": ("point", [np.nan]), "t": 0.0})):
        with pytest.raises(OptionError, match="`x` is NaN at 1 point"):
            fitted.predict(missing)


def test_points_outside_a_shape_are_nan():
    disc = ude.Domain({"x": (-1, 1), "y": (-1, 1)}, inside=lambda at: at["x"] ** 2 + at["y"] ** 2 < 1)
    terms = {"pde": ude.Interior(lambda at, field: ude.d(field.u, at.x) - 1.0, points=16)}
    problem = ude.ResidualProblem(disc, {"u": ude.nn.MLP(2, 1, hidden=(4,))}, terms)
    fit = ude.fit(problem, phases=[ude.Adam(1e-2, 3)], progress=False)
    solution = fit.predict(grid=21)["u"]
    radius = solution["x"] ** 2 + solution["y"] ** 2
    np.testing.assert_array_equal(np.isnan(solution.values), (radius.values >= 1))


# ---- files --------------------------------------------------------------------------------------------------------


def test_file_comes_back_bit_for_bit(fitted, saved):
    back = ude.Fit.load(saved)
    assert isinstance(back, Fit)
    assert back.tree.identical(fitted.tree)
    assert repr(back) == repr(fitted)
    assert back.parameters == fitted.parameters
    np.testing.assert_array_equal(back.predict(x=0.3)["u"].values, fitted.predict(x=0.3)["u"].values)
    np.testing.assert_array_equal(back.residuals(grid=9)["heat"].values, fitted.residuals(grid=9)["heat"].values)


def test_groups_that_were_added_are_in_the_file(fitted, tmp_path):
    fit = Fit(fitted.record, fitted.engine)
    fit.add_group("/diagnostics/gradients", xr.Dataset({"ratio": ("term", [1.0, 2.0])}))
    fit.save(tmp_path / "fit.nc")
    back = ude.Fit.load(tmp_path / "fit.nc")
    assert back.tree["/diagnostics/gradients"]["ratio"].values.tolist() == [1.0, 2.0]
    assert back.tree.identical(fit.tree)


def test_a_fit_is_not_a_problem_file(saved):
    with pytest.raises(FileFormatError, match=r"isn't a model file: .*`ude\.Fit\.load`: .* its `model`"):
        ude.ResidualProblem.load(saved)


def test_reading_and_drawing_start_no_engine(saved):
    code = (
        "import sys, unideq as ude\n"
        "fit = ude.Fit.load(sys.argv[1]); repr(fit); fit._repr_html_(); fit.tree; fit.plot()\n"
        "print('jax' in sys.modules)"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    assert subprocess.check_output([sys.executable, "-c", code, str(saved)], env=environment) == b"False\n"


def test_file_of_a_residual_problem_is_described(saved):
    from unideq.result.info import describe_file

    text = describe_file(saved)
    assert "a fit of a residual problem" in text
    assert "field      u: MLP" in text
    assert "kappa" in text
    assert "GradientNorm" in text


def test_damaged_file_is_refused(saved, tmp_path):
    from unideq.result.file import read_tree, write_tree

    tree = read_tree(saved)
    tree.attrs["layout"] = "[]"
    write_tree(tree, tmp_path / "bad.nc")
    with pytest.raises(FileFormatError, match="is damaged"):
        ude.Fit.load(tmp_path / "bad.nc")


# ---- pictures -----------------------------------------------------------------------------------------------------


def titles(figure: Any) -> list[str]:
    return [ax.get_title(loc="left") for ax in figure.get_axes() if ax.get_title(loc="left")]


def test_figure_shows_fields_residuals_losses_weights_and_parameters(fitted, tmp_path):
    figure = fitted.plot(tmp_path / "fit.png")
    assert titles(figure) == ["u", "heat", "losses", "weights", "parameters"]
    assert (tmp_path / "fit.png").stat().st_size > 10_000


def test_figure_of_one_coordinate_has_curves():
    fit = ude.fit(poisson(), phases=[ude.Adam(5e-3, 5)], progress=False)
    figure = fit.plot(reference=poisson_solution())
    assert titles(figure) == ["u", "u", "pde", "losses"]
    (line,) = figure.get_axes()[0].get_lines()
    np.testing.assert_array_equal(line.get_ydata(), fit.tree["/solution/u"].values[0])


def test_figure_can_be_cut(fitted):
    figure = fitted.plot(t=0.5)
    (line,) = figure.get_axes()[0].get_lines()
    np.testing.assert_array_equal(line.get_ydata(), fitted.tree["/solution/u"].values[fitted.record.best_seed, :, 50])
    with pytest.raises(OptionError, match="Unknown coordinate `z`"):
        fitted.plot(z=0.0)
    with pytest.raises(OptionError, match="Unknown field `v`"):
        fitted.plot(fields=["v"])
