"""Lux networks as far as Python goes: specification, weights, graphs, files. No Julia is started here."""

from __future__ import annotations

import json

import numpy as np
import pytest

import unideq as ude
from unideq import stored
from unideq.engine.stiffness import resolve_auto
from unideq.errors import EngineUnsupported, FileFormatError, OptionError, TraceError
from unideq.graph import Graph, apply, from_json, jvp, sparsity, to_json, variable, vjp
from unideq.graph.operations import network as operations
from unideq.nn import Lux, Network

SOURCE = "Chain(Dense(2 => 3, tanh), Dense(3 => 1))"
STRUCTURE = (("layer_1.weight", (3, 2)), ("layer_1.bias", (3,)), ("layer_2.weight", (1, 3)), ("layer_2.bias", (1,)))
STORED = {
    "kind": "Lux",
    "source": SOURCE,
    "inputs": 2,
    "outputs": 1,
    "structure": [[name, list(shape)] for name, shape in STRUCTURE],
}


def stored_network() -> Lux:
    """A network as a file holds it: nobody asks Julia."""
    found = stored.from_json(Network, STORED)
    assert isinstance(found, Lux)
    return found


def called(batch: tuple[int, ...] = ()) -> Graph:
    """The network's graph: inputs x and the weights by name, output y."""
    network = stored_network()
    weights = {name: variable(name, shape) for name, shape in network.weight_shapes().items()}
    x = variable("x", (*batch, 2))
    return Graph([x, *weights.values()], {"y": network.expand(weights, x)})


def model() -> ude.ODE:
    def rhs(t, state, p, net):
        return {"x": -p.rate * state.x + net.term(state.x, state.y), "y": -state.y}

    return ude.ODE(rhs, states=["x", "y"], parameters={"rate": 2.0}, networks={"term": stored_network()})


def test_a_stored_network_knows_its_weights_and_writes_what_it_was_read_from():
    network = stored_network()
    assert network.weight_shapes() == dict(STRUCTURE)
    assert network.size == 13
    assert network.to_json() == STORED
    assert stored.from_json(Network, json.loads(json.dumps(network.to_json()))) == network
    assert repr(network) == f"Lux({SOURCE!r}, inputs=2, outputs=1)"


def test_the_weights_reach_the_network_in_the_order_of_julia():
    graph = called()
    (node,) = (n for n in graph.nodes if n.operation == "network")
    flat = Graph(graph.inputs, {"flat": node.inputs[1]})
    arrays = {name: np.random.default_rng(0).normal(size=shape) for name, shape in STRUCTURE}
    expected = np.concatenate([array.ravel(order="F") for array in arrays.values()])
    np.testing.assert_array_equal(flat.evaluate({"x": np.zeros(2), **arrays})["flat"], expected)


def test_a_model_names_the_weights_and_prints_the_network_as_one_term():
    made = model()
    assert [e.name for e in made.layout.of_kind("network")] == [f"term.{name}" for name, _ in STRUCTURE]
    assert made.layout["term.layer_1.weight"].shape == (3, 2)
    assert str(made.equations()).splitlines()[0] == "d x/dt = term(x, y) - rate·x"


def test_a_model_comes_back_from_its_file_without_julia(tmp_path):
    made = model()
    made.save(tmp_path / "model.json")
    again = ude.ODE.load(tmp_path / "model.json")
    assert again.networks == made.networks
    assert to_json(again.vector_field) == to_json(made.vector_field)


