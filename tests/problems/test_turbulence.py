"""Turbulent problems: budgets that close, spectra that sum, and fields that are developed, or said not to be."""

from dataclasses import replace

import numpy as np
import pytest
import xarray as xr

import unideq as ude

P = ude.problems
FLOW = P.TwoDimensionalTurbulence(reynolds=50.0, forcing=2, drag=0.3, points=24, amplitude=0.7, beta=2.0)
BURGERS = P.ForcedBurgers(points=64, viscosity=0.2, dt=0.02)
SPLIT = P.Burgers(points=32, advection=ude.schemes.Backward(1), diffusion=ude.schemes.Central(4))


def rough(problem, trajectories=2):
    """White noise: nothing is small, and nothing is dealiased already."""
    grid = problem.grid()
    values = np.random.default_rng(0).normal(size=(trajectories, *grid.shape))
    coords = {d: grid.coordinates(d) for d in grid.dims}
    return xr.Dataset(
        {problem.field: (("trajectory", *grid.dims), values - values.mean(axis=-1, keepdims=True))}, coords
    )


@pytest.mark.parametrize("problem", [FLOW, replace(FLOW, forcing=None, drag=0.0, beta=0.0), BURGERS, SPLIT])
def test_budgets_close_to_rounding(problem):
    data = rough(problem)
    if problem is BURGERS:
        data = data.assign_coords(force_start=("trajectory", [3.0, 40.0]))
    found = problem.budget(data)
    for name in problem.invariants:
        terms, tendency = found[f"{name}_budget"], found[f"{name}_tendency"]
        scale = float(abs(terms).max())
        np.testing.assert_allclose(terms.sum("term"), tendency, atol=1e-14 * scale)
        if problem is not SPLIT:
            assert float(abs(terms.sel(term="advection")).max()) < 1e-14 * scale
        assert float(terms.sel(term="viscosity").max()) < 0


def test_the_budget_of_a_wave_is_that_of_its_amplitude():
    """ω = a cos(ky): E = a²/4k², dE/dt = −(2k²/Re + 2α) E − A a/2k, and k² times that for enstrophy."""
    k, a, y = 2, 3.0, FLOW.grid().mesh()[1]
    data = FLOW.data(steps=1, initial={"vorticity": a * np.cos(k * y)}).isel(time=0)
    found = FLOW.budget(data).isel(trajectory=0)
    energy = a**2 / (4 * k**2)
    expected = {"force": -0.7 * a / (2 * k), "viscosity": -2 * k**2 / 50 * energy, "drag": -0.6 * energy}
    assert float(found.energy) == pytest.approx(energy) and float(found.enstrophy) == pytest.approx(a**2 / 4)
    for term, value in {**expected, "rotation": 0.0, "advection": 0.0}.items():
        assert float(found.energy_budget.sel(term=term)) == pytest.approx(value, abs=1e-14)
        assert float(found.enstrophy_budget.sel(term=term)) == pytest.approx(k**2 * value, abs=1e-13)


def test_spectra_sum_to_the_invariants_on_the_own_grid_and_coarser_ones():
    data = rough(FLOW)
    spectra, budget = FLOW.spectra(data), FLOW.budget(data)
    for name in FLOW.invariants:
        np.testing.assert_allclose(spectra[f"{name}_spectrum"].sum("wavenumber"), budget[name], rtol=1e-12)
    coarse = FLOW.spectra(ude.restrict(data, replace(FLOW, points=12).grid()))
    np.testing.assert_allclose(coarse.energy_spectrum[:, :6], spectra.energy_spectrum[:, :6], rtol=1e-12)


def test_the_random_force_is_one_function_with_the_stated_statistics():
    model, coarse = BURGERS.model(), replace(BURGERS, points=16).model()

    def force(t, of=model):
        return of(0.0, {"u": np.zeros(of.grid.shape)}, force_start=t)["u"]

    np.testing.assert_allclose(force(7.3)[::4], force(7.3, coarse), atol=1e-13)
    np.testing.assert_array_equal(force(9.5), model(2.5, {"u": np.zeros(64)}, force_start=7.0)["u"])
    times = np.arange(0.0, 800.0, 2.0)
    now, later = (np.stack([force(t + shift) for t in times]) for shift in (0.0, 1.0))
    assert now.var() == pytest.approx(1.0, rel=0.05)  # A²
    assert (now * later).mean() == pytest.approx(np.exp(-0.5), abs=0.05)  # at the correlation time
    modes = (abs(np.fft.rfft(now, axis=1)) ** 2).mean(0) / 64**2 * 2
    np.testing.assert_allclose(modes[1:4], 1 / 3, rtol=0.1)
    np.testing.assert_allclose(np.delete(modes, [1, 2, 3]), 0.0, atol=1e-28)


