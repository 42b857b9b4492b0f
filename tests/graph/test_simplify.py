"""Simplification: expressions are shared, constants fold, dead code is dropped, and no value changes."""

from __future__ import annotations

import numpy as np
import pytest

from unideq.graph import Graph, apply, constant, partition, rebuild, substitute, topological, variable, vjp

x, y = variable("x", (3,)), variable("y", (3,))
s = variable("s")
X = np.array([0.3, -1.2, 2.5])


def test_common_subexpressions_exist_once():
    a = np.exp(x * y) + 1
    b = np.exp(x * y) + 1
    assert a is b
    graph = Graph((x, y), {"a": a, "b": b * 2})
    assert graph.operation_count == 4


def test_constants_fold():
    assert np.exp(constant(1.0)).value == np.exp(1.0)
    assert (constant([1.0, 2.0]) @ constant([3.0, 4.0])).value == 11.0
    assert apply("less", 1.0, 2.0).value
    assert (2.0 * (3.0 * x)) is 6.0 * x


def test_dead_code_is_dropped():
    unused = np.exp(x)
    graph = Graph((x, y), {"z": y * 2})
    assert unused not in set(graph.nodes)
    assert graph.operation_count == 1
    assert Graph((x,), {"z": x[0]}).operation_count == 2


@pytest.mark.parametrize(
    ("expression", "same"),
    [
        (x + 0.0, x),
        (0.0 + x, x),
        (x - 0.0, x),
        (1.0 * x, x),
        (x / 1.0, x),
        (x**1, x),
        (np.negative(-x), x),
        (x - (-y), x + y),
        (x + (-y), x - y),
        (-(x - y), y - x),
        ((-x) * (-y), x * y),
        ((-x) * y, -(x * y)),
        ((-1.0) * x, -x),
        (-(2.0 * x), -2.0 * x),
        (x * 3.0, 3.0 * x),
        (x + x, 2.0 * x),
        (x / 4.0, 0.25 * x),
        (x**-1, 1.0 / x),
        (x**0.5, np.sqrt(x)),
        (np.where(np.ones(3, bool), x, y), x),
        (np.where(s > 0, x, x), x),
        (np.reshape(np.reshape(x, (3, 1)), (3,)), x),
        (x.T, x),
        (np.transpose(np.transpose(variable("m", (2, 3)))), variable("m", (2, 3))),
        (np.roll(np.roll(x, 1), -1), x),
        (np.roll(x, 4), np.roll(x, 1)),
        (np.roll(x, 2), np.roll(x, -1)),
        (x[:], x),
        (x[1:][1:], x[2:]),
        (x[::2][1:], x[2:]),
        (x[0:1:2], x[0:1]),
        (x[[0, 2]], x[::2]),
        (x[[0, 1, 2]], x),
        (np.concatenate([x[:1], x[1:]]), x),
        (np.concatenate([x, y])[3:], y),
        (np.stack([x[0], s, x[2]])[1], s),
        (apply("slice", apply("pad", x, window=((1, 4, 1),), shape=(5,)), window=((1, 4, 1),)), x),
        (np.sum(np.reshape(x, (3, 1)), axis=1), x),
        (np.broadcast_to(x, (3,)), x),
        (np.broadcast_to(x[None, :], (2, 3)), np.broadcast_to(x, (2, 3))),
        (np.broadcast_to(np.broadcast_to(s, (3,)), (2, 3)), np.broadcast_to(s, (2, 3))),
    ],
)
def test_simple_forms(expression, same):
    assert expression is same


@pytest.mark.parametrize("zero", [0.0 * x, x - x, np.zeros(3) / (1 + x**2), x * np.zeros(3)])
def test_zeros_are_constant(zero):
    assert zero.is_constant
    np.testing.assert_array_equal(zero.value, np.zeros(3))


def test_simplified_shapes_are_the_broadcast_ones():
    m = np.zeros((2, 3))
    assert (x + m).shape == (2, 3)
    assert (s * np.ones((2, 3))).shape == (2, 3)
    assert (s**0).shape == ()
    assert (s * m).shape == (2, 3)
    assert (x ** np.ones((2, 1))).shape == (2, 3)
    assert np.where(np.ones((2, 3), bool), s, x).shape == (2, 3)


