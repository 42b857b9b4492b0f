"""Classical closures against waves and vortices whose terms are known, and against the exact term as filters narrow."""

from dataclasses import replace

import numpy as np
import pytest

import unideq as ude
from unideq.stored import from_json

C = ude.closures
FLOW = ude.problems.TwoDimensionalTurbulence(points=32)
LINE = ude.problems.Burgers(points=64)
X, Y = FLOW.grid().mesh()
RNG = np.random.default_rng(0)
ROUGH = {"vorticity": RNG.normal(size=(32, 32)), "u": RNG.normal(size=64)}


def observed(model, field, values):
    """The closed model's `NAME_subgrid`."""
    given = {
        "t": 0.0,
        "u": np.ravel(values),
        "c": np.full(len(model.conditions), 100.0),
        "theta": model.initial_theta(),
    }
    return np.asarray(model.observation.evaluate(given)[f"{field}_subgrid"])


def term(closure, values):
    """Π of a field, on a plane or a line."""
    problem = LINE if np.ndim(values) == 1 else replace(FLOW, points=len(values))
    return observed(problem.model().closed(closure), problem.field, values)


ALL = [C.Smagorinsky(0.3), C.Leith(0.3), C.DynamicSmagorinsky(), C.DynamicLeith(), C.NonlinearGradient()]


@pytest.mark.parametrize("closure", ALL, ids=lambda c: type(c).__name__)
def test_vortices_of_one_wavenumber_and_fields_at_rest_ask_nothing_of_a_dynamic_closure_or_a_gradient(closure):
    """Taylor and Green's vortex advects nothing, through any filter."""
    vortex = 2 * np.cos(2 * X) * np.cos(2 * Y)
    found = term(closure, vortex)
    if isinstance(closure, (C.Smagorinsky, C.Leith)):
        assert abs(found).max() > 0.01
    else:
        np.testing.assert_allclose(found, 0.0, atol=1e-12)
    np.testing.assert_array_equal(term(closure, 0.0 * vortex), 0.0 * vortex)


def test_smagorinsky_takes_from_a_taylor_green_vortex_what_its_integral_says():
    """ω = 2 cos x cos y: |S| = 2|sin x sin y|, and ⟨|S||∇ω|²⟩ = 128/(9π²)."""
    x, y = replace(FLOW, points=64).grid().mesh()
    vortex = 2 * np.cos(x) * np.cos(y)
    found = term(C.Smagorinsky(0.2, 0.5), vortex)
    assert (vortex * found).mean() == pytest.approx(-((0.2 * 0.5) ** 2) * 128 / (9 * np.pi**2), rel=5e-3)


def test_leith_takes_from_a_shear_flow_what_its_integral_says():
    """ω = cos y: ⟨|∇ω|³⟩ = ⟨|sin y|³⟩ = 4/(3π)."""
    found = term(C.Leith(0.4, 0.5), np.cos(Y))
    assert (np.cos(Y) * found).mean() == pytest.approx(-((0.4 * 0.5) ** 3) * 4 / (3 * np.pi), rel=2e-3)


@pytest.mark.parametrize("scheme", [None, ude.schemes.Central(2)])
def test_eddy_viscosities_only_take_and_keep_the_mean(scheme):
    for field, problem in (("vorticity", FLOW), ("u", LINE)):
        model = problem.model()
        if scheme is not None:
            grid = problem.grid().with_scheme(scheme)
            model = ude.PDE(lambda t, s: 0.0 * next(iter(s)), grid, [field])
        for closure in (C.Smagorinsky(0.3), *([C.Leith(0.3)] if field == "vorticity" else [])):
            values = ROUGH[field]
            found = observed(model.closed(closure), field, values)
            assert (values * found).mean() < -0.01
            assert abs(found.mean()) < 1e-14


@pytest.mark.parametrize("problem", [replace(FLOW, points=64), replace(LINE, points=128)], ids=["plane", "line"])
def test_the_gradient_model_is_the_exact_term_to_the_fourth_order_of_the_filter(problem):
    data = problem.data(steps=1, seed=1).isel(time=[0])
    errors = []
    for width in (0.2, 0.1):
        model, filtered = problem.model(), ude.filters.Gaussian(width)
        exact = ude.coarsen(data, model, filtered)
        found = observed(model.closed(C.NonlinearGradient(width)), problem.field, exact[problem.field].values[0, 0])
        errors.append(abs(found - exact[problem.field + "_subgrid"].values[0, 0]).max())
    assert np.log2(errors[0] / errors[1]) == pytest.approx(4.0, abs=0.35)
    assert errors[1] < 0.02 * abs(found).max()


def test_the_gradient_model_transfers_no_energy_on_a_plane_and_some_enstrophy():
    """∫ψ Π = 0 to rounding (Jakhar et al. 2024); on a line energy goes both ways."""
    values = ROUGH["vorticity"]
    found = term(C.NonlinearGradient(), values)
    d = FLOW.grid().symbols
    stream = FLOW.grid().fourier(values, -1.0 / (d.x**2 + d.y**2))
    scale = np.sqrt((stream**2).mean() * (found**2).mean())
    assert abs((stream * found).mean()) < 1e-14 * scale
    assert abs((values * found).mean()) > 1e-4 * np.sqrt((values**2).mean() * (found**2).mean())


