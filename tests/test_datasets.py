"""The data sets shipped with Unideq hold the published numbers, and say where these come from."""

from __future__ import annotations

import doctest
import importlib
import os
import subprocess
import sys

import numpy as np
import pytest
import xarray as xr

from unideq import datasets

SETS = {
    "alpha_pinene": datasets.alpha_pinene,
    "hudson_bay": datasets.hudson_bay,
    "influenza": datasets.influenza,
    "phenobarbital": datasets.phenobarbital,
    "theophylline": datasets.theophylline,
}


@pytest.fixture(params=list(SETS.values()), ids=list(SETS))
def data(request: pytest.FixtureRequest) -> xr.Dataset:
    return request.param()


def test_every_public_data_set_is_listed_with_its_title():
    assert datasets.available() == {name: load().attrs["title"] for name, load in SETS.items()}
    assert set(datasets.__all__) == {*SETS, "available"}


@pytest.mark.parametrize("attribute", ["title", "source", "provenance", "licence", "note"])
def test_every_data_set_says_where_it_comes_from(data: xr.Dataset, attribute: str):
    assert len(data.attrs[attribute]) > 20


def test_every_variable_and_coordinate_has_a_name_and_a_unit(data: xr.Dataset):
    assert "time" in data.coords
    for variable in data.variables.values():
        assert variable.attrs["long_name"]
        assert variable.attrs["units"]


def test_values_are_float64_and_not_negative(data: xr.Dataset):
    for variable in data.data_vars.values():
        assert variable.dtype == np.float64
        assert (variable.fillna(0) >= 0).all()


def test_times_are_increasing_floats(data: xr.Dataset):
    assert data.time.dtype == np.float64
    assert (np.diff(data.time) > 0).all()


def test_no_variable_is_named_like_a_dimension(data: xr.Dataset):
    assert not set(data.data_vars) & set(data.dims)


def test_changing_one_copy_leaves_the_next_one_untouched(data: xr.Dataset):
    load = next(load for load in SETS.values() if load().attrs["title"] == data.attrs["title"])
    for variable in data.data_vars.values():
        variable[:] = -1.0
        variable.attrs.clear()
    data.attrs.clear()
    again = load()
    assert again.attrs["title"]
    for variable in again.data_vars.values():
        assert variable.attrs["units"]
        assert not (variable == -1.0).any()


def test_netcdf_round_trip_keeps_values_and_attributes(data: xr.Dataset, tmp_path):
    pytest.importorskip("h5py", reason="h5netcdf needs h5py to write")
    data.to_netcdf(tmp_path / "data.nc", engine="h5netcdf")
    with xr.open_dataset(tmp_path / "data.nc", engine="h5netcdf", decode_timedelta=False) as loaded:
        xr.testing.assert_identical(data, loaded.load())


def test_hudson_bay_starts_and_ends_as_published():
    data = datasets.hudson_bay()
    assert dict(data.sizes) == {"time": 21}
    assert data.time.values.tolist() == list(range(1900, 1921))
    assert data.sel(time=1900)[["hare", "lynx"]].to_array().values.tolist() == [30.0, 4.0]
    assert data.sel(time=1920)[["hare", "lynx"]].to_array().values.tolist() == [24.7, 8.6]


def test_lynx_follow_hares_by_a_year_or_two():
    data = datasets.hudson_bay()
    first, second = data.sel(time=slice(1900, 1908)), data.sel(time=slice(1908, 1920))
    assert [float(half.hare.idxmax()) for half in (first, second)] == [1903, 1913]
    assert [float(half.lynx.idxmax()) for half in (first, second)] == [1904, 1915]
    assert [float(data.hare.max()), float(data.lynx.max())] == [77.4, 59.4]


def test_hudson_bay_columns_add_up():
    data = datasets.hudson_bay()
    assert float(data.hare.sum()) == pytest.approx(715.7, abs=1e-9)
    assert float(data.lynx.sum()) == pytest.approx(423.5, abs=1e-9)


def test_influenza_peaks_on_the_sixth_day():
    data = datasets.influenza()
    assert dict(data.sizes) == {"time": 14}
    assert (float(data.in_bed.idxmax()), float(data.in_bed.max())) == (5.0, 298.0)
    assert (float(data.convalescent.idxmax()), float(data.convalescent.max())) == (8.0, 176.0)
    assert (float(data.in_bed.sum()), float(data.convalescent.sum())) == (1559.0, 937.0)


def test_no_more_boys_are_ill_than_fell_ill():
    data = datasets.influenza()
    assert data.attrs["population"] == 763
    assert float((data.in_bed + data.convalescent).max()) <= 512


@pytest.mark.parametrize(
    ("variable", "reading", "largest"),
    [
        # R packages pomp (bsflu) and epimdr (flu): the same figure, read by other people.
        ("in_bed", [1, 6, 26, 73, 222, 293, 258, 236, 191, 124, 69, 26, 11, 4], 5),
        ("in_bed", [3, 8, 28, 76, 222, 293, 257, 237, 192, 126, 70, 28, 12, 5], 5),
        ("convalescent", [0, 0, 0, 1, 8, 16, 99, 160, 173, 162, 150, 89, 44, 22], 6),
    ],
)
def test_other_readings_of_the_influenza_figure_differ_by_a_few_boys(variable, reading, largest):
    assert float(np.abs(datasets.influenza()[variable] - reading).max()) == largest


