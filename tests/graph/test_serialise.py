"""Graphs survive JSON bit for bit; what isn't a graph, is damaged or too new, is refused."""

from __future__ import annotations

import copy
import json
import struct
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from unideq.errors import FileFormatError
from unideq.graph import Graph, apply, constant, fingerprint, from_json, to_json, variable, vjp
from unideq.graph.serialise import VERSION

x, u = variable("x"), variable("u", (3,))


def bits(array: np.ndarray) -> bytes:
    return np.asarray(array).tobytes()


def through_text(graph: Graph) -> Graph:
    return from_json(json.loads(json.dumps(to_json(graph), allow_nan=False)))


NAN_WITH_PAYLOAD = struct.unpack("<d", struct.pack("<Q", 0x7FF800000000BEEF))[0]


@pytest.mark.parametrize(
    "value",
    [
        0.0,
        -0.0,
        0.1 + 0.2,
        5e-324,
        np.nan,
        NAN_WITH_PAYLOAD,
        np.inf,
        -np.inf,
        [1.0, -0.0, np.nan],
        [0.1, 0.2, 0.3],
        np.random.default_rng(0).normal(size=(5, 7)),
        np.array([np.nan, np.inf, -np.inf, -0.0, 1e308] * 3).reshape(3, 5),
        np.zeros((0, 3)),
        [True, False],
        np.random.default_rng(0).normal(size=(4, 4)) > 0,
    ],
    ids=str,
)
def test_constants_come_back_bit_for_bit(value: Any):
    node = constant(value)
    text = json.dumps(to_json(Graph((), {"c": node})), allow_nan=False)
    again = from_json(json.loads(text)).outputs["c"]
    assert again is node
    del node, again
    fresh = from_json(json.loads(text)).outputs["c"].value
    assert bits(fresh) == bits(np.asarray(value, dtype=fresh.dtype))
    assert fresh.shape == np.shape(value)


def test_attributes_of_all_kinds_come_back():
    coefficients = np.random.default_rng(1).normal(size=(4, 3, 2))
    nodes = {
        "polynomial": apply(
            "piecewise_polynomial",
            x,
            breaks=np.array([0.0, 1.0]),
            anchors=np.array([-1.0, 0.0, 1.0]),
            coefficients=coefficients,
            label="force",
        ),
        "stencil": apply("stencil", u, coefficients=(0.1, -0.0), offsets=(-1, 1), axis=0, boundary="edge"),
        "gather": u[[2, 0, 2]],
        "slice": u[::2],
        "reshape": np.reshape(u, (1, 3)),
        "learned": apply("learned", np.tanh(u), x, network="closure", layout="pointwise"),
        "sum": np.sum(np.outer(u, u), axis=(0, 1)),
    }
    graph = Graph((x, u), nodes)
    again = through_text(graph)
    for name, node in nodes.items():
        assert again.outputs[name] is node
    found = again.outputs["polynomial"].attributes
    assert bits(found["coefficients"]) == bits(coefficients)
    assert found["label"] == "force"
    assert again.outputs["gather"].attributes["indices"].dtype == np.int64
    assert again.outputs["stencil"].attributes["coefficients"] == (0.1, -0.0)


def test_order_of_inputs_and_outputs_and_unused_inputs_stay():
    graph = Graph((u, x, variable("spare", (2, 2))), {"z": x * u, "a": u, "m": x})
    again = through_text(graph)
    assert again.input_names == ("u", "x", "spare")
    assert list(again.outputs) == ["z", "a", "m"]


def test_a_rebuilt_graph_shares_expressions_with_what_is_there():
    graph = Graph((x, u), {"y": np.exp(x * u) + 1.0})
    derived = vjp(graph, ["x", "u"])
    again = through_text(derived)
    assert all(a is b for a, b in zip(again.nodes, derived.nodes, strict=True))


def test_arrays_are_little_endian_base64_and_short_ones_plain():
    data = to_json(Graph((), {"long": constant(np.arange(9.0)), "short": constant([1.5, 2.5])}))
    values = {node["shape"][0]: node["value"] for node in data["nodes"]}
    assert values[2] == {"array": "float64", "shape": [2], "values": [1.5, 2.5]}
    assert values[9]["base64"].startswith("AAAAAAAAAAAAAAAAAADwPw")  # 0.0, 1.0


def test_json_says_shape_and_type_of_every_node():
    data = to_json(Graph((u,), {"y": np.where(u > 0, u, 0.0)}))
    assert data["format"] == "unideq-graph"
    assert data["version"] == VERSION
    assert [node["operation"] for node in data["nodes"]] == ["input", "constant", "less", "where"]
    assert [node["dtype"] for node in data["nodes"]] == ["float64", "float64", "bool", "float64"]
    assert data["nodes"][3]["inputs"] == [2, 0, 1]
    assert data["outputs"] == [["y", 3]]


# ---- fingerprint ------------------------------------------------------------------------------------------------