def test_the_dynamic_coefficient_on_a_line_is_that_of_its_definition():
    """Once more with NumPy's transforms: C² = ⟨L M⟩/⟨M M⟩ with the widths Δ and Δ√5."""
    n, width = 64, 4 * np.pi / 64
    k = np.fft.rfftfreq(n, 1 / n)

    def keep(f):
        return np.fft.irfft(np.fft.rfft(f) * (k <= 21), n)

    def hat(f):
        return np.fft.irfft(np.fft.rfft(f) * np.exp(-((2 * width * k) ** 2) / 24), n)

    def slope(f):
        return np.fft.irfft(np.fft.rfft(f) * 1j * k * (k < 32), n)

    u = keep(np.sin(LINE.grid().coordinates("x")) + 0.3 * ROUGH["u"])
    advection = lambda f: slope(keep(f * f / 2))  # noqa: E731
    basis = lambda f, size: size**2 * slope(keep(abs(slope(f)) * slope(f)))  # noqa: E731
    lacking = advection(hat(u)) - hat(advection(u))
    scale = basis(hat(u), width * np.sqrt(5)) - hat(basis(u, width))
    square = (lacking * scale).mean() / (scale * scale).mean()
    np.testing.assert_allclose(
        term(C.DynamicSmagorinsky(clip=False), u), square * basis(u, width), rtol=1e-9, atol=1e-12
    )
    clipped = term(C.DynamicSmagorinsky(), u)
    np.testing.assert_allclose(clipped, max(square, 0.0) * basis(u, width), rtol=1e-9, atol=1e-12)
    assert square > 0
    mirrored = term(C.DynamicSmagorinsky(), -u[::-1])  # Burgers' equation has this symmetry
    np.testing.assert_allclose(mirrored, -clipped[::-1], atol=1e-12)


def test_clipped_dynamic_closures_never_give_back():
    """A jet's advection of small waves asks for a negative coefficient."""
    negative = 0
    for seed in range(8):
        values = np.random.default_rng(seed).normal(size=(16, 16))
        free, clipped = (term(C.DynamicLeith(clip=clip), values) for clip in (False, True))
        given = (values * free).mean()
        negative += given > 0
        np.testing.assert_allclose(clipped, 0.0 * free if given > 0 else free, atol=1e-14)
    assert 0 < negative < 8


def test_a_coefficient_is_calibrated_through_the_run():
    problem = replace(LINE, points=16, viscosity=0.02, dt=0.05)
    true = ude.Stepper(problem.model().closed(C.Smagorinsky(0.5)), problem.dt, "etdrk2")
    data = true.rollout(problem.initial(2, 1), 8)
    trained = C.Smagorinsky(ude.Parameter(0.2, positive=True))
    model = ude.Stepper(problem.model().closed(trained), problem.dt, "etdrk2")
    fit = ude.fit(model, data, objective=ude.Unrolled(steps=4), phases=[ude.BFGS(20)], progress=False)
    assert float(fit.parameters["smagorinsky"]) == pytest.approx(0.5, rel=1e-3)


@pytest.mark.parametrize("closure", [*ALL, C.Leith(ude.Parameter(0.1, positive=True), 0.7), C.DynamicLeith(clip=False)])
def test_closures_are_read_back(closure):
    again = from_json(C.Closure, closure.to_json())
    assert again.to_json() == closure.to_json()
    np.testing.assert_array_equal(term(again, ROUGH["vorticity"]), term(closure, ROUGH["vorticity"]))


def test_what_they_cannot_close_is_told():
    grid = FLOW.grid()
    walls = ude.Grid(ude.Axis("x", 0.0, 1.0, 16, boundary=ude.Dirichlet(0.0)))
    for model, says in (
        (ude.PDE(lambda t, s: 0.0 * s.w, grid, ["w"]), r"a field `vorticity` on a plane; this model has `w` over x, y"),
        (ude.problems.CylinderWake(points=(16, 16)).model(), r"this model has `u`, `v` over x, y"),
        (ude.PDE(lambda t, s: 0.0 * s.u, walls, ["u"]), r"periodic grids, and axis `x` has"),
    ):
        for closure in (C.Smagorinsky(), C.DynamicSmagorinsky(), C.NonlinearGradient()):
            with pytest.raises(ude.ModelError, match=says):
                model.closed(closure)
    for closure in (C.Leith(), C.DynamicLeith()):
        with pytest.raises(ude.ModelError, match=r"cascade of enstrophy.*Smagorinsky"):
            LINE.model().closed(closure)
    for width in (0.01, 10.0):
        with pytest.raises(ude.ModelError, match=rf"width is {width:g}; along `x` the spacing is 0.19"):
            FLOW.model().closed(C.NonlinearGradient(width))
