"""Scores of closures against terms, spectra, growth rates and densities that can be written down."""

from statistics import NormalDist

import numpy as np
import pytest
import xarray as xr

import unideq as ude
from unideq.errors import UnideqWarning
from unideq.grid.stream_function import velocity
from unideq.result.closure_scores import coupled
from unideq.result.closure_scores.a_priori import term_scores
from unideq.result.closure_scores.density import Density, tail_errors
from unideq.result.closure_scores.flow import Flow, log_rmse

N = 16
LINE = ude.Grid(ude.Axis("x", 0.0, 2 * np.pi, N), scheme=ude.schemes.Fourier())
X = LINE.coordinates("x")
SQUARE = ude.Grid(*(ude.Axis(n, 0.0, 2 * np.pi, N) for n in "xy"), scheme=ude.schemes.Fourier())
TURNOVER = np.sqrt(2.0)
"""Of sin x: 1/√⟨cos²⟩."""


def with_term(rate, observe=True):
    """∂u/∂t = rate · u, which says so."""

    def observed(t, s):
        return {"u": s.u, "u_subgrid": rate * s.u}

    return ude.PDE(lambda t, s: rate * s.u, LINE, ["u"], observe=observed if observe else None)


def exploding(t, s):
    return s.u + 20.0 * s.u**3


@pytest.fixture(scope="module")
def seen():
    """Two standing waves whose term is −0.5 u."""
    waves = np.stack([np.sin(X), 2.0 * np.sin(2 * X)])[:, None] * np.ones((2, 6, 1))
    lead = ("trajectory", "time", "x")
    return xr.Dataset({"u": (lead, waves), "u_subgrid": (lead, -0.5 * waves)}, {"time": 0.25 * np.arange(6), "x": X})


@pytest.fixture(scope="module")
def scores(seen):
    standing = ude.PDE(lambda t, s: 0.0 * s.u, LINE, ["u"])
    explodes = ude.PDE(exploding, LINE, ["u"], observe=lambda t, s: {"u": s.u, "u_subgrid": exploding(t, s)})
    candidates = {"none": None, "exact": with_term(-0.5), "grows": with_term(1.0), "explodes": explodes}
    return ude.closure_scores(candidates, seen, coarse=standing, dt=0.05, steps=40, engine="jax")


def test_the_exact_term_has_no_error_and_none_has_them_all(scores):
    exact, none = scores.sel(closure="exact"), scores.sel(closure="none")
    assert exact.correlation.values == pytest.approx([1.0, 1.0], abs=1e-12)
    assert exact.rmse.values == pytest.approx([0.0, 0.0], abs=1e-14)
    assert exact.spectrum_rmse.values == pytest.approx([0.0, 0.0], abs=1e-12)
    assert none.rmse.values == pytest.approx([1.0, 1.0])
    assert np.isnan(none.correlation).all()
    assert none.spectrum_rmse.values == pytest.approx([-np.log(1e-12)] * 2)  # nothing at all, in the one shell
    grows = scores.sel(closure="grows")
    assert grows.correlation.values == pytest.approx([-1.0, -1.0])
    assert grows.spectrum_rmse.values == pytest.approx([np.log(4.0)] * 2)


def test_a_drag_takes_energy_at_its_wave_and_scatters_nothing_back(scores):
    exact = scores.sel(closure="exact")
    assert exact.transfer.values == pytest.approx(np.array([[-0.25, -0.25], [-1.0, -4.0]]))  # −½⟨u²⟩, k² times that
    assert exact.forward.values == pytest.approx(exact.transfer.values)
    assert exact.backscatter.values == pytest.approx(np.zeros((2, 2)), abs=1e-14)
    assert exact.transfer_spectrum.sel(trajectory=0, quantity="energy").values[:3] == pytest.approx([0.0, -0.25, 0.0])
    assert exact.transfer_spectrum.sum("wavenumber").values == pytest.approx(exact.transfer.values)
    assert scores.transfer_true.values == pytest.approx(exact.transfer.values)


