"""`coarsen`: filters against their factors, subgrid terms against those of waves, and what can't be coarsened."""

from dataclasses import replace

import numpy as np
import pytest
import xarray as xr

import unideq as ude

FINE, COARSE = ude.problems.Burgers(points=64, viscosity=0.1), ude.problems.Burgers(points=16, viscosity=0.1)
X = FINE.grid().coordinates("x")


def burgers(u, model=True):
    data = xr.Dataset({"u": (("time", "x"), np.atleast_2d(u))}, {"time": np.arange(len(np.atleast_2d(u))), "x": X})
    return data.assign_attrs(FINE.data(steps=1).attrs) if model else data


@pytest.mark.parametrize(
    ("chosen", "factor"),
    [
        (ude.filters.Gaussian(0.9), lambda k: np.exp(-((0.9 * k) ** 2) / 24)),
        (ude.filters.Box(0.9), lambda k: np.sin(0.45 * k) / (0.45 * k)),
        (ude.filters.Sharp(0.9), lambda k: float(k <= np.pi / 0.9)),
    ],
)
def test_waves_get_the_factor_of_their_wavenumber(chosen, factor):
    grid = COARSE.grid()
    for k in (1, 3, 4):
        found = ude.coarsen(burgers(np.cos(k * X + 0.3), model=False), grid, chosen)
        np.testing.assert_allclose(found.u[0], factor(k) * np.cos(k * grid.coordinates("x") + 0.3), atol=1e-14)


def test_a_box_is_a_mean_and_filters_agree_on_long_waves():
    rough = np.random.default_rng(0).normal(size=64)
    width = 2 * np.pi / 8
    integral = np.fft.irfft(np.fft.rfft(rough) * np.exp(0.5j * width * np.arange(33)), 64)  # shifted by half a box
    found = ude.coarsen(burgers(rough, model=False), ude.Grid(FINE.grid().axes[0]), ude.filters.Box(width))
    assert float(found.u.mean()) == pytest.approx(rough.mean(), abs=1e-14)
    derivative = np.fft.irfft(1j * np.arange(33) * np.fft.rfft(found.u[0].values), 64)
    expected = (integral - np.fft.irfft(np.fft.rfft(rough) * np.exp(-0.5j * width * np.arange(33)), 64)) / width
    np.testing.assert_allclose(derivative, expected, atol=1e-12)
    smooth = burgers(np.sin(X), model=False)
    slow = [ude.coarsen(smooth, COARSE.grid(), f(0.4)).u for f in (ude.filters.Gaussian, ude.filters.Box)]
    np.testing.assert_allclose(*slow, atol=1e-5)  # (kΔ)⁴/2880 = 9e-6


def test_the_subgrid_term_of_a_wave_is_the_difference_of_its_factors():
    """u = a sin x: Π = a² (G(1)² − G(2)) sin(2x) / 2 in Burgers' equation, without a trace of diffusion."""
    heights, width = np.array([[1.0], [2.0]]), 4 * np.pi / 16
    found = ude.coarsen(burgers(heights * np.sin(X)), COARSE.model())
    x, (one, two) = COARSE.grid().coordinates("x"), np.exp(-((width * np.array([1, 2])) ** 2) / 24)
    np.testing.assert_allclose(found.u, heights * one * np.sin(x), atol=1e-14)
    np.testing.assert_allclose(found.u_subgrid, heights**2 * 0.5 * (one**2 - two) * np.sin(2 * x), atol=1e-13)
    again = ude.coarsen(burgers(heights * np.sin(X), model=False), COARSE.model(), model=FINE.model())
    xr.testing.assert_equal(again.u_subgrid.drop_attrs(), found.u_subgrid.drop_attrs())


def test_vortices_of_one_wavenumber_need_no_closure_and_conditions_are_each_runs_own():
    """Taylor and Green's vortex doesn't advect itself; its decay commutes with the filter, whatever the viscosity."""
    flow = ude.problems.KolmogorovFlow(points=24, drag=0.0)
    x, y = flow.grid().mesh()
    vortices = np.stack([2 * np.cos(3 * x) * np.cos(3 * y), np.cos(x) * np.cos(y)])
    data = flow.data(2, 1, initial={"vorticity": vortices}, conditions={"reynolds": [10.0, 40.0]}).isel(time=[0])
    coarse = replace(flow, points=16)
    found = ude.coarsen(data, coarse.model(), ude.filters.Gaussian(1.0))
    force = ude.coarsen(data.assign(vorticity=0.0 * data.vorticity), coarse.model(), ude.filters.Gaussian(1.0))
    assert found.vorticity_subgrid.dims == ("trajectory", "time", "x", "y")
    assert abs(force.vorticity_subgrid).max() > 0.1  # the force is filtered, too: k cos(ky) is not what is left of it
    np.testing.assert_allclose(found.vorticity_subgrid, force.vorticity_subgrid, atol=1e-12)


def test_the_filtered_truth_obeys_the_coarse_model_with_the_term():
    """∂ū/∂t = f̄(ū) + Π along a solution of the fine model, to the differences' fourth order."""
    data = replace(FINE, dt=1e-3).data(steps=4, initial={"u": np.sin(X) + 0.5 * np.cos(5 * X)})
    found = ude.coarsen(data, COARSE.model())
    u = found.u[0].values
    rate = (u[0] - 8 * u[1] + 8 * u[3] - u[4]) / 12e-3
    expected = COARSE.model()(0.0, {"u": u[2]})["u"] + found.u_subgrid[0, 2].values
    np.testing.assert_allclose(rate, expected, atol=1e-8)
    assert abs(found.u_subgrid).max() > 0.05


def test_lazy_data_stay_lazy():
    pytest.importorskip("dask")
    data = burgers(np.sin(X))
    lazy = ude.coarsen(data.chunk(time=1), COARSE.model())
    assert lazy.u_subgrid.chunks is not None
    xr.testing.assert_allclose(lazy.compute(), ude.coarsen(data, COARSE.model()))


def test_what_has_no_subgrid_term_is_told():
    data, coarse = burgers(np.sin(X)), COARSE.model()
    with pytest.raises(ude.DataError, match=r"no attribute `unideq_model`.*model="):
        ude.coarsen(burgers(np.sin(X), model=False), coarse)
    with pytest.raises(ude.DataError, match=r"64 points along `x`.*has 32"):
        ude.coarsen(data, coarse, model=replace(FINE, points=32).model())
    with pytest.raises(ude.ModelError, match="the same"):
        ude.coarsen(data, ude.PDE(lambda t, s: {"v": -s.v}, COARSE.grid(), ["v"]))
    with pytest.raises(ude.OptionError, match="the PDE there"):
        ude.coarsen(data, COARSE.grid(), model=FINE.model())
    network = {"closure": ude.nn.CNN(1, 1, channels=())}
    with pytest.raises(ude.ModelError, match="coarse model has networks"):
        ude.coarsen(data, ude.PDE(lambda t, s, p, net: {"u": net.closure(s.u)}, COARSE.grid(), ["u"], networks=network))
    with pytest.raises(ude.DataError, match="NaN"):
        ude.coarsen(data.where(data.x > 1), coarse)