def test_division_by_other_numbers_than_powers_of_two_is_not_rewritten():
    for divisor in (3.0, 10.0, 7.0):
        graph = Graph((x,), {"z": x / divisor})
        np.testing.assert_array_equal(graph.evaluate({"x": X})["z"], X / divisor)


def test_nan_and_infinite_constants_survive():
    graph = Graph((x,), {"a": x + np.nan, "b": x * np.inf, "c": np.minimum(x, np.inf)})
    found = graph.evaluate({"x": X})
    assert np.isnan(found["a"]).all()
    np.testing.assert_array_equal(found["b"], X * np.inf)
    np.testing.assert_array_equal(found["c"], X)


def test_learned_terms_are_never_folded():
    marked = apply("learned", constant([1.0, 2.0]), constant(0.5), network="closure")
    assert marked.operation == "learned"
    assert Graph((), {"y": marked}).evaluate({})["y"].tolist() == [1.0, 2.0]


def test_derivatives_do_not_compute_what_they_do_not_need():
    graph = vjp(Graph((x,), {"z": np.sum(x**3)}), "x")
    assert {node.operation for node in graph.nodes} <= {"input", "constant", "power", "multiply", "broadcast_to"}


def test_rebuild_replaces_and_simplifies_again():
    z = np.sin(x) * y + x
    (found,) = rebuild([z], {y: constant(np.zeros(3))})
    assert found is x
    (found,) = rebuild([z], {np.sin(x): y})
    assert found is y * y + x


def test_substitute_keeps_what_it_does_not_touch():
    graph = Graph((x, y), {"z": np.exp(x) + y, "w": np.exp(x)})
    found = substitute(graph, {y: 2.0 * x}, (x,))
    assert found.outputs["w"] is graph.outputs["w"]
    np.testing.assert_allclose(found.evaluate({"x": X})["z"], np.exp(X) + 2 * X)


def test_partition_computes_conditions_of_the_parameters_once():
    theta, u = variable("theta", (2,)), variable("u", (3,))
    graph = Graph((u, theta), {"du": np.where(theta[0] > 0, u, -u) * np.exp(theta[1])})
    prologue, body = partition(graph, "theta")
    assert prologue.input_names == ("theta",)
    assert all(node.dtype == "float64" for node in prologue.outputs.values())
    assert not any(node.operation == "exp" for node in body.nodes)
    for theta_value in (np.array([1.0, 0.5]), np.array([-1.0, 0.5])):
        once = prologue.evaluate({"theta": theta_value})
        expected = graph.evaluate({"u": X, "theta": theta_value})["du"]
        np.testing.assert_array_equal(body.evaluate({"u": X, **once})["du"], expected)


def test_partition_of_a_graph_that_needs_only_the_named_inputs():
    theta, u = variable("theta", (2,)), variable("u", (3,))
    graph = Graph((u, theta), {"a": np.exp(theta), "b": theta, "c": u})
    prologue, body = partition(graph, "theta")
    assert body.operation_count == 0
    once = prologue.evaluate({"theta": np.array([0.0, 1.0])})
    np.testing.assert_array_equal(body.evaluate({"u": X, **once})["a"], np.exp([0.0, 1.0]))


def test_topological_order_puts_inputs_first():
    z = np.exp(x) * np.sin(x) + y
    position = {node: i for i, node in enumerate(topological([z]))}
    assert all(position[i] < position[node] for node in position for i in node.inputs)


def test_mirroring_twice_is_nothing_and_its_adjoint_is_mirroring():
    v = variable("v", (5,))
    assert v[::-1][::-1] is v
    assert v[[3, 0, 4]][[2, 0]] is v[[4, 3]]
    assert apply("scatter_add", v, indices=np.arange(5)[::-1], axis=0, size=5) is v[::-1]
    order = np.array([2, 0, 1, 4, 3])
    assert apply("scatter_add", v[order], indices=order, axis=0, size=5) is v