def test_shocks_make_the_spectrum_fall_as_k_to_the_minus_two_and_burn_what_the_force_brings():
    found = P.ForcedBurgers(points=256, viscosity=0.03, dt=0.008).developed(8, seed=1)
    assert float(found.slope) == pytest.approx(-2.0, abs=0.3)
    brought, burnt = found.energy_budget.sel(term=["force", "viscosity"]).mean("trajectory").values
    assert brought == pytest.approx(0.5, abs=0.3) and burnt == pytest.approx(-0.5, abs=0.4)


@pytest.fixture(scope="module")
def developed():
    return BURGERS.developed(2, seed=3)


def test_driven_flow_is_developed_when_its_energy_stands_still(developed):
    energy, third = developed.energy.mean("trajectory").values, len(developed.elapsed) // 3
    before, after = energy[-2 * third : -third], energy[-third:]
    assert abs(before.mean() - after.mean()) < max(0.05 * after.mean(), before.std(), after.std())
    np.testing.assert_allclose(developed.energy_spectrum.sum(), after.mean(), rtol=1e-12)
    np.testing.assert_allclose(developed.energy_budget.sum("term"), developed.energy_tendency, atol=1e-14)


def test_data_go_on_where_the_flow_is_developed_under_the_same_force(developed):
    data = BURGERS.data(2, 5, seed=3, warmup="developed")
    np.testing.assert_array_equal(data.u.isel(time=0), developed.u)
    np.testing.assert_array_equal(data.force_start, developed.force_start)
    elapsed, begun = float(developed.elapsed[-1]), BURGERS.data(2, 5, seed=3).force_start
    np.testing.assert_allclose(data.force_start, begun + elapsed)
    assert "until it was developed" in data.attrs["provenance"]


def test_a_warm_up_ends_where_the_force_goes_on():
    whole, late = BURGERS.data(steps=20), None
    late = BURGERS.data(steps=10, warmup=10, conditions={"force_start": whole.force_start.values + 10 * BURGERS.dt})
    np.testing.assert_allclose(late.u.values, whole.u.values[:, 10:], rtol=1e-9, atol=1e-12)


def test_a_decaying_flow_is_developed_when_its_friction_has_passed_its_maximum():
    found = P.TwoDimensionalTurbulence(reynolds=400.0, points=64, dt=0.05).developed(2)
    rubbed = -np.gradient(found.enstrophy.mean("trajectory").values)
    assert 0 < np.argmax(rubbed) < len(rubbed) - 1 and rubbed[-1] < 0.9 * rubbed.max()
    np.testing.assert_allclose(
        found.energy_spectrum.sum(), found.energy.isel(elapsed=-1).mean("trajectory"), rtol=1e-12
    )


def test_developed_fields_are_kept_and_made_again_where_the_file_is_no_good(developed, tmp_path, monkeypatch):
    folder = tmp_path / "kept"
    monkeypatch.setenv("UNIDEQ_CACHE", str(folder))
    again = BURGERS.developed(2, seed=3)
    (file,) = folder.iterdir()
    xr.testing.assert_identical(again, developed)
    monkeypatch.setattr("unideq.problems.development.develop", None)
    xr.testing.assert_identical(BURGERS.developed(2, seed=3), developed)
    made = developed.assign(u=0.0 * developed.u)
    monkeypatch.setattr("unideq.problems.development.develop", lambda *_: made)
    content = file.read_bytes()
    for damaged in (content[: len(content) // 2], b"no netCDF", content.replace(b"Burgers", b"burgers")):
        file.write_bytes(damaged)
        xr.testing.assert_identical(BURGERS.developed(2, seed=3), made)
        file.write_bytes(content)
    xr.testing.assert_identical(BURGERS.developed(2, seed=3), developed)
    xr.testing.assert_identical(BURGERS.developed(2, seed=4), made)  # another key
    assert len(list(folder.iterdir())) == 2
    monkeypatch.setattr("unideq.problems.kept.LARGEST", 1)
    BURGERS.developed(2, seed=5)
    assert len(list(folder.iterdir())) == 1


def test_a_folder_that_cannot_be_written_costs_a_warning(developed, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("UNIDEQ_CACHE", str(tmp_path / "file"))
    monkeypatch.setattr("unideq.problems.development.develop", lambda *_: developed)
    with pytest.warns(ude.UnideqWarning, match=r"can't be kept.*UNIDEQ_CACHE"):
        BURGERS.developed(2, seed=3)
    BURGERS.developed(2, seed=3, cache=False)


def test_truth_that_is_not_resolved_or_not_stable_or_not_developed_is_refused():
    flow = P.TwoDimensionalTurbulence(reynolds=1e5, forcing=2, drag=0.1, points=32, dt=0.04)
    with pytest.raises(ude.SolveError, match=r"isn't resolved: enstrophy piles up.*32 × 32 points"):
        flow.developed(4)
    with pytest.raises(ude.SolveError, match=r"isn't developed after a time of.*`longest="):
        flow.developed(4, longest=1.0)
    with pytest.raises(ude.SolveError, match=r"infinite or NaN after t = .*Courant number.*shorter `dt`"):
        replace(flow, dt=2.0, scheme="etdrk2").developed()
