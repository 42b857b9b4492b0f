"""Sparse Jacobians: right values, the pattern that the mathematics has, few colours, quick on large grids."""

from __future__ import annotations

from time import process_time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unideq.errors import OptionError
from unideq.graph import Graph, apply, colour, jacobian, jvp, sparsity, variable

from .strategies import QUICK


def dense_by_forward_mode(graph: Graph, wrt: str, output: str, values: dict[str, np.ndarray]) -> np.ndarray:
    shape = graph.input(wrt).shape
    size = int(np.prod(shape))
    moved = jvp(graph, wrt)
    basis = np.eye(size).reshape(size, *shape)
    return np.stack([moved.evaluate({**values, f"tangent.{wrt}": e})[output].reshape(-1) for e in basis], axis=1)


def heat(n: int, scheme: str) -> Graph:
    """du/dt = θ·uₓₓ + u(1 − u) by the method of lines, periodic unless the scheme says otherwise."""
    u, theta = variable("u", (n,)), variable("theta", (1,))
    if scheme == "roll":
        curvature = np.roll(u, 1) - 2 * u + np.roll(u, -1)
    elif scheme == "stencil":
        settings = {"coefficients": (1.0, -2.0, 1.0), "offsets": (-1, 0, 1), "axis": 0, "boundary": "periodic"}
        curvature = apply("stencil", u, **settings)
    elif scheme == "slices":
        padded = np.concatenate([u[-1:], u, u[:1]])
        curvature = padded[2:] - 2 * padded[1:-1] + padded[:-2]
    elif scheme == "matrix":
        matrix = np.roll(np.eye(n), 1, 0) + np.roll(np.eye(n), -1, 0) - 2 * np.eye(n)
        curvature = matrix @ u
    else:
        curvature = np.stack([u[i - 1] - 2 * u[i] + u[(i + 1) % n] for i in range(n)])
    return Graph((u, theta), {"du": theta[0] * curvature + u * (1 - u)})


