"""The ready problems do what the textbooks say."""

from __future__ import annotations

import numpy as np
import pytest

import unideq as ude

P = ude.problems


def test_a_wave_that_went_around_is_where_it_was():
    data = P.Advection(points=64, dt=0.0025).data(steps=400)
    np.testing.assert_allclose(data.u.isel(time=-1), data.u.isel(time=0), atol=1e-5)


def test_backward_differences_diffuse_as_their_truncation_error_says():
    """One mode decays as exp(−c dx/2 k² t) to leading order."""
    problem = P.Advection(points=256, dt=0.001, scheme=ude.schemes.Backward(1))
    k, dx = 2 * np.pi, 1.0 / 256
    wave = np.sin(k * problem.grid().coordinates("x"))
    end = problem.data(steps=200, initial={"u": wave}).u.isel(time=-1).values[0]
    size = 2 * abs(np.fft.rfft(end)[1]) / 256
    assert np.log(size) == pytest.approx(-0.5 * dx * k**2 * 0.2, rel=5e-3)


def test_burgers_follows_the_cole_hopf_solution():
    """u = −2ν φ_x/φ with φ the solution of the heat equation from exp(−∫u₀/(2ν))."""
    problem = P.Burgers(points=128, viscosity=0.1, dt=0.01)
    x, nu, time = problem.grid().coordinates("x"), 0.1, 0.5
    k = np.fft.rfftfreq(128, 1 / 128)
    potential = np.fft.rfft(np.exp(np.cos(x) / (2 * nu))) * np.exp(-nu * k**2 * time)
    exact = -2 * nu * np.fft.irfft(1j * k * potential) / np.fft.irfft(potential)
    found = problem.data(steps=50, initial={"u": np.sin(x)}).u.isel(time=-1).values[0]
    np.testing.assert_allclose(found, exact, atol=1e-6)


def test_fisher_fronts_travel_at_twice_the_root_of_growth_times_diffusivity():
    """Pulled fronts lag by 3/(2λ) log t (Bramson): 2√(rD) − 3/2 √(D/r)/t at time t."""
    problem = P.FisherKPP(diffusivity=1e-4, points=400, dt=0.02)
    x = problem.grid().coordinates("x")
    data = problem.data(steps=900, every=150, initial={"rho": (abs(x - 0.5) < 0.05).astype(float)})
    width = (data.rho[0] > 0.5).sum("x") * (x[1] - x[0]) / 2
    speed = float(width[-1] - width[-3]) / float(data.time[-1] - data.time[-3])
    assert speed == pytest.approx(2e-2 - 1.5e-2 / 15.0, rel=0.05)


@pytest.mark.parametrize("power", [1, 2, 3])
def test_solitons_keep_their_shape(power):
    problem = P.KortewegDeVries(power=power, dt=0.002)
    data = problem.data(steps=1000, every=1000, initial={"u": problem.soliton(1.5)})
    np.testing.assert_allclose(data.u.values[0, -1], problem.soliton(1.5, time=2.0), atol=2e-5)


def test_korteweg_de_vries_keeps_mass_and_momentum():
    data = P.KortewegDeVries().data(steps=400, every=100).isel(trajectory=0)
    mass, momentum = data.u.sum("x"), (data.u**2).sum("x")
    np.testing.assert_allclose(mass, float(mass.isel(time=0)), rtol=1e-10)
    np.testing.assert_allclose(momentum, float(momentum.isel(time=0)), rtol=1e-7)


def test_kuramoto_sivashinsky_settles_into_chaos_of_known_size():
    """The attractor's root mean square is near 1.3, whatever the start."""
    data = P.KuramotoSivashinsky().data(4, steps=200, warmup=200)
    assert float(np.sqrt((data.u**2).mean())) == pytest.approx(1.3, abs=0.15)
    assert float(abs(data.u.mean("x")).max()) < 1e-10


def test_kuramoto_sivashinsky_domains_change_the_growth_of_small_waves():
    problem = P.KuramotoSivashinsky(dt=0.1, substeps=1, scheme="etdrk4")
    k, x = 6.0 / 8.0, problem.grid().coordinates("x")
    start = np.stack([1e-6 * np.sin(k * x)] * 2)
    data = problem.data(steps=10, initial={"u": start}, conditions={"domain": [1.0, 1.2]})
    growth = np.log(abs(data.u.isel(time=-1)).max("x") / 1e-6).values
    expected = [q**2 - q**4 for q in (k, k / 1.2)]
    np.testing.assert_allclose(growth, expected, rtol=1e-3, atol=1e-3)


def test_allen_cahn_layers_have_their_profile():
    """tanh(x/√(2D/r)) is a stationary layer."""
    problem = P.AllenCahn(diffusivity=1e-3)
    x = problem.grid().coordinates("x")
    layer = np.tanh((0.5 - abs(x)) / np.sqrt(2 * 1e-3 / 5.0))
    data = problem.data(steps=100, every=100, initial={"u": layer})
    np.testing.assert_allclose(data.u.values[0, -1], layer, atol=1e-4)


@pytest.mark.parametrize("amplitude", [1.0, 0.5])
def test_weak_kolmogorov_flow_comes_to_its_laminar_state(amplitude):
    """−A k cos(ky) = (k²/Re + α) ω."""
    problem = P.KolmogorovFlow(points=24, reynolds=5.0, forcing=4, dt=0.05, amplitude=amplitude)
    calm = 1e-3 * problem.initial()["vorticity"][0]
    end = problem.data(steps=1000, every=1000, initial={"vorticity": calm}).vorticity.values[0, -1]
    laminar = -4 * amplitude * np.cos(4 * problem.grid().coordinates("y")) / (16 / 5.0 + 0.1)
    np.testing.assert_allclose(end, np.broadcast_to(laminar, end.shape), atol=1e-6)


def test_waves_on_a_beta_plane_travel_westwards_and_fade_as_their_dispersion_says():
    """A single wave doesn't advect itself: cos(k·x + β kₓt/|k|²) exp(−(|k|²/Re + α) t), exactly."""
    problem = P.TwoDimensionalTurbulence(reynolds=50.0, drag=0.2, points=16, dt=0.1, beta=5.0)
    x, y = problem.grid().mesh()
    data = problem.data(steps=10, every=10, initial={"vorticity": np.cos(2 * x + y)}).vorticity.values[0]
    expected = np.exp(-(5 / 50 + 0.2)) * np.cos(2 * x + y + 5.0 * 2 / 5)
    np.testing.assert_allclose(data[-1], expected, atol=1e-12)


def test_vortices_of_one_wavenumber_only_fade_where_nothing_drives_them():
    problem = P.TwoDimensionalTurbulence(reynolds=20.0, points=16, dt=0.1)
    x, y = problem.grid().mesh()
    data = problem.data(steps=10, every=10, initial={"vorticity": 4 * np.cos(2 * x) * np.cos(2 * y)}).vorticity
    np.testing.assert_allclose(data[0, -1], np.exp(-8 / 20) * data[0, 0], atol=1e-12)


def test_the_cylinder_stops_the_stream_and_the_fluid_keeps_its_volume():
    problem = P.CylinderWake(points=(96, 48), penalisation=0.02)
    data = problem.data(steps=100, every=100)
    u, v = data.u.values[0, -1], data.v.values[0, -1]
    inside = problem.mask() > 0.95
    assert abs(u[inside]).mean() < 0.15
    grid = problem.grid()
    divergence = grid.d(u, "x") + grid.d(v, "y")
    assert abs(divergence).max() < 1e-8
    assert u.max() > 1.2  # the stream gives way at the sides
