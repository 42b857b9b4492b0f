"""Fourier transforms: NumPy's and SciPy's values, adjoints, derivatives of waves, what simplifies."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.fft
from hypothesis import given
from hypothesis import strategies as st

from unideq.errors import TraceError
from unideq.graph import Expression, Graph, apply, irfft, jacobian, latex, rfft, text, variable, vjp

from .strategies import QUICK

SPACES = st.lists(st.integers(1, 9), min_size=1, max_size=2).map(tuple)
LEADS = st.sampled_from([(), (1,), (3,), (2, 2)])


def as_complex(pairs: np.ndarray) -> np.ndarray:
    return pairs[..., 0] + 1j * pairs[..., 1]


def half(space: tuple[int, ...]) -> tuple[int, ...]:
    return (*space[:-1], space[-1] // 2 + 1)


@QUICK
@given(LEADS, SPACES, st.integers(0, 99))
def test_transforms_are_scipys(lead, space, seed):
    rng = np.random.default_rng(seed)
    axes = tuple(range(-len(space), 0))
    x, spectrum = rng.normal(size=(*lead, *space)), rng.normal(size=(*lead, *half(space), 2))
    np.testing.assert_allclose(as_complex(rfft(x, len(space))), scipy.fft.rfftn(x, axes=axes), rtol=1e-12, atol=1e-12)
    expected = np.fft.irfftn(as_complex(spectrum), s=space, axes=axes)
    np.testing.assert_allclose(irfft(spectrum, space), expected, rtol=1e-13, atol=1e-13)


@QUICK
@given(LEADS, SPACES, st.integers(0, 99))
def test_the_adjoint_gives_the_same_inner_product(lead, space, seed):
    """⟨A x, y⟩ = ⟨x, Aᵀ y⟩ for both transforms, also for spectra that no real array has."""
    rng = np.random.default_rng(seed)
    for name, shape, settings in (
        ("rfft", (*lead, *space), {"dims": len(space)}),
        ("irfft", (*lead, *half(space), 2), {"shape": space}),
    ):
        source = variable("x", shape)
        graph = Graph((source,), {"y": apply(name, source, **settings)})
        x, y = rng.normal(size=shape), rng.normal(size=graph.outputs["y"].shape)
        forward = np.sum(graph.evaluate({"x": x})["y"] * y)
        backward = np.sum(vjp(graph, "x").evaluate({"x": x, "cotangent.y": y})["x"] * x)
        np.testing.assert_allclose(backward, forward, rtol=1e-11, atol=1e-11)


@QUICK
@given(LEADS, SPACES, st.integers(0, 99))
def test_the_inverse_gives_the_array_back(lead, space, seed):
    x = np.random.default_rng(seed).normal(size=(*lead, *space))
    np.testing.assert_allclose(irfft(rfft(x, len(space)), space), x, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("n", [7, 8])
def test_ik_times_a_spectrum_is_the_derivative_of_a_wave(n: int):
    x = 2 * np.pi * np.arange(n) / n
    k = np.arange(n // 2 + 1.0)
    symbol = variable("u", (n,))
    slope = irfft(rfft(symbol)[..., ::-1] * np.stack([-k, k], axis=-1), (n,))
    found = Graph((symbol,), {"y": slope}).evaluate({"u": np.sin(3 * x) + 0.5 * np.cos(2 * x)})["y"]
    np.testing.assert_allclose(found, 3 * np.cos(3 * x) - np.sin(2 * x), atol=1e-13)


def test_going_there_and_back_is_no_operation():
    x = variable("x", (2, 5, 6))
    assert irfft(rfft(x, 2), (5, 6)) is x
    assert irfft(rfft(x, 1), (6,)) is x
    assert irfft(rfft(x, 1), (7,)) is not x  # seven points have as many modes as six
    assert irfft(rfft(x, 1), 6) is x


def test_arrays_are_computed_and_expressions_recorded():
    assert isinstance(rfft(np.ones(4)), np.ndarray)
    assert isinstance(rfft(variable("x", (4,))), Expression)
    assert isinstance(irfft(variable("x", (3, 2)), (4,)), Expression)
    rfft(np.ones(4))[0] = 1.0  # the array is the caller's own


def test_leading_axes_do_not_mix():
    x = variable("x", (2, 4))
    found = jacobian(Graph((x,), {"y": rfft(x)}), "x")
    assert len(found.rows) == 2 * 4 * (3 * 2)  # each row's six numbers depend on its own four points
    assert set(zip(found.rows // 6, found.columns // 4, strict=True)) == {(0, 0), (1, 1)}


def test_spectra_print_as_transforms():
    u = variable("u", (8,))
    assert text(irfft(2 * rfft(u), (8,))) == "irfft(2·rfft(u))"
    assert latex(irfft(2 * rfft(u), (8,))) == (r"\mathcal{F}^{-1}\left(2 \, \mathcal{F}\left(u\right)\right)")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: rfft(x, 3), "last 1 or 2 axes, not 3"),
        (lambda x: rfft(x[0, 0]), "needs that many; the array has shape ()"),
        (lambda x: irfft(x, (8,)), "last axis of length 2, the real and the imaginary part"),
        (lambda x: irfft(rfft(x), (9,)), r"irfft` to (9,) needs modes (5, 2)"),
        (lambda x: irfft(rfft(x), ()), "1 or 2 lengths"),
        (lambda x: np.fft.rfft(x), "Write `unideq.graph.rfft` instead"),
    ],
)
def test_what_does_not_fit_says_what_is_needed(call, message):
    with pytest.raises(TraceError) as caught:
        call(variable("x", (3, 6)))
    assert message in str(caught.value)
    assert "test_fourier.py" in str(caught.value)