def test_a_growth_rate_says_when_a_run_blows_up_and_how_it_drifts(scores):
    grows, none = scores.sel(closure="grows"), scores.sel(closure="none")
    # ½⟨u²⟩ grows as exp(2t), and is ten times as large at t = ln(10)/2 = 1.15: the snapshot after that is at 1.25.
    assert grows.blow_up_time.values == pytest.approx([1.25, 1.25])
    assert grows.stable_turnovers.values == pytest.approx([1.25 / TURNOVER, 1.25 * 4.0 / TURNOVER])
    assert grows.drift.sel(quantity="energy").values == pytest.approx([2 * TURNOVER, TURNOVER / 2], rel=1e-3)
    assert grows.total.sel(quantity="energy")[0, :5].values == pytest.approx(
        0.25 * np.exp(0.5 * np.arange(5)), rel=1e-3
    )
    assert np.isnan(grows.total.sel(quantity="energy")[0, 5:]).all()
    assert np.isinf(none.blow_up_time).all()
    assert none.drift.values == pytest.approx(np.zeros((2, 2)), abs=1e-12)
    assert none.stable_turnovers.values == pytest.approx(10.0 / scores.turnover_time.values)


def test_a_run_that_isnt_finite_any_more_is_a_score(scores):
    explodes = scores.sel(closure="explodes")
    assert (explodes.blow_up_time <= 0.5).all()
    assert np.isfinite(explodes.total[..., 0]).all()
    assert np.isnan(explodes.total[..., -1]).all()
    assert np.isfinite(ude.closure_table(scores).stable_turnovers[:-1]).all()


def test_short_runs_follow_the_truth_as_far_as_it_is_known(scores):
    exact = scores.sel(closure="exact")
    assert exact.forecast_correlation[:, :6].values == pytest.approx(np.ones((2, 6)))
    assert exact.forecast_error[0, :6].values == pytest.approx(1.0 - np.exp(-0.125 * np.arange(6)), abs=1e-6)
    assert np.isnan(exact.forecast_error[:, 6:]).all()
    assert np.isinf(exact.forecast_time).all()
    assert scores.total_true.sel(quantity="energy")[0].values[:7] == pytest.approx([0.25] * 6 + [np.nan], nan_ok=True)


def test_runs_start_where_there_is_room_and_statistics_skip_their_beginning(seen):
    found = ude.closure_scores({"exact": with_term(-0.5)}, seen, dt=0.05, steps=2, starts=3, skip=1, engine="jax")
    assert found.start.values.tolist() == [0.0, 0.5, 0.75] * 2
    assert found.trajectory_of_run.values.tolist() == [0, 0, 0, 1, 1, 1]
    decayed = 0.25 * np.exp(-0.25 * np.array([1, 2])).mean()  # snapshots at 0.25 and 0.5 after each start
    assert found.spectrum.sel(quantity="energy")[0, 0, 1].item() == pytest.approx(decayed, rel=1e-6)
    assert found.spectrum_error.sel(quantity="energy")[0, 1].item() == pytest.approx(4 * decayed - 1, rel=1e-6)


def test_conditions_are_each_trajectorys_own_and_long_runs_are_added_up_piece_by_piece(seen, monkeypatch):
    """Two rates, the second none; pieces of four steps of both runs give what one piece gives."""
    model = ude.PDE(
        lambda t, s, p: p.rate * s.u, LINE, ["u"], {"rate": ude.Condition(9.0)},
        observe=lambda t, s, p: {"u": s.u, "u_subgrid": p.rate * s.u},
    )  # fmt: skip
    data = seen.assign_coords(rate=("trajectory", [-0.5, 0.0]))
    whole = ude.closure_scores({"a": model}, data, dt=0.05, steps=10, engine="jax")
    assert whole.rmse[0].values == pytest.approx([0.0, 1.0], abs=1e-12)
    assert whole.drift[0, :, 0].values == pytest.approx([-TURNOVER, 0.0], rel=1e-3, abs=1e-12)
    monkeypatch.setattr(coupled, "_VALUES", 4 * 2 * N)
    pieces = ude.closure_scores({"a": model}, data, dt=0.05, steps=10, engine="jax")
    xr.testing.assert_allclose(pieces, whole, rtol=1e-12)


