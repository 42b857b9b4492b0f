"""What holds for every graph: derivatives agree, JSON and rewriting keep values."""

from __future__ import annotations

import json

import numpy as np
from hypothesis import given

from unideq.graph import Graph, constant, from_json, jacobian, jvp, partition, substitute, to_json, vjp

from .strategies import FAMILIES, QUICK, graphs

SMOOTH = tuple(name for name in FAMILIES if name != "stop_gradient")


def directions(graph: Graph, seed: int = 0) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """A random tangent of each input and cotangent of each output."""
    rng = np.random.default_rng(seed)
    tangents = {i.name: rng.normal(size=i.shape) for i in graph.inputs}
    cotangents = {name: rng.normal(size=node.shape) for name, node in graph.outputs.items()}
    return tangents, cotangents


def paired(graph: Graph, values: dict[str, np.ndarray]) -> tuple[float, float]:
    """cᵀ(J v) from forward mode and (cᵀJ) v from reverse mode."""
    tangents, cotangents = directions(graph)
    moved = jvp(graph, graph.input_names).evaluate({**values, **{f"tangent.{k}": v for k, v in tangents.items()}})
    pulled = vjp(graph, graph.input_names).evaluate({**values, **{f"cotangent.{k}": c for k, c in cotangents.items()}})
    forward = sum(float(np.sum(cotangents[name] * moved[name])) for name in graph.outputs)
    reverse = sum(float(np.sum(tangents[name] * pulled[name])) for name in graph.input_names)
    return forward, reverse


@QUICK
@given(graphs())
def test_reverse_mode_is_forward_mode_transposed(drawn):
    graph, values = drawn
    forward, reverse = paired(graph, values)
    np.testing.assert_allclose(reverse, forward, rtol=1e-11, atol=1e-11)


@QUICK
@given(graphs(families=SMOOTH))
def test_forward_mode_agrees_with_finite_differences(drawn):
    graph, values = drawn
    tangents, cotangents = directions(graph, seed=1)
    forward = jvp(graph, graph.input_names).evaluate({**values, **{f"tangent.{k}": v for k, v in tangents.items()}})

    def at(step: float) -> float:
        outputs = graph.evaluate({k: v + step * tangents[k] for k, v in values.items()})
        return sum(float(np.sum(cotangents[name] * outputs[name])) for name in graph.outputs)

    h = 1e-5
    # Fourth order: the error is the rounding of the values alone.
    numeric = (8 * (at(h) - at(-h)) - (at(2 * h) - at(-2 * h))) / (12 * h)
    exact = sum(float(np.sum(cotangents[name] * forward[name])) for name in graph.outputs)
    np.testing.assert_allclose(exact, numeric, rtol=1e-6, atol=1e-6)


@QUICK
@given(graphs(max_operations=6))
def test_second_derivatives_are_symmetric(drawn):
    """aᵀ H b = bᵀ H a for the Hessian H of a scalar made of the outputs, by forward mode twice."""
    graph, values = drawn
    (a, _), (b, cotangents) = directions(graph, seed=2), directions(graph, seed=3)
    first = jvp(graph, graph.input_names)
    second = jvp(first, graph.input_names)

    def form(inner: dict[str, np.ndarray], outer: dict[str, np.ndarray]) -> float:
        seeds = {f"tangent.{k}": v for k, v in inner.items()} | {f"tangent.{k}.2": v for k, v in outer.items()}
        moved = second.evaluate({**values, **seeds})
        return sum(float(np.sum(cotangents[name] * moved[name])) for name in graph.outputs)

    np.testing.assert_allclose(form(a, b), form(b, a), rtol=1e-9, atol=1e-9)


@QUICK
@given(graphs(max_operations=6))
def test_sparse_jacobian_is_the_dense_one(drawn):
    graph, values = drawn
    for name in graph.input_names:
        source, forward = graph.input(name), jvp(graph, name)
        basis = np.eye(source.size).reshape(-1, *source.shape)
        columns = [forward.evaluate({**values, f"tangent.{name}": direction}) for direction in basis]
        for output in ("y0", list(graph.outputs)[-1]):
            found = jacobian(graph, name, output)
            dense = found.dense(found.graph.evaluate(values)["values"])
            expected = np.stack([column[output].reshape(-1) for column in columns], axis=-1)
            np.testing.assert_allclose(dense, expected, rtol=1e-11, atol=1e-11)


@QUICK
@given(graphs())
def test_json_gives_the_same_expressions_back(drawn):
    graph, _ = drawn
    again = from_json(json.loads(json.dumps(to_json(graph), allow_nan=False)))
    assert again.inputs == graph.inputs
    assert all(again.outputs[name] is node for name, node in graph.outputs.items())


@QUICK
@given(graphs())
def test_prologue_and_body_compute_what_the_graph_computes(drawn):
    graph, values = drawn
    prologue, body = partition(graph, "x0")
    once = prologue.evaluate({"x0": values["x0"]})
    assert "x0" not in body.input_names
    found = body.evaluate({**values, **once})
    for name, expected in graph.evaluate(values).items():
        np.testing.assert_array_equal(found[name], expected)


@QUICK
@given(graphs())
def test_putting_numbers_in_folds_the_whole_graph(drawn):
    graph, values = drawn
    folded = substitute(graph, {i: constant(values[i.name]) for i in graph.inputs}, ())
    for name, expected in graph.evaluate(values).items():
        node = folded.outputs[name]
        value = node.value if node.is_constant else Graph((), {"y": node}).evaluate({})["y"]
        np.testing.assert_allclose(value, expected, rtol=1e-12, atol=1e-12)