def test_phenobarbital_has_the_published_samples_and_doses():
    data = datasets.phenobarbital()
    assert dict(data.sizes) == {"trajectory": 59, "time": 118, "dose_number": 15}
    assert (int(data.concentration.count()), int(data.dose.count()), int(data.dose_time.count())) == (155, 589, 589)
    assert sorted(set(data.concentration.count("time").values.tolist())) == [1, 2, 3, 4, 5, 6]
    assert float(data.concentration.sum()) == pytest.approx(3964.3, abs=1e-9)
    assert float(data.dose.sum()) == pytest.approx(3929.2, abs=1e-9)
    assert (data.dose_time.isel(dose_number=0) == 0).all()
    assert (float(data.weight.min()), float(data.weight.max())) == (0.6, 3.6)


def test_theophylline_has_eleven_samples_of_each_of_twelve_subjects():
    data = datasets.theophylline()
    assert dict(data.sizes) == {"trajectory": 12, "time": 78}
    assert data.trajectory.values.tolist() == list(range(1, 13))
    assert data.concentration.count("time").values.tolist() == [11] * 12
    assert (float(data.time[0]), float(data.time[-1])) == (0.0, 24.65)
    assert float(data.concentration.sum()) == pytest.approx(654.78, abs=1e-9)


def test_theophylline_subject_1_is_as_published():
    first = datasets.theophylline().sel(trajectory=1).dropna("time")
    assert first.time.values.tolist() == [0, 0.25, 0.57, 1.12, 2.02, 3.82, 5.1, 7.03, 9.05, 12.12, 24.37]
    assert first.concentration.values.tolist() == [
        0.74, 2.84, 6.57, 10.5, 9.66, 8.58, 8.36, 7.47, 6.89, 5.94, 3.28,
    ]  # fmt: skip
    # 319.992 mg is the dose of subject 1 in collections that list milligrams.
    assert float(first.dose * first.weight) == pytest.approx(319.992, abs=1e-9)


def test_theophylline_subjects_rank_by_peak_concentration_as_r_lists_them():
    peak = datasets.theophylline().concentration.max("time")
    assert peak.sortby(peak).trajectory.values.tolist() == [6, 7, 8, 11, 3, 2, 4, 9, 12, 10, 1, 5]


def test_theophylline_is_found_before_the_dose_in_three_subjects():
    start = datasets.theophylline().concentration.sel(time=0)
    assert {int(k): float(start.sel(trajectory=k)) for k in start.trajectory if start.sel(trajectory=k) > 0} == {
        1: 0.74,
        7: 0.15,
        10: 0.24,
    }


def test_smaller_theophylline_subjects_got_more_per_kilogram():
    data = datasets.theophylline()
    assert float(data.dose.sum()) == pytest.approx(55.51, abs=1e-9)
    assert float(data.weight.sum()) == pytest.approx(835.0, abs=1e-9)
    assert float(np.corrcoef(data.dose, data.weight)[0, 1]) < -0.9


def test_alpha_pinene_starts_pure_and_ends_as_published():
    data = datasets.alpha_pinene()
    assert data.time.values.tolist() == [0, 1230, 3060, 4920, 7800, 10680, 15030, 22620, 36420]
    assert data.isel(time=0).to_array().values.tolist() == [100, 0, 0, 0, 0]
    assert data.isel(time=-1).to_array().values.tolist() == [4.5, 63.1, 3.8, 2.9, 25.7]


def test_alpha_pinene_conserves_mass_and_pyronene_is_imputed():
    data = datasets.alpha_pinene()
    np.testing.assert_allclose(data.to_array().sum("variable"), 100, atol=0.45)
    np.testing.assert_allclose(data.pyronene, 0.03 * (100 - data.alpha_pinene), atol=0.06)


def test_published_rates_leave_the_published_sum_of_squares():
    # Optimum and residual as printed with MEIGO's example 5: any mistyped value would change the sum.
    k1, k2, k3, k4, k5 = 5.92585e-5, 2.9634e-5, 2.0471e-5, 2.74465e-4, 3.99821e-5
    data = datasets.alpha_pinene()
    rates = np.array(
        [
            [-(k1 + k2), 0, 0, 0, 0],
            [k1, 0, 0, 0, 0],
            [k2, 0, -(k3 + k4), 0, k5],
            [0, 0, k3, 0, 0],
            [0, 0, k4, 0, -k5],
        ]
    )
    eigenvalues, vectors = np.linalg.eig(rates)
    modes = np.linalg.solve(vectors, data.isel(time=0).to_array().values)
    solution = (vectors @ (modes[:, None] * np.exp(np.outer(eigenvalues, data.time)))).real
    assert float(((solution - data.to_array()) ** 2).sum()) == pytest.approx(19.8721, abs=1e-3)


@pytest.mark.parametrize("module", ["unideq.datasets", *(f"unideq.datasets.{name}" for name in SETS)])
def test_examples_in_the_docstrings_run(module: str):
    # `import_module` and not `import`: each data set's function hides the module of the same name.
    importlib.import_module(module)
    result = doctest.testmod(sys.modules[module])
    assert result.attempted > 0
    assert result.failed == 0


def test_import_needs_numpy_and_xarray_alone():
    code = (
        "import sys, numpy, xarray; xarray.Dataset({'x': ('t', [1.0])}).mean()\n"
        "theirs = set(sys.modules)\n"  # what xarray itself takes along, dask where it is there
        "import unideq.datasets as d; [getattr(d, name)() for name in d.available()]\n"
        "found = set(sys.modules) - theirs\n"
        "print([m for m in ('jax', 'scipy', 'matplotlib', 'pysindy', 'sympy', 'juliacall') if m in found])"
    )
    path = importlib.import_module("unideq.datasets").__path__[0]
    root = path.rsplit("unideq", 1)[0]
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ, "PYTHONPATH": root}
    )
    assert run.stdout.strip() == "[]", run.stderr