SCRIPT = """
import numpy as np
from unideq.graph import Graph, fingerprint, variable
{noise}
x, u = variable("x"), variable("u", (3,))
print(fingerprint(Graph((x, u), {{"y": np.tanh(x * u + 0.1) @ np.arange(3.0)}})))
"""


def test_fingerprint_is_the_same_in_every_process_whatever_was_traced_before():
    here = fingerprint(Graph((x, u), {"y": np.tanh(x * u + 0.1) @ np.arange(3.0)}))
    # These make the constants before the products, so that the nodes' ages come in another order.
    noise = "v = variable('u', (3,)); a = np.arange(3.0); keep = [v + 0.1, v * a, variable('x') * 2]"
    for text in ("", noise):
        script = SCRIPT.format(noise=text)
        found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
        assert found.stdout.strip() == here


def test_fingerprints_differ_where_graphs_do():
    graphs = [
        Graph((x, u), {"y": x * u}),
        Graph((x, u), {"z": x * u}),
        Graph((u, x), {"y": x * u}),
        Graph((x, u), {"y": x * u + 0.0 * u + 1e-300}),
        Graph((x, u), {"y": x * variable("u", (3,)) * 1.0000000000000002}),
        Graph((x, variable("u", (4,))), {"y": x * variable("u", (4,))}),
    ]
    assert len({fingerprint(g) for g in graphs}) == len(graphs)
    assert len(fingerprint(graphs[0])) == 64


# ---- errors -----------------------------------------------------------------------------------------------------


def stored() -> dict[str, Any]:
    return json.loads(json.dumps(to_json(Graph((x, u), {"y": np.exp(x * u) @ np.arange(3.0), "z": u[1:]}))))


@pytest.mark.parametrize("data", [None, 3, [], "graph", {}, {"format": "something else", "version": 1}], ids=str)
def test_what_is_no_graph_is_refused(data: Any):
    with pytest.raises(FileFormatError, match="not a stored graph"):
        from_json(data)


def test_a_newer_version_is_refused_with_the_remedy():
    with pytest.raises(FileFormatError, match=r"newer Unideq .*pip install --upgrade unideq"):
        from_json({**stored(), "version": VERSION + 1})


@pytest.mark.parametrize("version", [None, "1", 0, -3, True, 1.5])
def test_a_nonsensical_version_is_refused(version: Any):
    with pytest.raises(FileFormatError, match="version"):
        from_json({**stored(), "version": version})


def test_an_unknown_operation_is_refused_with_the_closest_match():
    data = stored()
    next(n for n in data["nodes"] if n["operation"] == "exp")["operation"] = "expp"
    with pytest.raises(FileFormatError, match=r"`expp`.*Did you mean `exp`"):
        from_json(data)


def damaged() -> list[tuple[str, dict[str, Any]]]:
    found: list[tuple[str, dict[str, Any]]] = []

    def change(label: str) -> dict[str, Any]:
        data = stored()
        found.append((label, data))
        return data

    def node(data: dict[str, Any], operation: str) -> dict[str, Any]:
        return next(n for n in data["nodes"] if n["operation"] == operation)

    del change("no nodes")["nodes"]
    del change("no outputs")["outputs"]
    change("nodes are text")["nodes"] = "abc"
    change("a node is a number")["nodes"][2] = 7
    change("inputs out of range")["inputs"] = [99]
    change("negative position")["outputs"] = [["y", -1]]
    change("a truth value as position")["outputs"] = [["y", True]]
    change("outputs are no pairs")["outputs"] = ["y"]
    data = change("forward reference")
    node(data, "multiply")["inputs"] = [len(data["nodes"]) - 1, 0]
    node(change("too few inputs"), "multiply")["inputs"] = [0]
    node(change("wrong shape"), "multiply")["shape"] = [5]
    node(change("wrong type"), "multiply")["dtype"] = "bool"
    node(change("an input is not in the list"), "input")["name"] = "u"
    node(change("missing attribute"), "slice")["attributes"] = {}
    node(change("extra attribute"), "multiply")["attributes"] = {"axis": 3}
    node(change("attribute out of range"), "slice")["attributes"] = {"window": [[1, 9, 1]]}
    node(change("unknown array type"), "constant")["value"]["array"] = "float128"
    node(change("text as array"), "constant")["value"] = "zeros"
    for label, broken in (("broken base64", "$$$"), ("truncated array", "AAAA")):
        encoded = node(change(label), "constant")
        encoded["value"] = {"array": "float64", "shape": encoded["shape"], "base64": broken}
    encoded = node(change("array of another size"), "constant")
    encoded["value"] = {"array": "float64", "shape": encoded["shape"], "values": [1.0] * 17}
    return found


@pytest.mark.parametrize(("label", "data"), damaged(), ids=[label for label, _ in damaged()])
def test_damaged_graphs_are_refused(label: str, data: dict[str, Any]):
    with pytest.raises(FileFormatError, match=r"damaged|stored graph"):
        from_json(copy.deepcopy(data))
