"""Convolutions: sums and SciPy's values, adjoints in both arguments, closure under differentiation, symmetry."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass

import numpy as np
import pytest
import scipy.ndimage
from hypothesis import given
from hypothesis import strategies as st

from unideq.errors import TraceError
from unideq.graph import Expression, Graph, apply, convolve, jvp, latex, sparsity, text, variable, vjp

from .strategies import QUICK
from .test_operations import convolved


@dataclass
class Drawn:
    x: np.ndarray
    kernel: np.ndarray
    y: np.ndarray
    boundary: tuple[str, ...]

    @property
    def size(self) -> tuple[int, ...]:
        return self.kernel.shape[2:]


@st.composite
def problems(draw: st.DrawFn) -> Drawn:
    """Data, a kernel and output-shaped data, of one or two axes of space, odd and even ones."""
    space = draw(st.lists(st.integers(1, 6), min_size=1, max_size=2))
    size = [draw(st.sampled_from(range(1, n + 1, 2))) for n in space]
    lead = draw(st.sampled_from([(), (2,), (1, 3)]))
    c_in, c_out = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    boundary = tuple(draw(st.sampled_from(["periodic", "zero"])) for _ in space)
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    shapes = (*lead, c_in, *space), (c_out, c_in, *size), (*lead, c_out, *space)
    return Drawn(*(rng.normal(size=s) for s in shapes), boundary)


def graph_of(p: Drawn) -> Graph:
    x, kernel = variable("x", p.x.shape), variable("kernel", p.kernel.shape)
    return Graph((x, kernel), {"y": convolve(x, kernel, p.boundary)})


@QUICK
@given(problems())
def test_values_are_the_sums_of_the_definition(p: Drawn):
    np.testing.assert_allclose(convolve(p.x, p.kernel, p.boundary), convolved(p.x, p.kernel, p.boundary), atol=1e-12)


@pytest.mark.parametrize(("boundary", "mode"), [("periodic", "wrap"), ("zero", "constant")])
@pytest.mark.parametrize("space", [(8,), (6, 7)])
def test_one_channel_is_scipys_correlation(boundary: str, mode: str, space: tuple[int, ...]):
    rng = np.random.default_rng(0)
    x, kernel = rng.normal(size=space), rng.normal(size=(3, 5)[: len(space)])
    expected = scipy.ndimage.correlate(x, kernel, mode=mode)
    np.testing.assert_allclose(convolve(x[None], kernel[None, None], boundary)[0], expected, rtol=1e-12, atol=1e-13)


@QUICK
@given(problems())
def test_the_adjoints_give_the_same_inner_product(p: Drawn):
    """⟨K ∗ x, y⟩ = ⟨x, pulled back by x⟩ = ⟨K, pulled back by K⟩: the convolution is linear in each."""
    pulled = vjp(graph_of(p), ["x", "kernel"]).evaluate({"x": p.x, "kernel": p.kernel, "cotangent.y": p.y})
    expected = np.sum(convolve(p.x, p.kernel, p.boundary) * p.y)
    np.testing.assert_allclose(np.sum(pulled["x"] * p.x), expected, rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(np.sum(pulled["kernel"] * p.kernel), expected, rtol=1e-10, atol=1e-10)


@QUICK
@given(problems())
def test_derivatives_need_no_other_operations(p: Drawn):
    graph = graph_of(p)
    for derived in (vjp(graph, ["x", "kernel"]), vjp(vjp(graph, ["x", "kernel"]), ["x", "kernel", "cotangent.y"])):
        names = {node.operation for node in derived.nodes if node.inputs}
        assert names <= {"convolution", "convolution_kernel", "transpose", "gather", "slice", "add", "reshape"}


@QUICK
@given(problems())
def test_second_derivatives_are_those_of_a_bilinear_form(p: Drawn):
    """D²⟨K ∗ x, y⟩[a, b] = ⟨b_K ∗ a_x + a_K ∗ b_x, y⟩."""
    rng = np.random.default_rng(1)
    a, b = ({"x": rng.normal(size=p.x.shape), "kernel": rng.normal(size=p.kernel.shape)} for _ in range(2))
    slope = vjp(graph_of(p), ["x", "kernel"])
    seeds = {f"tangent.{name}": value for name, value in a.items()}
    moved = jvp(slope, ["x", "kernel"]).evaluate({"x": p.x, "kernel": p.kernel, "cotangent.y": p.y, **seeds})
    found = sum(np.sum(moved[name] * b[name]) for name in b)
    mixed = convolve(a["x"], b["kernel"], p.boundary) + convolve(b["x"], a["kernel"], p.boundary)
    np.testing.assert_allclose(found, np.sum(mixed * p.y), rtol=1e-10, atol=1e-10)


@QUICK
@given(problems())
def test_periodic_convolutions_commute_with_shifts(p: Drawn):
    periodic = ("periodic",) * len(p.size)
    np.testing.assert_allclose(
        convolve(np.roll(p.x, 2, -1), p.kernel, periodic), np.roll(convolve(p.x, p.kernel, periodic), 2, -1), atol=1e-12
    )


@pytest.mark.parametrize("boundary", ["periodic", "zero"])
def test_dependencies_are_the_kernels_reach(boundary: str):
    n = 7
    x, kernel = variable("x", (1, n)), variable("kernel", (2, 1, 3))
    rows, columns = sparsity(Graph((x, kernel), {"y": convolve(x, kernel, boundary)}), "x")
    expected = {(o * n + i, (i + j) % n) for o, i, j in itertools.product(range(2), range(n), (-1, 0, 1))}
    if boundary == "zero":
        expected = {(r, c) for r, c in expected if abs(r % n - c) < 2}
    assert set(zip(rows.tolist(), columns.tolist(), strict=True)) == expected


def test_zeros_of_a_constant_kernel_let_nothing_through():
    x = variable("x", (2, 9))
    kernel = np.zeros((1, 2, 5))
    kernel[0, 0, [0, 4]] = 1.0
    rows, columns = sparsity(Graph((x,), {"y": convolve(x, kernel)}), "x")
    assert {(int(c) - int(r)) % 9 for r, c in zip(rows, columns, strict=True)} == {2, 7}
    assert columns.max() < 9  # nothing of the second channel


def test_a_weight_acts_on_its_own_output_channel():
    x, kernel = variable("x", (2, 6)), variable("kernel", (3, 2, 3))
    rows, columns = sparsity(Graph((x, kernel), {"y": convolve(x, kernel)}), "kernel")
    assert len(rows) == 3 * 6 * 6
    np.testing.assert_array_equal(rows // 6, columns // 6)


def test_convolutions_print_with_a_star():
    x, kernel = variable("x", (1, 6)), variable("k", (1, 1, 3))
    assert text(2 * convolve(x, kernel)) == "2·convolve(x, k)"
    assert latex(convolve(x + 1, kernel)) == r"k \ast \left(x + 1\right)"
    assert text(apply("convolution_kernel", x, x, size=(3,), boundary="zero")) == "convolution_kernel(x, x)"


def test_arrays_are_computed_and_expressions_recorded():
    x, kernel = np.ones((1, 4)), np.ones((1, 1, 3))
    assert isinstance(convolve(x, kernel), np.ndarray)
    assert isinstance(convolve(variable("x", (1, 4)), kernel), Expression)
    assert isinstance(convolve(x, variable("k", (1, 1, 3))), Expression)


@pytest.mark.parametrize(
    ("shape", "boundary", "message"),
    [
        ((1, 2, 4), "zero", "needs a kernel of odd length along each axis, not (4,)"),
        ((1, 2, 7), "zero", "The kernel spans (7,) points, the grid has (6,). Use a shorter kernel or a finer grid"),
        ((1, 3, 3), "zero", "takes 3 channels, the array (2, 6) has 2"),
        ((2, 3), "zero", "needs a kernel (channels out, channels in, size)"),
        ((1, 2, 3, 3), "zero", "over 2 axes needs an array (…, channels, space)"),
        ((1, 2, 3), "zeros", "Did you mean `zero`"),
        ((1, 2, 3), ("zero", "zero"), "in 1-D needs a boundary rule an axis"),
    ],
)
def test_what_does_not_fit_says_what_is_needed(shape, boundary, message):
    with pytest.raises(TraceError) as caught:
        convolve(variable("x", (2, 6)), variable("k", shape), boundary)
    whole = re.sub(r" at test_convolution\.py:\d+: `[^`]*`", "", str(caught.value))
    assert message in whole
    assert "test_convolution.py" in str(caught.value)
