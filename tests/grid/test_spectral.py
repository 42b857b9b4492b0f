"""Fourier space: spectral derivatives, symbols, Nyquist modes, and the 2/3 rule."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import unideq as ude
from grid.fields import circle, derivative, smooth
from unideq.errors import ModelError, OptionError
from unideq.graph import Graph, variable, vjp
from unideq.grid import Symbol
from unideq.grid.schemes import Central, Compact, Fourier


def torus(nx, ny, lx=2 * np.pi, ly=2 * np.pi):
    return ude.Grid(ude.Axis("x", 0.0, lx, nx), ude.Axis("y", 0.0, ly, ny), scheme=Fourier())


@pytest.mark.parametrize("m", [1, 2, 3, 4])
@pytest.mark.parametrize("n", [40, 41])
def test_derivatives_of_resolved_functions_are_exact_to_rounding(n, m):
    grid = circle(n, Fourier())
    x = grid.coordinates()
    np.testing.assert_allclose(grid.d(smooth(x), order=m), derivative(smooth, x, m), atol=1e-15 * n ** (m + 1))


@settings(max_examples=30, deadline=None)
@given(st.integers(4, 17), st.integers(1, 4), st.integers(0, 8), st.floats(0, 6))
def test_every_wave_below_nyquist_is_differentiated_exactly(n, m, k, phase):
    k = min(k, (n - 1) // 2)
    grid = ude.Grid(ude.Axis("x", -1.0, 2.0, n), scheme=Fourier())
    x, wave = grid.coordinates(), 2 * np.pi * k / 3.0
    exact = wave**m * np.cos(wave * x + phase + m * np.pi / 2)
    np.testing.assert_allclose(grid.d(np.cos(wave * x + phase), order=m), exact, atol=1e-13 * (2 * n) ** m)


@pytest.mark.parametrize("direction", ["x", "y"])
def test_the_nyquist_wave_has_even_derivatives_and_no_odd_ones(direction):
    grid = torus(8, 10)
    xs, ys = grid.mesh()
    n, along, across = (8, xs, ys) if direction == "x" else (10, ys, xs)
    u = np.cos(n // 2 * along) * np.sin(across)
    for m in (1, 3):
        np.testing.assert_allclose(grid.d(u, direction, m), 0.0, atol=1e-11)
    for m in (2, 4):
        np.testing.assert_allclose(grid.d(u, direction, m), (-1) ** (m // 2) * (n / 2) ** m * u, atol=1e-10)
    d = grid.symbols
    first, second = (d.x, d.y) if direction == "x" else (d.y, d.x)
    np.testing.assert_allclose(grid.fourier(u, first), 0.0, atol=1e-12)
    np.testing.assert_allclose(grid.fourier(u, first * first), -((n / 2) ** 2) * u, atol=1e-11)
    np.testing.assert_allclose(grid.fourier(u, first * second), 0.0, atol=1e-11)
    slope = -((n / 2) ** 2) * np.cos(n // 2 * along) * np.cos(across)
    np.testing.assert_allclose(grid.fourier(u, first**2 * second), slope, atol=1e-11)


@pytest.mark.parametrize(("nx", "ny"), [(8, 10), (9, 8), (7, 9)])
def test_symbols_are_the_derivatives_that_they_stand_for(nx, ny):
    grid = torus(nx, ny, lx=1.0, ly=3.0)
    u = np.random.default_rng(0).standard_normal((2, nx, ny))
    d = grid.symbols
    for m in (1, 2, 3, 4):
        np.testing.assert_allclose(grid.fourier(u, d.x**m), grid.d(u, "x", m), atol=1e-10 * 30.0**m)
        np.testing.assert_allclose(grid.fourier(u, d.y**m), grid.d(u, "y", m), atol=1e-10 * 30.0**m)
    np.testing.assert_allclose(grid.fourier(u, d.x**2 + d.y**2), grid.laplacian(u), atol=1e-9)
    both = grid.fourier(u, 1.5 - 2 * (d.x - 0.5 * d.y) * 3.0)
    np.testing.assert_allclose(both, 1.5 * u - 6 * grid.d(u, "x") + 3 * grid.d(u, "y"), atol=1e-10)


def test_a_symbols_parts_are_the_applied_multiplier():
    line = circle(8).symbols.x
    np.testing.assert_array_equal(line.imaginary, [0, 1, 2, 3, 0])  # Nyquist dropped
    np.testing.assert_array_equal((line**2).real, [0, -1, -4, -9, -16])
    np.testing.assert_array_equal((line**3).imaginary, [0, -1, -8, -27, 0])
    np.testing.assert_array_equal((-(line**2) - line**4).real, [0, 0, -12, -72, -240])
    plane = torus(6, 4).symbols
    assert plane.x.half == plane.x.real.shape == plane.x.imaginary.shape == (6, 3)
    np.testing.assert_array_equal(plane.x.imaginary[:, 0], [0, 1, 2, 0, -2, -1])
    np.testing.assert_array_equal(plane.y.imaginary[0], [0, 1, 0])
    assert repr(plane.x + 1) == "Symbol(real and imaginary, half spectrum (6, 3))"


def test_a_symbol_over_its_square_inverts_the_laplacian_of_fields_without_mean():
    grid = torus(9, 11)
    u = np.random.default_rng(0).standard_normal((9, 11))
    d = grid.symbols
    potential = grid.fourier(u, 1 / (d.x**2 + d.y**2))
    np.testing.assert_allclose(grid.laplacian(potential), u - u.mean(), atol=1e-12)
    assert abs(potential.mean()) < 1e-14
    np.testing.assert_allclose(grid.fourier(u, (d.x**2 + d.y**2 - 1.0) ** -1 * (d.x**2 + d.y**2 - 1.0)), u, atol=1e-12)


def test_symbols_carry_expressions():
    grid = circle(8)
    u, c = variable("u", (8,)), variable("c")
    d = grid.symbols
    graph = Graph((u, c), {"y": grid.fourier(u, c * d.x**2 - d.x * 3.0 * c + c)})
    values = {"u": np.random.default_rng(0).standard_normal(8), "c": 0.7}
    x = values["u"]
    expected = 0.7 * (grid.fourier(x, d.x**2) - 3.0 * grid.fourier(x, d.x) + x)
    np.testing.assert_allclose(graph.evaluate(values)["y"], expected, atol=1e-12)
    assert (c * d.x**2).real.shape == (5,)
    given = Symbol(np.arange(5.0), 0.0, grid.shape)
    squared = grid.fourier(grid.fourier(x, given), given)
    np.testing.assert_allclose(squared, -grid.d(x, order=2, scheme=Fourier()), atol=1e-12)
    np.testing.assert_array_equal(given.real, np.arange(5.0))
    inverse = Graph((c,), {"y": (1 / (c * d.x**2)).real}).evaluate({"c": 2.0})["y"]
    np.testing.assert_allclose(inverse, [0.0, -1 / 2, -1 / 8, -1 / 18, -1 / 32])


def test_the_two_thirds_rule_leaves_products_of_kept_waves_without_aliases():
    n = 24
    grid, fine = circle(n, Fourier()), circle(4 * n, Fourier())
    generator = np.random.default_rng(0)
    spectra = [np.zeros(2 * n + 1, complex) for _ in range(2)]
    for s in spectra:
        s[: n // 3] = generator.standard_normal(n // 3) + 1j * generator.standard_normal(n // 3)  # |κ| ≤ (n − 1)//3
    a, b = (np.fft.irfft(s, 4 * n) for s in spectra)
    exact = np.fft.rfft(a * b)
    exact[(n - 1) // 3 + 1 :] = 0.0
    np.testing.assert_allclose(grid.product(a[::4], b[::4]), np.fft.irfft(exact, 4 * n)[::4], atol=1e-13)
    np.testing.assert_allclose(grid.dealias(a[::4]), a[::4], atol=1e-13)
    assert fine.dealias(np.cos(n * fine.coordinates())).max() == pytest.approx(1.0)  # 24 ≤ 31 of 96
    top = np.cos((n // 2 - 1) * grid.coordinates())
    np.testing.assert_allclose(grid.dealias(top), 0.0, atol=1e-14)
    plain = Fourier(dealias=False)
    np.testing.assert_allclose(grid.divergence(top, plain), grid.d(top), atol=1e-12)
    np.testing.assert_allclose(grid.divergence(top), 0.0, atol=1e-12)


def test_dealiasing_on_a_plane_cuts_along_both_axes():
    grid = torus(12, 9)
    xs, ys = grid.mesh()
    kept = np.cos(3 * xs) * np.sin(2 * ys)
    np.testing.assert_allclose(grid.dealias(kept + np.cos(4 * xs) + np.cos(3 * ys)), kept, atol=1e-13)
    np.testing.assert_allclose(
        grid.divergence((kept + np.cos(3 * ys), kept)), grid.d(kept, "x") + grid.d(kept, "y"), atol=1e-12
    )


@pytest.mark.parametrize("scheme", [Fourier(), Compact(6)], ids=repr)
def test_a_periodic_axis_beside_walls_is_transformed_alone(scheme):
    x, y = ude.Axis("x", 0.0, 2 * np.pi, 16), ude.Axis("y", 0.0, 1.0, 12, boundary=ude.Neumann())
    for grid in (ude.Grid(x, y), ude.Grid(y, x)):
        xs = grid.mesh()[grid.dims.index("x")]
        expected = ude.Grid(x).d(np.sin(x.coordinates), scheme=scheme)
        expected = expected[:, None] if grid.dims[0] == "x" else expected[None, :]
        np.testing.assert_allclose(
            grid.d(np.sin(xs), "x", scheme=scheme), np.broadcast_to(expected, grid.shape), atol=1e-13
        )
        with pytest.raises(
            OptionError, match=r"`grid.symbols` works in Fourier space and needs a periodic axis; axis `y`"
        ):
            _ = grid.symbols


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**31), st.sampled_from(["d", "product", "laplacian"]))
def test_adjoints_of_spectral_operators_are_their_transposes(seed, name):
    grid = torus(6, 5)
    u = variable("u", (6, 5))
    made = {
        "d": lambda: grid.d(u, "x", 3),
        "product": lambda: grid.product(u, u),
        "laplacian": lambda: grid.laplacian(u, Compact(4)),
    }[name]()
    graph = Graph((u,), {"y": made})
    generator = np.random.default_rng(seed)
    point, direction, cotangent = generator.standard_normal((3, 6, 5))
    h = 1e-5
    change = (graph.evaluate({"u": point + h * direction})["y"] - graph.evaluate({"u": point - h * direction})["y"]) / (
        2 * h
    )
    found = vjp(graph, "u").evaluate({"u": point, "cotangent.y": cotangent})["u"]
    assert (found * direction).sum() == pytest.approx((cotangent * change).sum(), rel=1e-6, abs=1e-6)


def test_spectral_questions_that_make_no_sense_are_refused():
    grid = circle(8)
    with pytest.raises(ModelError, match="needs a symbol made from this grid's `symbols`"):
        grid.fourier(np.zeros(8), circle(10).symbols.x)
    with pytest.raises(ModelError, match="don't go together"):
        circle(8).symbols.x + circle(10).symbols.x
    with pytest.raises(ModelError, match="power is a whole number"):
        grid.symbols.x**0.5
    with pytest.raises(OptionError, match="Unknown axis of the grid `y`"):
        _ = grid.symbols.y
    with pytest.raises(ModelError, match=r"part has shape \(7,\); the half spectrum is \(5,\)"):
        Symbol(np.zeros(7), 0.0, (8,))
    walls = ude.Grid(ude.Axis("x", 0.0, 1.0, 8, boundary=ude.Neumann()), scheme=Central(2))
    for operator in (walls.dealias, lambda u: walls.product(u, u)):
        with pytest.raises(OptionError, match="needs a periodic axis"):
            operator(np.zeros(8))