def test_a_model_that_doesnt_tell_its_term_has_no_scores_a_priori(seen):
    networks = {"closure": ude.nn.MLP(1, 1, (2,))}
    hidden = ude.PDE(lambda t, s, p, net: net.closure(s.u), LINE, ["u"], networks=networks)
    with pytest.warns(UnideqWarning, match="no observable `u_subgrid`"):
        found = ude.closure_scores({"hidden": hidden}, seen, coupled=False, engine="jax")
    assert np.isnan(found.rmse).all()
    assert "spectrum" not in found


def test_the_picture_has_a_priori_scores_above_and_coupled_ones_below(scores, tmp_path):
    axes = ude.plot_closure_scores(scores, tmp_path / "scores.png").axes
    assert [ax.get_title(loc="left") for ax in axes] == [
        "errors of the term", "spectrum of the term", "transfer of energy by scale", "energy spectrum, coupled",
        "density", "energy / its first value",
    ]  # fmt: skip
    assert (tmp_path / "scores.png").stat().st_size > 10_000
    table = ude.closure_table(scores)
    assert table.closure.values.tolist() == ["none", "exact", "grows", "explodes", "truth"]
    assert table.transfer.sel(closure=["exact", "truth"]).values == pytest.approx([-1.0, -1.0])


def test_advection_moves_energy_and_enstrophy_from_scale_to_scale_and_makes_none():
    """Dealiased, J(ψ, ω) conserves both to rounding, in whatever form; a drag doesn't."""
    vorticity = SQUARE.dealias(np.random.default_rng(0).normal(size=(1, 3, N, N)))
    vorticity = vorticity - vorticity.mean((2, 3), keepdims=True)
    u, v = velocity(SQUARE, vorticity)
    advective = -SQUARE.dealias(u * SQUARE.d(vorticity, "x") + v * SQUARE.d(vorticity, "y"))
    flux = -(SQUARE.d(SQUARE.dealias(u * vorticity), "x") + SQUARE.d(SQUARE.dealias(v * vorticity), "y"))
    flow = Flow((N, N), (2 * np.pi, 2 * np.pi), vorticity=True)
    for term in (advective, flux):
        found = term_scores(flow, vorticity, term, advective)
        by_scale, net = found["transfer_spectrum"][1], found["transfer"][1]
        assert np.abs(net).max() < 1e-13 * np.abs(by_scale).max()
        assert found["forward"][1] == pytest.approx(-found["backscatter"][1], rel=1e-10)
        assert found["rmse"][1] < 1e-12
    drag = term_scores(flow, vorticity, -vorticity, advective)
    assert drag["transfer"][1][0] == pytest.approx([-(u**2 + v**2).mean(), -(vorticity**2).mean()])


def test_a_log_spectrum_counts_where_the_truth_isnt_rounding():
    true = np.array([1.0, 1e-3, 1e-6, 1e-15])
    assert log_rmse(true * np.array([2.0, 0.5, 2.0, 1e9]), true) == pytest.approx(np.log(2.0))
    assert np.isnan(log_rmse(np.full(4, np.nan), true))


def gaussian(deviation=1.0, count=40_000):
    """A density of values at the quantiles of a Gaussian."""
    z = np.vectorize(NormalDist(sigma=deviation).inv_cdf)((np.arange(count) + 0.5) / count)
    made = Density.empty(1, 4.0)
    made.add(0, z[: count // 3])
    made.add(0, z[count // 3 :])
    return made


def test_a_gaussian_field_has_its_density_kurtosis_and_tails():
    found = gaussian()
    middle = np.abs(found.centres) < 3.0
    exact = np.exp(-0.5 * found.centres**2) / np.sqrt(2 * np.pi)
    assert found.density()[middle] == pytest.approx(exact[middle], rel=0.02)  # of bins a quarter wide
    assert found.kurtosis() == pytest.approx(3.0, abs=0.01)
    assert found.deviation() == pytest.approx(1.0, abs=1e-3)
    assert tail_errors(found, found) == (0.0, 0.0)
    # log₁₀ of the ratio at z is (½z²(1 − 1/σ²) − ln σ)/ln 10, about 0.42 at z = 3.1 with σ = 1.2.
    error, bias = tail_errors(gaussian(1.2), found)
    assert 0.4 < bias <= error < 0.8
    assert tail_errors(gaussian(0.8), found)[1] < -0.6
