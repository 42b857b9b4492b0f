"""Sums in brackets have the same value for less work; derivatives pass a network together."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given

import unideq as ude
from unideq.graph import Expression, Graph, apply, constant, factored, pushforward, variable

from .strategies import QUICK, graphs


def work(graph: Graph) -> int:
    """Multiplications, additions and function values."""
    return sum(
        node.size * (2 * node.inputs[0].shape[-1] if node.operation == "matmul" else 1)
        for node in graph.nodes
        if node.operation in ("add", "subtract", "multiply", "negative", "matmul", "tanh", "sin", "cos")
    )


def count(graph: Graph, operation: str) -> int:
    return sum(node.operation == operation for node in graph.nodes)


@QUICK
@given(graphs())
def test_factored_graphs_have_the_values_that_they_had(drawn: Any):
    graph, values = drawn
    made = factored(graph)
    assert made.input_names == graph.input_names
    before = graph.evaluate(values)
    for name, value in made.evaluate(values).items():
        assert value.shape == before[name].shape
        np.testing.assert_allclose(value, before[name], rtol=1e-9, atol=1e-10)


def vectors(n: int = 3) -> list[Any]:
    return [variable(name, (n,)) for name in "abcde"]


def test_what_two_products_share_is_taken_out():
    a, b, c, d, e = vectors()
    made = factored(Graph([a, b, c, d, e], {"y": a * b - d + (c * a + a) * 2.0 + e * (b * a)}))
    assert count(made, "multiply") <= 4  # a (b + 2 (c + 1) + e b) − d
    values = {name: np.random.default_rng(i).normal(size=3) for i, name in enumerate("abcde")}
    v = values
    expected = v["a"] * v["b"] - v["d"] + 2 * (v["c"] * v["a"] + v["a"]) + v["e"] * v["b"] * v["a"]
    np.testing.assert_allclose(made.evaluate(values)["y"], expected, rtol=1e-14)


def test_what_something_else_reads_stays_as_it_is():
    w, x, y = variable("w", (4, 4)), variable("x", (4,)), variable("y", (4,))
    one: Any = np.matmul(w, x)  # type: ignore[call-overload]
    two: Any = np.matmul(w, y)  # type: ignore[call-overload]
    graph = Graph([w, x, y], {"sum": one + two, "one": one, "two": two})
    assert count(factored(graph), "matmul") == 2


def test_factors_of_other_shapes_broadcast_as_before():
    a, s, t = variable("a", (3,)), variable("s"), variable("t")
    graph = Graph([a, s, t], {"y": s * a + s * t + (a + s) * t})
    values = {"a": np.array([1.0, -2.0, 0.5]), "s": np.array(0.7), "t": np.array(-1.3)}
    found = factored(graph).evaluate(values)["y"]
    np.testing.assert_allclose(found, graph.evaluate(values)["y"], rtol=1e-14)
    empty = Graph([s, t], {"y": s * t - t * s})
    assert factored(empty).evaluate({"s": 2.0, "t": 3.0})["y"] == 0.0


def d(value: Expression, *wrt: Expression) -> Any:
    for w in wrt:
        (value,) = pushforward([value], {w: constant(1.0)})
    return value


def network_of(x: Expression, y: Expression, network: Any) -> tuple[Any, list[Any], dict[str, np.ndarray]]:
    weights = {name: variable(name, shape) for name, shape in network.weight_shapes().items()}
    u: Any = network.expand(weights, np.stack([x, y]))[0]  # type: ignore[call-overload]
    return u, list(weights.values()), network.draw(np.random.default_rng(0))


NETWORKS = {
    "mlp": ude.nn.MLP(2, 1, hidden=(6, 6, 6)),
    "sine": ude.nn.MLP(2, 1, hidden=(6, 6, 6), activation="sin"),
    "modified": ude.nn.ModifiedMLP(2, 1, hidden=(6, 6, 6)),
}


@pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS)
@pytest.mark.parametrize(
    ("equation", "streams"),
    [
        (lambda u, x, y: d(u, x, x) + d(u, y, y) + u, 4),  # u, its two slopes, the Laplacian; not 5
        (lambda u, x, y: d(u, y) - 0.1 * d(u, x, x) + u**3, 3),  # u, ∂u/∂x, and both derivatives as one; not 4
    ],
    ids=["helmholtz", "allen_cahn"],
)
def test_derivatives_that_are_added_pass_the_layers_as_one(network: Any, equation: Any, streams: int):
    x, y = variable("x"), variable("y")
    u, weights, values = network_of(x, y, network)
    graph = Graph([x, y, *weights], {"r": equation(u, x, y)})
    made = factored(graph)
    at = {**values, "x": np.array(0.3), "y": np.array(-0.8)}
    np.testing.assert_allclose(made.evaluate(at)["r"], graph.evaluate(at)["r"], rtol=1e-12)
    hidden = [n for n in made.nodes if n.operation == "matmul" and n.inputs[0].shape == (6, 6)]
    assert len(hidden) == 2 * streams
    assert work(made) < work(graph)


def test_a_graph_deeper_than_pythons_stack_is_factored_too():
    x: Any = variable("x")
    value = x
    for k in range(3000):
        value = apply("sin", value + value * (0.5 + 1e-4 * k))
    made = factored(Graph([x], {"y": value}))
    assert np.isfinite(made.evaluate({"x": np.array(0.2)})["y"])
