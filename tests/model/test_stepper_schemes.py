"""Time-stepping schemes: orders of convergence, references, and how few Fourier transforms they take."""

from collections import Counter

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import unideq as ude
from unideq.graph import Graph, jvp, rfft, variable, vjp
from unideq.model.steppers import SCHEMES
from unideq.model.steppers.etd import contour_mean
from unideq.model.steppers.spectral import SpectralModel

TAU = 2 * np.pi
SPECTRAL = ude.schemes.Fourier()


def stepped(stepper, u, steps, t=0.0):
    """States rolled out with NumPy: (n,) after so many steps."""
    values = {"theta": stepper.initial_theta(), "c": stepper.conditions_array()[0]}
    for k in range(steps):
        u = stepper.step.evaluate({**values, "t": t + k * stepper.dt, "u": u})["u"]
    return u


def orders(model, scheme, u, end, counts, reference):
    errors = [np.abs(stepped(ude.Stepper(model, end / n, scheme), u, n) - reference).max() for n in counts]
    return np.log2(np.array(errors[:-1]) / errors[1:]), errors


def kdv(points=32):
    """u_t = −u_xxx − 3 (u²)_x: stiff, and its symbol i k³ is imaginary."""
    grid = ude.Grid(ude.Axis("x", 0.0, 4 * np.pi, points), scheme=SPECTRAL)
    return ude.PDE(lambda t, s: -3.0 * grid.d(s.u**2), grid, ["u"], linear=lambda d: -(d.x**3))


def burgers(points=32):
    """u_t = −½ (u²)_x + 0.3 u_xx + forcing(t)."""
    grid = ude.Grid(ude.Axis("x", 0.0, TAU, points), scheme=SPECTRAL)
    x = grid.coordinates("x")

    def rhs(t, state):
        return -0.5 * grid.d(state.u**2) + np.cos(3.0 * t) * np.sin(x)

    return ude.PDE(rhs, grid, ["u"], linear=lambda d: 0.3 * d.x**2)


@pytest.mark.parametrize("scheme", list(SCHEMES))
def test_every_scheme_converges_at_its_order_for_forced_burgers(scheme):
    model, count = burgers(), 160
    u = 1.0 + np.sin(model.grid.coordinates("x"))
    reference = stepped(ude.Stepper(model, 0.5 / 640, "etdrk4"), u, 640)
    counts = (20, 40, 80) if SCHEMES[scheme].order == 4 and scheme.startswith("etd") else (count // 2, count, 2 * count)
    slopes, _ = orders(model, scheme, u, 0.5, counts, reference)
    np.testing.assert_allclose(slopes, SCHEMES[scheme].order, atol=0.2)


@pytest.mark.parametrize(
    ("scheme", "counts"), [("etd1", (200, 400)), ("etdrk2", (100, 200)), ("etdrk4", (50, 100, 200))]
)
def test_exponential_schemes_keep_their_order_for_stiff_dispersive_waves(scheme, counts):
    """KdV with h·|L| up to 4.2 where ETDRK4 begins: outside of every explicit scheme's region (RK4: 2.8)."""
    model = kdv()
    u = 0.3 + 0.2 * np.cos(model.grid.coordinates("x") / 2)
    reference = stepped(ude.Stepper(model, 0.5 / 1600, "etdrk4"), u, 1600)
    slopes, _ = orders(model, scheme, u, 0.5, counts, reference)
    assert 0.5 / counts[0] * np.abs(model.linear_symbols()["u"]).max() > 1.0
    np.testing.assert_allclose(slopes, SCHEMES[scheme].order, atol=0.2)


def test_a_soliton_travels_unchanged():
    """u = (c/2) sech²(√c/2 (x − ct)) of u_t + 6uu_x + u_xxx = 0 (Drazin and Johnson 1989)."""
    grid = ude.Grid(ude.Axis("x", -20.0, 20.0, 128), scheme=SPECTRAL)
    model = ude.PDE(lambda t, s: -3.0 * grid.d(s.u**2), grid, ["u"], linear=lambda d: -(d.x**3))
    x = grid.coordinates("x")

    def soliton(t):
        return 0.5 / np.cosh(0.5 * (x - t)) ** 2

    found = stepped(ude.Stepper(model, 0.02, "etdrk4"), soliton(0.0), 100)
    np.testing.assert_allclose(found, soliton(2.0), atol=1e-7)


def kuramoto_sivashinsky(points=64, length=32.0):
    grid = ude.Grid(ude.Axis("x", 0.0, length, points), scheme=SPECTRAL)
    model = ude.PDE(
        lambda t, s: -0.5 * grid.d(grid.product(s.u, s.u)), grid, ["u"], linear=lambda d: -(d.x**2) - d.x**4
    )
    x = TAU * grid.coordinates("x") / length
    return model, np.sin(x) + 0.5 * np.cos(3 * x)


def test_kuramoto_sivashinsky_agrees_with_an_adaptive_implicit_solve():
    model, u = kuramoto_sivashinsky()
    found = stepped(ude.Stepper(model, 0.02, "etdrk4"), u, 50)
    exact = solve_ivp(lambda t, y: model(t, {"u": y})["u"], (0, 1), u, "BDF", rtol=1e-10, atol=1e-12).y[:, -1]
    np.testing.assert_allclose(found, exact, atol=1e-8)


def test_kuramoto_sivashinsky_agrees_with_exponax_step_for_step():
    ex, jax = pytest.importorskip("exponax"), pytest.importorskip("jax")
    with jax.enable_x64(True) if hasattr(jax, "enable_x64") else jax.experimental.enable_x64():
        model, u = kuramoto_sivashinsky()
        theirs = ex.stepper.KuramotoSivashinskyConservative(1, 32.0, 64, 0.1, order=4)
        expected = np.asarray(ex.repeat(theirs, 5)(jax.numpy.array(u)[None])[0])
    np.testing.assert_allclose(stepped(ude.Stepper(model, 0.1, "etdrk4"), u, 5), expected, atol=1e-11)


# ---- cost ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scheme", "substeps", "most"), [("etdrk4", 1, 10), ("etdrk4", 3, 26), ("etdrk2", 1, 6), ("etd1", 1, 4)]
)
def test_transforms_are_few(scheme, substeps, most):
    """Two a stage, one to begin and one to end; substeps hand over the coefficients."""
    for model in (kuramoto_sivashinsky()[0], kdv()):
        count = Counter(n.operation for n in ude.Stepper(model, 0.1, scheme, substeps).step.nodes)
        assert count["rfft"] + count["irfft"] <= most


