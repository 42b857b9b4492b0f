"""Linear schemes on a circle: orders, matrices, exactness, waves and truncation errors."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import circulant

import unideq as ude
from grid.fields import circle, derivative, slope, smooth, two_waves
from unideq.errors import OptionError
from unideq.grid.schemes import DRP, TVD, WENO, Backward, Central, Compact, Forward, Fourier, Upwind
from unideq.stored import from_json

EXPLICIT = [Central(2), Central(4), Central(6), *(f(p) for f in (Backward, Forward) for p in (1, 2, 3))]
EXPLICIT += [Upwind(1), Upwind(3), DRP()]
COMPACT = [Compact(4), Compact(6)]
CASES = [(scheme, m) for scheme in (*EXPLICIT, *COMPACT) for m in scheme.derivatives]
POINTS = {1: 256, 2: 128, 3: 128, 4: 64, 6: 64}


def named(value):
    return repr(value) if isinstance(value, ude.schemes.Scheme) else str(value)


@pytest.mark.parametrize(("scheme", "m"), CASES, ids=named)
def test_errors_fall_with_the_nominal_order(scheme, m):
    errors = []
    for n in (POINTS[scheme.order(m)], 2 * POINTS[scheme.order(m)]):
        grid = circle(n)
        x = grid.coordinates()
        errors.append(np.abs(grid.d(smooth(x), order=m, scheme=scheme) - derivative(smooth, x, m)).max())
    assert slope(*errors) == pytest.approx(scheme.order(m), abs=0.15)


@pytest.mark.parametrize(("scheme", "m"), [case for case in CASES if case[0] in EXPLICIT], ids=named)
def test_an_explicit_scheme_is_its_circulant(scheme, m):
    n, grid = 12, circle(12)
    coefficients, offsets = scheme.stencil(m)
    column = np.zeros(n)
    for c, o in zip(coefficients, offsets, strict=True):
        column[-o % n] += c / grid.axes[0].spacing ** m
    matrix = grid.d(np.eye(n), order=m, scheme=scheme).T  # each row of the identity is a field
    np.testing.assert_allclose(matrix, circulant(column), atol=1e-12 * np.abs(column).max())


@pytest.mark.parametrize(("scheme", "m"), [case for case in CASES if case[0] in COMPACT], ids=named)
def test_a_compact_scheme_divides_one_circulant_by_another(scheme, m):
    n, grid = 15, circle(15)
    left, right = (np.zeros(n), np.zeros(n))
    for column, (coefficients, offsets) in zip((left, right), scheme.implicit(m), strict=True):
        for c, o in zip(coefficients, offsets, strict=True):
            column[-o % n] += float(c)
    matrix = np.linalg.solve(circulant(left), circulant(right)) / grid.axes[0].spacing ** m
    np.testing.assert_allclose(grid.d(np.eye(n), order=m, scheme=scheme).T, matrix, atol=1e-11 * np.abs(matrix).max())


@pytest.mark.parametrize(("scheme", "m"), [case for case in CASES if case[0] in EXPLICIT], ids=named)
def test_a_stencil_is_exact_for_polynomials_up_to_its_order(scheme, m):
    coefficients, offsets = scheme.weights(m)
    for q in range(int(scheme.order(m)) + m):
        value = sum(c * Fraction(o) ** q for c, o in zip(coefficients, offsets, strict=True))
        assert value == (1 if q == m == 1 else np.prod(range(1, m + 1)) if q == m else 0)


def test_coefficients_are_the_published_ones():
    # Lele (1992), eqs. 2.1.6, 2.1.7 (first derivative, α = 1/4 and 1/3) and 2.2.7 (second, α = 2/11).
    assert Compact(4).implicit(1)[0][0][0] == Fraction(1, 4)
    (left, _), (right, offsets) = Compact(6).implicit(1)
    assert left[0] == Fraction(1, 3)
    assert dict(zip(offsets, right, strict=True))[1] == Fraction(14, 9) / 2
    assert dict(zip(offsets, right, strict=True))[2] == Fraction(1, 9) / 4
    (left, _), (right, offsets) = Compact(6).implicit(2)
    assert left[0] == Fraction(2, 11)
    assert dict(zip(offsets, right, strict=True))[2] == Fraction(3, 11) / 4
    # Tam & Webb (1993).
    np.testing.assert_allclose(DRP().stencil()[0][3:], [0.79926643, -0.18941314, 0.02651995], atol=5e-9)
    np.testing.assert_allclose(Central(6).stencil(2)[0], np.array([2, -27, 270, -490, 270, -27, 2]) / 180, rtol=1e-15)


def test_central_odd_derivatives_are_antisymmetric_and_the_second_is_negative():
    for scheme in (Central(2), Central(4), Central(6), Compact(4), Compact(6), Fourier()):
        grid = circle(16, scheme)
        first, second = (grid.d(np.eye(16), order=m) for m in (1, 2))
        np.testing.assert_allclose(first, -first.T, atol=1e-12)
        np.testing.assert_allclose(second, second.T, atol=1e-11)
        assert np.linalg.eigvalsh(0.5 * (second + second.T)).max() < 1e-12


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(-10, 10), min_size=20, max_size=20), st.sampled_from(CASES))
def test_no_derivative_changes_the_integral_on_a_circle(values, case):
    scheme, m = case
    u = np.array(values)
    changed = circle(20).d(u, order=m, scheme=scheme)
    assert abs(changed.sum()) <= 1e-12 * max(np.abs(changed).sum(), 1.0)


@pytest.mark.parametrize(("scheme", "m"), [*CASES, *((Fourier(), m) for m in (1, 2, 3, 4))], ids=named)
def test_a_wave_becomes_what_its_modified_wavenumber_says(scheme, m):
    n, k = 32, 5
    grid = circle(n)
    x, dx = grid.coordinates(), grid.axes[0].spacing
    wave = grid.d(np.cos(k * x), order=m, scheme=scheme) + 1j * grid.d(np.sin(k * x), order=m, scheme=scheme)
    w = scheme.modified_wavenumber(m, k * dx)
    np.testing.assert_allclose(wave, 1j**m * w * np.exp(1j * k * x) / dx**m, atol=1e-12 * k**m * n)
    if scheme.order(m) < np.inf:
        errors = [abs(scheme.modified_wavenumber(m, kdx) - kdx**m) for kdx in (0.2, 0.1)]
        assert slope(*errors) == pytest.approx(scheme.order(m) + m, abs=0.15)
    else:
        np.testing.assert_allclose(w, (k * dx) ** m, rtol=1e-14)


@pytest.mark.parametrize(("scheme", "m"), CASES, ids=named)
def test_the_leading_truncation_term_is_the_measured_error(scheme, m):
    sympy = pytest.importorskip("sympy")
    n = {1: 1024, 2: 512, 3: 256, 4: 128, 6: 64}[scheme.order(m)]
    grid = circle(n)
    x = grid.coordinates()
    error = grid.d(two_waves(x), order=m, scheme=scheme) - derivative(two_waves, x, m)
    term = scheme.truncation_error(m)
    (shown,) = term.atoms(sympy.Derivative)
    q = int(shown.derivative_count)
    coefficient = float(term.coeff(shown).subs("dx", grid.axes[0].spacing))
    shape = derivative(two_waves, x, q)
    assert (error @ shape) / (shape @ shape) == pytest.approx(coefficient, rel=0.02)


def test_a_backward_difference_adds_diffusion_and_two_terms_are_right():
    sympy = pytest.importorskip("sympy")
    x, dx = sympy.symbols("x dx")
    u = sympy.Function("u")(x)
    assert Backward(1).truncation_error() == -dx / 2 * u.diff(x, 2)
    assert sympy.expand(Backward(1).truncation_error(1, 2) + dx / 2 * u.diff(x, 2) - dx**2 / 6 * u.diff(x, 3)) == 0
    assert Upwind(3).truncation_error() == dx**3 / 12 * u.diff(x, 4)
    assert Central(2).truncation_error(2) == dx**2 / 12 * u.diff(x, 4)
    assert Compact(4).truncation_error() == -(dx**4) / 180 * u.diff(x, 5)
    assert Fourier().truncation_error(3) == 0
    y, dy = sympy.symbols("y dy")
    assert Forward(1).truncation_error(variable="y", field="v") == dy / 2 * sympy.Function("v")(y).diff(y, 2)


def test_truncation_errors_need_sympy(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "sympy", None)
    with pytest.raises(ude.ExtraMissing, match=r"unideq\[discover\]"):
        Central(2).truncation_error()


def test_what_a_scheme_lacks_is_said():
    with pytest.raises(OptionError, match=r"`Upwind\(1\)` has no derivative 2; it has 1"):
        circle(8).d(np.zeros(8), order=2, scheme=Upwind(1))
    with pytest.raises(OptionError, match="no derivative 5"):
        Central(4).stencil(5)
    with pytest.raises(OptionError, match=r"has no derivative 3; it has 1, 2, 4"):
        Compact(4).truncation_error(3)
    with pytest.raises(OptionError, match=r"no `Central\(3\)`. Possible: `Central\(2\)`, `Central\(4\)`"):
        Central(3)
    with pytest.raises(OptionError, match="isn't an explicit stencil"):
        Compact(4).stencil()
    with pytest.raises(OptionError, match="waves don't stay waves"):
        WENO().modified_wavenumber(1, 0.1)
    with pytest.raises(OptionError, match="flux form"):
        circle(8).d(np.zeros(8), scheme=TVD())
    with pytest.raises(OptionError, match="`terms` needs a whole number >= 1"):
        Central(2).truncation_error(1, 0)


@pytest.mark.parametrize("scheme", [*EXPLICIT, *COMPACT, Fourier(False), TVD("minmod"), WENO(5, 1e-9)], ids=repr)
def test_a_scheme_comes_back_from_its_settings(scheme):
    again = from_json(ude.schemes.Scheme, scheme.to_json())
    assert again == scheme and repr(again) == repr(scheme) and hash(again) == hash(scheme)


def test_a_stored_scheme_that_is_unknown_or_damaged_is_refused():
    with pytest.raises(ude.FileFormatError, match=r"Did you mean `Central`"):
        from_json(ude.schemes.Scheme, {"scheme": "Centrel"})
    with pytest.raises(ude.FileFormatError, match="damaged"):
        from_json(ude.schemes.Scheme, {"scheme": "Central", "steps": 3})
    with pytest.raises(ude.FileFormatError, match="damaged"):
        from_json(ude.schemes.Scheme, {})
