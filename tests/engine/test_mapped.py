"""A graph over a batch means the graph of every member, wherever the batch's axis travels inside."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
import pytest
from hypothesis import given

from unideq.engine.jax.lowering import lower
from unideq.engine.jax.mapped import lower_mapped
from unideq.errors import EngineUnsupported
from unideq.graph import OPERATIONS, Graph, apply, convolve, variable

from ..graph.strategies import examples, graphs
from ..graph.test_operations import CASES, Case

pytestmark = pytest.mark.usefixtures("double_precision")

BATCH = 3


def agree(graph: Graph, values: dict[str, np.ndarray], mapped: list[str]) -> None:
    """The inputs in `mapped` varied a little over the batch: outputs are those of one member after the other."""
    some = {name: np.stack([value * (1 + 0.01 * i) for i in range(BATCH)]) for name, value in values.items()}
    given = {name: some[name] if name in mapped else value for name, value in values.items()}
    found = jax.jit(lower_mapped(graph, mapped))(given)
    for i in range(BATCH):
        one = graph.evaluate({name: some[name][i] if name in mapped else value for name, value in values.items()})
        for name, value in one.items():
            assert found[name].dtype == value.dtype
            np.testing.assert_allclose(found[name][i], value, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_an_operation_over_a_batch_is_that_of_each_member(case: Case):
    names = list(case.values)
    for mapped in {tuple(names), tuple(names[:1])}:
        agree(case.graph(), dict(case.values), list(mapped))


@examples(10)
@given(graphs())
def test_random_graphs_over_a_batch_are_those_of_each_member(drawn: Any):
    graph, values = drawn
    agree(graph, values, list(values)[:1])


def padded_network(x: Any, bias: Any) -> Any:
    """Convolutions in 1-D and 2-D, biases, a skip by concatenation, a dense layer, a field that meets the channels."""
    rng = np.random.default_rng(0)
    first = convolve(np.stack([x, x * x]), rng.standard_normal((4, 2, 3)), "zero") + bias[:, None]
    hidden = np.tanh(convolve(first, rng.standard_normal((3, 4, 5)))) * x
    joined = np.concatenate([hidden, first], axis=0)
    dense = rng.standard_normal((2, 7)) @ np.roll(joined, 2, axis=1)[:, ::2]
    plane = convolve(dense.reshape(1, 2, -1), rng.standard_normal((2, 1, 1, 3)), ("periodic", "zero"))
    return np.where(plane > 0, plane, 0.1 * plane) + bias[0] + dense


def test_a_network_over_a_batch_is_that_of_each_member_with_its_derivatives():
    rng = np.random.default_rng(4)
    x, bias = variable("x", (8,)), variable("bias", (4,))
    graph = Graph([x, bias], {"y": padded_network(x, bias)})
    values = {"x": rng.standard_normal(8), "bias": rng.standard_normal(4)}
    for mapped in (["x"], ["bias"], ["x", "bias"]):
        agree(graph, values, mapped)
    many = rng.standard_normal((BATCH, 8))

    def total(run: Any) -> Any:
        return jax.jit(jax.grad(lambda b: (run({"x": many, "bias": b})["y"] ** 2).sum()))(values["bias"])

    expected = total(jax.vmap(lower(graph), in_axes=({"x": 0, "bias": None},)))
    np.testing.assert_allclose(total(lower_mapped(graph, ["x"])), expected, rtol=1e-12)


def test_what_doesnt_depend_on_the_batch_is_repeated():
    a, b = variable("a"), variable("b")
    found = lower_mapped(Graph([a, b], {"y": 2 * b, "z": a + b}), ["a"])({"a": np.arange(3.0), "b": 1.5})
    assert found["y"].tolist() == [3.0, 3.0, 3.0]
    assert found["z"].tolist() == [1.5, 2.5, 3.5]


def test_an_operation_without_lowering_is_refused_before_anything_runs(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(OPERATIONS, "tangens", OPERATIONS["tanh"])
    x = variable("x", (2,))
    with pytest.raises(EngineUnsupported, match="lacks the operation `tangens`"):
        lower_mapped(Graph([x], {"y": apply("tangens", x)}), ["x"])