LINE = ude.Grid(ude.Axis("x", 0.0, TAU, 12), scheme=SPECTRAL)
PLANE = ude.Grid(ude.Axis("x", 0.0, TAU, 8), ude.Axis("y", 0.0, 1.0, 10), scheme=SPECTRAL)
RIGHT_HAND_SIDES = [
    (LINE, lambda t, s: -s.u * LINE.d(s.u) + 0.3 * s.u - LINE.d(s.u**2) / 2.0),
    (LINE, lambda t, s: LINE.d(LINE.product(s.u, s.u), order=2) - np.mean(s.u) * LINE.d(s.u) + t),
    (PLANE, lambda t, s: -s.u * PLANE.d(s.u, "x") + PLANE.d(s.u, "y") * np.sin(PLANE.d(s.u, "y")) - 2.0 * s.u),
    (
        PLANE,
        lambda t, s: PLANE.fourier(PLANE.product(s.u, s.u), PLANE.symbols.x * PLANE.symbols.y) - PLANE.dealias(s.u),
    ),
]


@pytest.mark.parametrize(("grid", "rhs"), RIGHT_HAND_SIDES)
def test_leaving_transforms_out_changes_nothing(grid, rhs):
    """Also for fields with all modes, the Nyquist ones included, where derivatives lose their imaginary part."""
    model = ude.PDE(rhs, grid, ["u"], linear=lambda d: d.x**2)
    u = variable("u", (model.size,))
    spectral = SpectralModel(model)
    found = spectral.nonlinear(variable("t"), spectral.split(u))["u"]
    plain = rfft(model.nonlinear.outputs["du"].reshape(grid.shape), len(grid.shape))
    graph = Graph((variable("t"), u), {"found": found, "plain": plain})
    values = graph.evaluate({"t": 0.4, "u": np.random.default_rng(1).standard_normal(model.size)})
    np.testing.assert_allclose(values["found"], values["plain"], atol=1e-11 * np.abs(values["plain"]).max())


def test_contour_means_are_exact_where_the_formula_cancels():
    """φ₁(z) = (e^z − 1)/z = 1 + z/2 + …, also at z = 0 (Kassam and Trefethen 2005)."""
    z = np.array([0.0, 1e-9, -1e-3, -5.0, -800.0, 3j])
    exact = np.array([1.0, 1.0 + 5e-10, 1.0 - 5e-4 + 1e-6 / 6 - 1e-9 / 24, np.expm1(-5.0) / -5.0, 1 / 800.0])
    found = contour_mean(lambda r: (np.exp(r) - 1.0) / r, z)
    np.testing.assert_allclose(found[:5].real, exact, rtol=3e-14)
    np.testing.assert_allclose(found[5], (np.exp(3j) - 1) / 3j, rtol=1e-13)


# ---- as graphs ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["rk4", "imex2", "etdrk4"])
def test_derivatives_of_a_step_agree_with_finite_differences(scheme):
    model = burgers(16)
    stepper = ude.Stepper(model, 0.05, scheme, substeps=2)
    generator = np.random.default_rng(0)
    u, v, w = generator.standard_normal((3, 16))
    values = {"t": 0.2, "u": u, "theta": np.zeros(0)}
    h = 1e-5
    ends = [stepper.step.evaluate({**values, "u": u + s * h * v})["u"] for s in (1, -1)]
    forward = jvp(stepper.step, "u").evaluate({**values, "tangent.u": v})["u"]
    np.testing.assert_allclose(forward, (ends[0] - ends[1]) / (2 * h), atol=1e-8)
    reverse = vjp(stepper.step, "u").evaluate({**values, "cotangent.u": w})["u"]
    assert reverse @ v == pytest.approx(w @ forward, rel=1e-11)


@pytest.mark.parametrize("scheme", ["ssprk3", "etdrk4"])
def test_engines_step_like_numpy(scheme):
    model = burgers(16)
    stepper = ude.Stepper(model, 0.05, scheme)
    u = np.exp(np.sin(model.grid.coordinates("x")))
    found = stepper.rollout({"u": u}, 3)["u"].values
    expected = [u]
    for k in range(3):
        expected.append(stepper(k * 0.05, {"u": expected[-1]})["u"])
    np.testing.assert_allclose(found, expected, atol=1e-12)