@pytest.mark.parametrize("batch", [(), (4,), (2, 3)])
def test_graphs_and_their_derivatives_have_the_shapes_of_what_they_stand_for(batch):
    graph = called(batch)
    assert graph.outputs["y"].shape == (*batch, 1)
    pulled = vjp(graph, ["x", "layer_1.weight", "layer_2.bias"])
    assert {name: e.shape for name, e in pulled.outputs.items()} == {
        "x": (*batch, 2),
        "layer_1.weight": (3, 2),
        "layer_2.bias": (1,),
    }
    assert sum(node.operation == "network_vjp" for node in pulled.nodes) == 1  # one pullback gives all
    for names, wrt in ((["x"], "x"), (["layer_1.bias"], "weights"), (["x", "layer_1.bias"], "both")):
        moved = jvp(graph, names)
        (node,) = (n for n in moved.nodes if n.operation == "network_jvp")
        assert node.attributes["wrt"] == wrt
        assert moved.outputs["y"].shape == (*batch, 1)
    for g in (graph, pulled, moved):
        assert to_json(from_json(to_json(g))) == to_json(g)


def test_samples_of_a_batch_are_independent_of_each_other():
    graph = called((3,))
    rows, columns = sparsity(graph, "x", "y")
    np.testing.assert_array_equal(rows, [0, 0, 1, 1, 2, 2])
    np.testing.assert_array_equal(columns, np.arange(6))
    rows, _ = sparsity(graph, "layer_2.weight", "y")
    np.testing.assert_array_equal(np.unique(rows), [0, 1, 2])
    pulled = vjp(graph, ["x", "layer_1.bias"])
    rows, columns = sparsity(pulled, "x", "x")
    assert {(r // 2, c // 2) for r, c in zip(rows, columns, strict=True)} == {(0, 0), (1, 1), (2, 2)}
    assert len(sparsity(pulled, "cotangent.y", "layer_1.bias")[0]) == 9


def test_second_derivatives_are_refused_with_a_way_out():
    graph = called()
    for first in (vjp(graph, "x"), jvp(graph, "x")):
        for second in (vjp, jvp):
            with pytest.raises(EngineUnsupported, match=r"no second derivatives.*ude\.nn\.MLP"):
                second(first, "x")


def test_numpy_says_that_julia_is_needed(monkeypatch):
    graph = called()
    monkeypatch.setitem(operations._evaluators, "network", None)  # as where no network has been made or read
    values = {"x": np.zeros(2), **{name: np.zeros(shape) for name, shape in STRUCTURE}}
    with pytest.raises(EngineUnsupported, match="get_engine"):
        graph.evaluate(values)


def test_jax_names_the_engine_that_can():
    lowering = pytest.importorskip("unideq.engine.jax.lowering")
    with pytest.raises(EngineUnsupported, match=r'can\'t run Lux networks. Use `engine="julia"`'):
        lowering.lower(called())


def test_the_choice_of_a_solver_survives_a_network_that_it_cannot_evaluate(monkeypatch):
    made = model()
    monkeypatch.setitem(operations._evaluators, "network", None)
    solver, reason = resolve_auto(made.vector_field, np.ones((1, 2)), np.zeros(made.layout.size), 0.0, 1.0)
    assert solver == "tsit5"
    assert "EngineUnsupported" in reason


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"source": ""}, "needs the Julia source"),
        ({"source": 3}, "needs the Julia source"),
        ({"source": SOURCE, "inputs": -1}, "`inputs`"),
        ({"source": SOURCE, "outputs": 1.5}, "`outputs`"),
    ],
)
def test_unusable_settings_are_refused_before_julia_is_asked(arguments, message):
    with pytest.raises(OptionError, match=message):
        Lux(**arguments)


def test_a_damaged_structure_is_told():
    with pytest.raises(FileFormatError, match="damaged"):
        stored.from_json(Network, {**STORED, "structure": [["layer_1.weight"]]})


def test_wrong_shapes_are_refused_when_a_graph_is_made():
    settings = {"source": SOURCE, "inputs": 2, "outputs": 1, "structure": STRUCTURE}
    for x, weights in (((3,), (13,)), ((2,), (12,)), ((), (13,))):
        with pytest.raises(TraceError, match="last axis 2 and 13 weights"):
            apply("network", variable("x", x), variable("w", weights), **settings)