SCHEMES = ["roll", "stencil", "slices", "matrix", "elements"]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_periodic_three_point_schemes_are_tridiagonal_with_corners_and_take_three_colours(scheme: str):
    n = 12
    graph = heat(n, scheme)
    found = jacobian(graph, "u")
    expected = np.eye(n, dtype=bool) | np.roll(np.eye(n, dtype=bool), 1, 0) | np.roll(np.eye(n, dtype=bool), -1, 0)
    np.testing.assert_array_equal(np.stack([found.rows, found.columns]), np.stack(np.nonzero(expected)))
    assert found.n_colours == 3
    assert found.shape == (n, n)
    assert found.graph.input_names == graph.input_names
    values = {"u": np.random.default_rng(0).normal(size=n), "theta": np.array([0.3])}
    dense = found.dense(found.graph.evaluate(values)["values"])
    exact = 0.3 * (expected.astype(float) - 3 * np.eye(n)) + np.diag(1 - 2 * values["u"])
    np.testing.assert_allclose(dense, exact, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("n", [9, 10, 11])
def test_colours_of_the_periodic_tridiagonal_matrix(n: int):
    rows, columns = sparsity(heat(n, "roll"), "u")
    assert colour(rows, columns, (n, n)).max() + 1 == (3 if n % 3 == 0 else 4)


@pytest.mark.parametrize(("scheme", "seconds"), [*((s, 1.0) for s in SCHEMES[:4]), ("elements", 3.0)])
def test_jacobian_of_a_thousand_points_is_quick(scheme: str, seconds: float):
    graph = heat(1024, scheme)
    start = process_time()
    found = jacobian(graph, "u")
    assert process_time() - start < seconds
    assert len(found.rows) == 3 * 1024
    assert found.n_colours == 4


def test_five_point_laplacian_in_two_dimensions():
    n = 8
    u = variable("u", (n, n))
    sides = [np.roll(u, s, axis) for axis in (0, 1) for s in (1, -1)]
    graph = Graph((u,), {"du": sum(sides) - 4 * u + u**3})
    found = jacobian(graph, "u")
    assert len(found.rows) == 5 * n * n
    assert found.n_colours <= 8
    values = {"u": np.random.default_rng(1).normal(size=(n, n))}
    dense = found.dense(found.graph.evaluate(values)["values"])
    np.testing.assert_allclose(dense, dense_by_forward_mode(graph, "u", "du", values), rtol=1e-13, atol=1e-13)


def test_a_network_of_a_grid_point_keeps_the_diagonal():
    """A shared network applied at every point: block-diagonal, whatever lies inside of it."""
    u, w = variable("u", (6,)), variable("w", (5, 1))
    hidden = np.tanh(w @ np.reshape(u, (1, 6)))
    graph = Graph((u, w), {"du": np.sum(hidden, axis=0)})
    found = jacobian(graph, "u")
    np.testing.assert_array_equal(found.rows, np.arange(6))
    np.testing.assert_array_equal(found.columns, np.arange(6))
    assert found.n_colours == 1


def test_scalar_inputs_and_outputs():
    t, u = variable("t"), variable("u", (2,))
    graph = Graph((t, u), {"y": np.sin(t) * u[0], "du": t * u})
    by_t = jacobian(graph, "t", "y")
    assert by_t.shape == (1, 1)
    np.testing.assert_allclose(by_t.graph.evaluate({"t": 0.3, "u": np.array([2.0, 1.0])})["values"], [2 * np.cos(0.3)])
    column = jacobian(graph, "t", "du")
    assert column.shape == (2, 1)
    values = column.graph.evaluate({"t": 0.3, "u": np.array([2.0, 1.0])})["values"]
    np.testing.assert_allclose(column.dense(values), [[2.0], [1.0]])


def test_a_scalar_loss_is_differentiated_in_reverse():
    u = variable("u", (300,))
    graph = Graph((u,), {"loss": np.sum(np.sin(u) ** 2)})
    found = jacobian(graph, "u")
    assert found.shape == (1, 300)
    assert found.n_colours == 300
    assert found.graph.operation_count < 20
    point = np.random.default_rng(2).normal(size=300)
    np.testing.assert_allclose(found.graph.evaluate({"u": point})["values"], np.sin(2 * point), rtol=1e-12)


def test_outputs_that_do_not_depend_have_an_empty_jacobian():
    u, w = variable("u", (3,)), variable("w", (3,))
    graph = Graph((u, w), {"y": np.sin(w), "z": apply("stop_gradient", u) * np.sign(u)})
    for output in ("y", "z"):
        found = jacobian(graph, "u", output)
        assert found.rows.shape == (0,)
        assert found.n_colours == 0
        values = found.graph.evaluate({"u": np.ones(3), "w": np.ones(3)})["values"]
        assert values.shape == (0,)
        np.testing.assert_array_equal(found.dense(values), np.zeros((3, 3)))


def test_dense_takes_leading_batch_axes():
    found = jacobian(heat(6, "roll"), "u")
    values = np.random.default_rng(3).normal(size=(2, 4, len(found.rows)))
    assert found.dense(values).shape == (2, 4, 6, 6)
    np.testing.assert_array_equal(found.dense(values)[1, 2], found.dense(values[1, 2]))


def test_constant_masks_cut_dependencies():
    u = variable("u", (4,))
    mask = np.array([1.0, 0.0, 1.0, 0.0])
    graph = Graph((u,), {"a": mask * u, "b": np.where(mask > 0, u, u[0]), "c": np.where(mask > 0, 0.0, u)})
    np.testing.assert_array_equal(sparsity(graph, "u", "a")[1], [0, 2])
    np.testing.assert_array_equal(sparsity(graph, "u", "b")[1], [0, 0, 2, 0])
    np.testing.assert_array_equal(sparsity(graph, "u", "c")[1], [1, 3])


def test_sparsity_of_more_elements_than_a_machine_word_has_bits():
    n = 200
    u = variable("u", (n,))
    rows, columns = sparsity(Graph((u,), {"y": np.sum(u) + np.cumsum(u)[n // 2 :], "z": np.max(u) * u[0]}), "u", "z")
    np.testing.assert_array_equal(rows, np.zeros(n))
    np.testing.assert_array_equal(columns, np.arange(n))


def test_ambiguous_or_unknown_output_is_refused():
    u = variable("u", (2,))
    graph = Graph((u,), {"a": u, "b": 2 * u})
    with pytest.raises(OptionError, match="`a`, `b`"):
        jacobian(graph, "u")
    with pytest.raises(OptionError, match="Did you mean `u`"):
        jacobian(graph, "U", "a")


@QUICK
@given(st.integers(1, 30), st.integers(1, 30), st.floats(0.02, 0.6), st.integers(0, 1000))
def test_columns_of_one_colour_share_no_row(n_rows: int, n_columns: int, density: float, seed: int):
    pattern = np.random.default_rng(seed).uniform(size=(n_rows, n_columns)) < density
    rows, columns = np.nonzero(pattern)
    colours = colour(rows, columns, pattern.shape)
    assert colours.shape == (n_columns,)
    for c in range(colours.max(initial=0) + 1):
        assert pattern[:, colours == c].sum(axis=1).max(initial=0) <= 1
    fullest = int(pattern.sum(axis=1).max())
    assert colours.max(initial=0) + 1 >= fullest


@pytest.mark.parametrize("width", [1, 2, 5])
def test_banded_matrices_take_as_many_colours_as_their_band_is_wide(width: int):
    n = 40
    pattern = np.abs(np.subtract.outer(np.arange(n), np.arange(n))) <= width
    rows, columns = np.nonzero(pattern)
    assert colour(rows, columns, (n, n)).max() + 1 == 2 * width + 1
