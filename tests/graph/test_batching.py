"""A graph over a batch means that of every point; cotangents of what points share are sums over the batch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given

import unideq as ude
from unideq.engine import get_engine
from unideq.errors import OptionError
from unideq.graph import OPERATIONS, Graph, apply, batched, constant, jvp, pushforward, variable, vjp

from .strategies import QUICK, examples, graphs
from .test_operations import CASES, Case

COUNT = 3


def varied(values: dict[str, np.ndarray], mapped: list[str], count: int = COUNT) -> dict[str, np.ndarray]:
    """The inputs in `mapped` varied a little over the batch."""
    return {n: np.stack([v * (1 + 0.01 * i) for i in range(count)]) if n in mapped else v for n, v in values.items()}


def agree(graph: Graph, values: dict[str, np.ndarray], mapped: list[str], count: int = COUNT) -> None:
    some = varied(values, mapped, count)
    found = batched(graph, mapped, count).evaluate(some)
    for i in range(count):
        one = graph.evaluate({n: some[n][i] if n in mapped else v for n, v in some.items()})
        for name, value in one.items():
            assert found[name].shape == (count, *value.shape)
            assert found[name].dtype == value.dtype
            np.testing.assert_allclose(found[name][i], value, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_an_operation_over_a_batch_is_that_of_each_point(case: Case):
    names = list(case.values)
    for mapped in {tuple(names), tuple(names[:1]), tuple(names[1:])}:
        agree(case.graph(), dict(case.values), list(mapped))


def test_operations_without_a_rule_over_a_batch_are_few():
    """Kernels have no batch's axis; second derivatives of Lux networks and Equinox modules don't exist."""
    opaque = {"network_vjp", "network_jvp", "module_vjp", "module_jvp"}
    assert {n for n, o in OPERATIONS.items() if o.batch is None} == {"convolution_kernel", *opaque}


@pytest.mark.parametrize("case", [c for c in CASES if OPERATIONS[c.operation].batch], ids=str)
def test_a_rule_over_a_batch_makes_one_graph_for_any_number_of_points(case: Case):
    """Where a rule can't say it, there is a copy for each point."""
    graph, mapped = case.graph(), list(case.values)
    if case.operation == "convolution":  # one kernel for all points
        mapped = mapped[:1]
    few, many = batched(graph, mapped, 2), batched(graph, mapped, 9)
    assert [n.operation for n in few.nodes] == [n.operation for n in many.nodes]


@QUICK
@given(graphs())
def test_random_graphs_over_a_batch_are_those_of_each_point(drawn: Any):
    graph, values = drawn
    agree(graph, values, list(values)[:1])
    agree(graph, values, list(values), count=1)


@examples(20)
@given(graphs(max_operations=8))
def test_derivatives_over_a_batch_are_those_of_each_point(drawn: Any):
    graph, values = drawn
    rng = np.random.default_rng(0)
    moved = jvp(graph, list(values)[:1])
    pulled = vjp(graph, list(values)[:1])
    for derived in (moved, pulled):
        more = {i.name: values[i.name] if i.name in values else rng.normal(size=i.shape) for i in derived.inputs}
        agree(derived, more, [name for name in more if name != list(values)[-1]])


@examples(10)
@given(graphs(max_operations=6))
def test_engines_map_the_same_graphs_to_the_same_numbers(drawn: Any):
    graph, values = drawn
    graph = Graph(graph.inputs, {n: o for n, o in graph.outputs.items() if not o.is_constant})
    mapped = [n for n in values if any(node is graph.input(n) for node in graph.nodes)][:1]
    if not mapped:
        return
    some = varied(values, mapped)
    found = batched(graph, mapped, COUNT).evaluate(some)
    for name, value in get_engine("jax").evaluate(graph, some, mapped).items():
        np.testing.assert_allclose(found[name], value, rtol=1e-11, atol=1e-11)


def layers(count: int) -> tuple[Graph, dict[str, np.ndarray]]:
    """u_xx of a network with weights θ, at one point."""
    network = ude.nn.MLP(1, 1, hidden=(4, 3))
    rng = np.random.default_rng(1)
    x, theta = variable("x"), variable("theta", (network.size,))
    weights, at = {}, 0
    for name, shape in network.weight_shapes().items():
        size = int(np.prod(shape))
        weights[name] = theta[at : at + size].reshape(shape)
        at += size
    u: Any = network.expand(weights, np.stack([x]))[0]  # type: ignore[call-overload]
    for _ in range(2):
        (u,) = pushforward([u], {x: constant(1.0)})
    return Graph([x, theta], {"r": u}), {"x": rng.normal(size=count), "theta": rng.normal(size=network.size)}


def test_the_gradient_of_a_batch_is_the_sum_of_the_points_gradients():
    graph, values = layers(5)
    cotangent = np.random.default_rng(2).normal(size=5)
    one, many = vjp(graph, "theta"), vjp(batched(graph, ["x"], 5), "theta")
    points = [
        one.evaluate({"x": values["x"][m], "theta": values["theta"], "cotangent.r": cotangent[m]})["theta"]
        for m in range(5)
    ]
    whole = many.evaluate({**values, "cotangent.r": cotangent})["theta"]
    np.testing.assert_allclose(whole, np.sum(points, axis=0), rtol=1e-12, atol=1e-13)


def test_layers_over_a_batch_are_products_of_matrices_with_shared_weights():
    graph, _ = layers(1)
    for made in (batched(graph, ["x"], 64), vjp(batched(graph, ["x"], 64), "theta")):
        products = [node for node in made.nodes if node.operation == "matmul"]
        assert products
        assert all(i.ndim == 2 for node in products for i in node.inputs)  # never a matrix for each point
    # Of the weights nothing exists once a point: the largest array of all is a layer's value at all points.
    assert max(node.size for node in vjp(batched(graph, ["x"], 64), "theta").nodes) <= 64 * 4


def test_what_is_shared_is_computed_once_and_handed_to_every_point():
    x, w = variable("x"), variable("w", (2,))
    made = batched(Graph([x, w], {"both": x * apply("exp", w), "shared": apply("exp", w)}), ["x"], 4)
    assert [node.shape for node in made.nodes if node.operation == "exp"] == [(2,)]
    found = made.evaluate({"x": np.arange(4.0), "w": np.array([0.0, 1.0])})
    np.testing.assert_allclose(found["shared"], np.tile([1.0, np.e], (4, 1)))


def test_kernels_that_differ_from_point_to_point_are_applied_one_by_one():
    x, kernel = variable("x", (2, 5)), variable("kernel", (3, 2, 3))
    graph = Graph([x, kernel], {"y": apply("convolution", x, kernel, boundary=("periodic",))})
    rng = np.random.default_rng(0)
    agree(graph, {"x": rng.normal(size=(2, 5)), "kernel": rng.normal(size=(3, 2, 3))}, ["kernel"])


def test_bad_batches_are_named():
    graph = Graph([variable("x")], {"y": apply("sin", variable("x"))})
    with pytest.raises(OptionError, match="whole number of points >= 1, not 0"):
        batched(graph, ["x"], 0)
    with pytest.raises(OptionError, match=r"Unknown graph input `X`"):
        batched(graph, ["X"], 2)
