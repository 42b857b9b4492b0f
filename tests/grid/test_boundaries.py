"""Operators beside Dirichlet and Neumann boundaries: orders, exactness, stability, Jacobians and gradients."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import unideq as ude
from grid.fields import slope
from unideq.errors import ModelError, OptionError
from unideq.graph import Graph, jacobian, variable, vjp
from unideq.grid.schemes import DRP, TVD, WENO, Backward, Central, Compact, Forward, Fourier, Upwind

LEFT, RIGHT = 0.3, 2.3
SCHEMES = [Central(2), Central(4), Central(6), Backward(1), Backward(2), Backward(3), Forward(2), Upwind(1), Upwind(3)]
SCHEMES += [DRP()]
CASES = [(scheme, m) for scheme in SCHEMES for m in scheme.derivatives]
WAVE = 3.0


def field(x, t, order=0):
    return WAVE**order * np.sin(WAVE * x + t + order * np.pi / 2)


def conditions(kind, place):
    """A boundary condition that moves with the field."""
    if kind == "dirichlet":
        return ude.Dirichlet(lambda t: np.sin(WAVE * place + t))
    return ude.Neumann(lambda t: WAVE * np.cos(WAVE * place + t))


def interval(points, left, right, **settings):
    return ude.Grid(ude.Axis("x", LEFT, RIGHT, points, boundary=(left, right)), **settings)


def matrix(grid, m, scheme):
    return grid.d(np.eye(grid.shape[0]), order=m, scheme=scheme, t=0.0).T


@pytest.mark.parametrize("kinds", [("dirichlet", "neumann"), ("neumann", "dirichlet")], ids="-".join)
@pytest.mark.parametrize(("scheme", "m"), CASES, ids=str)
def test_errors_fall_with_the_nominal_order_up_to_moving_boundaries(scheme, m, kinds):
    order = min(scheme.order(m), scheme.boundary_order(m))
    n = {1: 512, 2: 256, 3: 128, 4: 64, 6: 32}[order]
    if (order, m) == (3, 4):
        n = 80  # on finer grids, rounding over dx⁴ is as large as the error
    inner, ends = [], []
    for points in (n, 2 * n):
        grid = interval(points, *(conditions(k, x) for k, x in zip(kinds, (LEFT, RIGHT), strict=True)))
        x = grid.coordinates()
        error = np.abs(grid.d(field(x, 0.7), order=m, scheme=scheme, t=0.7) - field(x, 0.7, m))
        inner.append(error[points // 4 : -points // 4].max())
        ends.append(max(error[0], error[-1]))
    assert slope(*inner) == pytest.approx(scheme.order(m), abs=0.15)
    assert slope(*ends) > order - (0.5 if order == 6 else 0.3)


def test_the_order_beside_boundaries_is_the_inner_one_except_where_that_is_unstable():
    lower = {(s, m): s.boundary_order(m) for s, m in CASES if s.boundary_order(m) < s.order(m)}
    assert lower == {(Central(6), 1): 4}


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(CASES),
    st.sampled_from(["dirichlet", "neumann"]),
    st.lists(st.floats(-2, 2), min_size=4, max_size=4),
)
def test_polynomials_as_high_as_the_order_are_differentiated_exactly(case, kind, coefficients):
    scheme, m = case
    degree = min(scheme.boundary_order(m), scheme.order(m)) + m - 1
    p = np.polynomial.Polynomial(coefficients[: degree + 1])
    ends = [ude.Dirichlet(p(x)) if kind == "dirichlet" else ude.Neumann(p.deriv()(x)) for x in (0.0, 1.0)]
    grid = ude.Grid(ude.Axis("x", 0.0, 1.0, 16, boundary=ends))
    x = grid.coordinates()
    np.testing.assert_allclose(
        grid.d(p(x), order=m, scheme=scheme), p.deriv(m)(x), atol=1e-9 * 16.0**m
    )  # rounding of large weights


@pytest.mark.parametrize("scheme", [Central(2), Central(4), Central(6)], ids=repr)
@pytest.mark.parametrize("points", [16, 61])
def test_diffusion_decays_between_any_boundaries(scheme, points):
    for left, right in ((ude.Dirichlet, ude.Dirichlet), (ude.Dirichlet, ude.Neumann), (ude.Neumann, ude.Neumann)):
        grid = ude.Grid(ude.Axis("x", 0.0, 1.0, points, boundary=(left(), right())))
        values = np.linalg.eigvals(matrix(grid, 2, scheme))
        assert values.real.max() < 1e-8 * points**2
        slowest = {2: -(np.pi**2), 1: -(np.pi**2) / 4, 0: 0.0}[[left, right].count(ude.Dirichlet)]
        assert values.real.max() == pytest.approx(slowest, rel=0.01, abs=1e-8 * points**2)


@pytest.mark.parametrize(
    "scheme", [Central(2), Central(4), Central(6), Backward(1), Backward(2), Backward(3)], ids=repr
)
def test_advection_from_a_given_inflow_decays(scheme):
    for points in (20, 61):
        grid = ude.Grid(ude.Axis("x", 0.0, 1.0, points, boundary=(ude.Dirichlet(), ude.Neumann())))
        assert np.linalg.eigvals(-matrix(grid, 1, scheme)).real.max() < 1e-9 * points


def test_a_heated_rod_comes_to_the_steady_state_that_its_ends_ask_for():
    grid = ude.Grid(ude.Axis("x", 0.0, 1.0, 10, boundary=(ude.Dirichlet(2.0), ude.Neumann(3.0))))
    laplacian = grid.laplacian(np.eye(10)).T - grid.laplacian(np.zeros(10))[:, None]
    steady = np.linalg.solve(laplacian, -grid.laplacian(np.zeros(10)))
    np.testing.assert_allclose(steady, 2.0 + 3.0 * grid.coordinates(), atol=1e-11)


@pytest.mark.parametrize("scheme", [Central(2), Central(4), Central(6)], ids=repr)
def test_jacobians_stay_banded(scheme):
    u = variable("u", (80,))
    grid = ude.Grid(ude.Axis("x", 0.0, 1.0, 80, boundary=ude.Dirichlet(lambda t: t)))
    found = jacobian(Graph((variable("t"), u), {"y": grid.d(u, order=2, scheme=scheme)}), "u")
    assert found.n_colours <= scheme.closure(2)
    assert (np.abs(found.rows - found.columns) <= scheme.closure(2)).all()


NONLINEAR = {
    "central": lambda grid, u: u * grid.d(u) + grid.laplacian(u),
    "upwind": lambda grid, u: grid.upwind(u, u, order=3),
    "weno": lambda grid, u: grid.flux_divergence(u, lambda v: v**2 / 2),
    "tvd": lambda grid, u: grid.flux_divergence(u, lambda v: v**3, scheme=TVD("superbee")),
    "faces": lambda grid, u: grid.divergence(grid.to_faces(u) ** 2 * grid.face_gradient(u)),
    "patch": lambda grid, u: grid.patch(u, 2)[0] * grid.patch(u, 2)[4],
}


@pytest.mark.parametrize("boundary", ["periodic", "moving"])
@pytest.mark.parametrize("name", NONLINEAR)
def test_gradients_are_those_of_finite_differences(name, boundary):
    given = "periodic" if boundary == "periodic" else (ude.Dirichlet(lambda t: np.sin(t)), ude.Neumann(lambda t: t))
    grid = ude.Grid(ude.Axis("x", 0.0, 1.0, 12, boundary=given))
    t, u = variable("t"), variable("u", (12,))
    graph = Graph((t, u), {"y": NONLINEAR[name](grid, u)})
    generator = np.random.default_rng(0)
    point = {"t": 0.4, "u": generator.standard_normal(12) * 0.3 + 1.0}
    seed = generator.standard_normal(12)
    found = vjp(graph, ["u", "t"]).evaluate({**point, "cotangent.y": seed})
    h = 1e-6

    def change(key, direction):
        sides = [graph.evaluate({**point, key: point[key] + s * h * direction})["y"] @ seed for s in (1, -1)]
        return (sides[0] - sides[1]) / (2 * h)

    expected = [change("u", row) for row in np.eye(12)]
    np.testing.assert_allclose(found["u"], expected, rtol=1e-6, atol=1e-6 * np.abs(expected).max())
    assert found["t"] == pytest.approx(change("t", 1.0), rel=1e-6, abs=1e-6 * np.abs(expected).max())


def test_on_a_plane_each_axis_has_its_own_boundary_and_profiles_are_allowed():
    x_axis = ude.Axis("x", 0.0, 2 * np.pi, 24)
    y = ude.Axis("y", 0.0, 1.0, 20, boundary=ude.Dirichlet())
    profile = np.sin(x_axis.coordinates)
    grid = ude.Grid(x_axis, y.with_boundary((ude.Dirichlet(profile), ude.Dirichlet(lambda t: t * profile))))
    xs, ys = grid.mesh()
    u = np.sin(xs) * (1.0 + ys**2)
    np.testing.assert_allclose(grid.d(u, "y", t=2.0), np.sin(xs) * 2 * ys, atol=1e-12)
    np.testing.assert_allclose(grid.d(u, "x", scheme=Fourier()), np.cos(xs) * (1.0 + ys**2), atol=1e-13)
    many = np.stack([u, 2 * u, 0 * u])
    np.testing.assert_allclose(grid.d(many, "x")[1], 2 * grid.d(u, "x"), atol=1e-13)
    turned = ude.Grid(grid.axis("y"), x_axis)
    np.testing.assert_allclose(turned.d(u.T, "y", t=2.0), grid.d(u, "y", t=2.0).T, atol=1e-13)


def test_what_flows_through_the_ends_is_what_the_integral_gains():
    grid = ude.Grid(ude.Axis("x", 0.0, 1.0, 30, boundary=(ude.Neumann(0.5), ude.Neumann(-2.0))))
    u = np.random.default_rng(1).standard_normal(30)
    rate = grid.divergence(3.0 * grid.face_gradient(u))
    assert grid.integral(rate) == pytest.approx(3.0 * (-2.0 - 0.5), rel=1e-12)
    walls = ude.Grid(ude.Axis("x", 0.0, 1.0, 30, boundary=(ude.Dirichlet(0.5), ude.Dirichlet(-2.0))))
    np.testing.assert_allclose(walls.to_faces(u)[[0, -1]], [0.5, -2.0], atol=1e-15)


def test_a_boundary_that_doesnt_fit_is_refused():
    grid = ude.Grid(ude.Axis("x", 0.0, 1.0, 10, boundary=ude.Dirichlet(lambda t: t)))
    u = np.zeros(10)
    with pytest.raises(OptionError, match="Write `t=…` as well"):
        grid.d(u)
    with pytest.raises(ModelError, match="`t` is one number"):
        grid.d(u, t=np.zeros(3))
    for scheme in (Fourier(), Compact(6)):
        with pytest.raises(OptionError, match=r"needs a periodic axis; axis `x` has boundary"):
            grid.d(u, scheme=scheme, t=0.0)
        with pytest.raises(OptionError, match="needs a periodic axis"):
            ude.Grid(*grid.axes, scheme=scheme)
    with pytest.raises(OptionError, match="the end of a 1-D grid is one point"):
        grid.with_boundary(x=ude.Dirichlet(np.zeros(4))).d(u)
    with pytest.raises(OptionError, match=r"`Central\(6\)` needs 9 points along axis `x`, which has 8"):
        ude.Grid(ude.Axis("x", 0.0, 1.0, 8, boundary=ude.Neumann())).d(np.zeros(8), order=4, scheme=Central(6))
    with pytest.raises(OptionError, match=r"`Central\(6\)` needs 7 points along axis `x`, which has 5"):
        ude.Grid(ude.Axis("x", 0.0, 1.0, 5)).d(np.zeros(5), scheme=Central(6))
    with pytest.raises(OptionError, match=r"`WENO\(5, 1e-06\)` needs 6 points"):
        ude.Grid(ude.Axis("x", 0.0, 1.0, 5)).flux_divergence(np.zeros(5), lambda u: u, scheme=WENO())
