"""Graphs as JSON and back, bit for bit: what a file stores, what an engine reads, and what a cache key is made from.

The format is a list of nodes in topological order, inputs first; a node names its operation and refers to earlier
nodes by position.
It is strict JSON: arrays travel as base64 (little endian, C order), NaN and infinities never as bare words.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import inspect
import json
import math
import weakref
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

import numpy as np

from ..errors import FileFormatError, UnideqError, unknown
from .expression import Expression, apply, constant, variable
from .graph import Graph
from .operation import OPERATIONS

__all__ = ["FORMAT", "VERSION", "array_from_json", "array_to_json", "fingerprint", "from_json", "to_json"]

FORMAT = "unideq-graph"
VERSION = 1
"""Raised whenever an older reader would misunderstand what we write."""

_SHORT = 8  # arrays up to this many finite numbers are written out, so that people can read them
_DTYPES = ("float64", "float32", "int64", "int32", "uint8", "bool", "complex128")
_fingerprints: weakref.WeakKeyDictionary[Graph, str] = weakref.WeakKeyDictionary()


# ---- writing ----------------------------------------------------------------------------------------------------


def to_json(graph: Graph) -> dict[str, Any]:
    """The graph as a dict that `json.dumps(..., allow_nan=False)` accepts.

    Parameters
    ----------
    graph
        Any graph; equal graphs give equal dicts, whenever and in whatever order their expressions were made.

    Returns
    -------
    dict
        `format`, `version`; `nodes`: dicts of `operation`, `shape`, `dtype` and, as needed, `inputs` (positions of
        earlier nodes), `name` (inputs), `value` (constants), `attributes`; `inputs`: positions of the inputs;
        `outputs`: pairs of name and position.
    """
    order = _structural_order((*graph.inputs, *graph.outputs.values()))
    position = {id(node): i for i, node in enumerate(order)}
    return {
        "format": FORMAT,
        "version": VERSION,
        "nodes": [_encode_node(node, position) for node in order],
        "inputs": [position[id(node)] for node in graph.inputs],
        "outputs": [[name, position[id(node)]] for name, node in graph.outputs.items()],
    }


def fingerprint(graph: Graph) -> str:
    """SHA-256 (hex) of the graph's canonical JSON: the same for equal graphs in every process, hence a cache key."""
    found = _fingerprints.get(graph)
    if found is None:
        canonical = json.dumps(to_json(graph), sort_keys=True, separators=(",", ":"), allow_nan=False)
        found = _fingerprints[graph] = hashlib.sha256(canonical.encode()).hexdigest()
    return found


def _structural_order(outputs: Iterable[Expression]) -> list[Expression]:
    """Depth-first post-order. Unlike the nodes' ages, it depends on the graph alone, not on what was traced before."""
    done: dict[int, Expression] = {}
    for output in outputs:
        stack: list[tuple[Expression, bool]] = [(output, False)]
        while stack:
            node, ready = stack.pop()
            if id(node) in done:
                continue
            if ready:
                done[id(node)] = node
            else:
                stack.append((node, True))
                stack.extend((i, False) for i in reversed(node.inputs) if id(i) not in done)
    return list(done.values())


def _encode_node(node: Expression, position: Mapping[int, int]) -> dict[str, Any]:
    encoded: dict[str, Any] = {"operation": node.operation, "shape": list(node.shape), "dtype": node.dtype}
    if node.operation == "input":
        encoded["name"] = node.name
    elif node.operation == "constant":
        encoded["value"] = _encode(node.value)
    else:
        encoded["inputs"] = [position[id(i)] for i in node.inputs]
        if node.attributes:
            encoded["attributes"] = {key: _encode(value) for key, value in node.attributes.items()}
    return encoded


def array_to_json(array: np.ndarray) -> dict[str, Any]:
    """An array as graphs store it."""
    return _encode(np.asarray(array))


def _encode(value: Any) -> Any:
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else {"float": repr(value)}
    if isinstance(value, tuple):
        return [_encode(v) for v in value]
    if isinstance(value, np.ndarray) and str(value.dtype) in _DTYPES:
        encoded: dict[str, Any] = {"array": str(value.dtype), "shape": list(value.shape)}
        if value.size <= _SHORT and value.dtype != complex and bool(np.all(np.isfinite(value))):
            encoded["values"] = value.reshape(-1).tolist()
        else:
            little = np.ascontiguousarray(value, dtype=value.dtype.newbyteorder("<"))
            encoded["base64"] = base64.b64encode(little.tobytes()).decode("ascii")
        return encoded
    raise TypeError(f"a {type(value).__name__} can't be written as an attribute of a graph's node")


# ---- reading ----------------------------------------------------------------------------------------------------


def from_json(data: Mapping[str, Any]) -> Graph:
    """The graph that `to_json` wrote. Expressions that exist already are found again, not copied.

    Raises
    ------
    FileFormatError
        If the data isn't a graph, is damaged, names an unknown operation, or was written by a newer version.
    """
    _check_header(data)
    try:
        nodes: list[Expression] = []
        for number, encoded in enumerate(data["nodes"]):
            nodes.append(_decode_node(encoded, nodes, number))
        inputs = [_earlier(nodes, i, "the list of inputs") for i in data["inputs"]]
        outputs = {str(name): _earlier(nodes, i, f"output `{name}`") for name, i in data["outputs"]}
        return Graph(inputs, outputs)
    except FileFormatError:
        raise
    except (UnideqError, KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        what = f"`{error.args[0]}` is missing" if isinstance(error, KeyError) and error.args else str(error)
        raise FileFormatError(f"The stored graph is damaged: {what}.") from error


def first_output(data: Mapping[str, Any]) -> Expression:
    """The first output of a stored graph: how a pickled expression comes back."""
    return next(iter(from_json(data).outputs.values()))


def _check_header(data: Any) -> None:
    if not isinstance(data, Mapping) or data.get("format") != FORMAT:
        raise FileFormatError(f"This is not a stored graph: `format` must be `{FORMAT}`.")
    version = data.get("version")
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise FileFormatError(f"The stored graph is damaged: its version is {version!r}.")
    if version > VERSION:
        raise FileFormatError(
            f"The graph was written by a newer Unideq (format {version}; this one reads up to {VERSION}). "
            "Update with `pip install --upgrade unideq`."
        )


def _decode_node(encoded: Mapping[str, Any], nodes: list[Expression], number: int) -> Expression:
    operation = encoded["operation"]
    if operation == "input":
        node = variable(str(encoded["name"]), encoded["shape"])
    elif operation == "constant":
        node = constant(_decode(encoded["value"]))
    elif operation in OPERATIONS:
        inputs = [_earlier(nodes, i, f"node {number}") for i in encoded["inputs"]]
        attributes = {key: _decode(value) for key, value in encoded.get("attributes", {}).items()}
        _check_attributes(operation, attributes)
        node = apply(operation, *inputs, **attributes)
    else:
        raise unknown("operation of a stored graph", operation, sorted(OPERATIONS), FileFormatError)
    if list(node.shape) != list(encoded["shape"]) or node.dtype != encoded["dtype"]:
        raise FileFormatError(
            f"The stored graph is damaged: node {number} (`{operation}`) should have shape {tuple(encoded['shape'])} "
            f"and dtype {encoded['dtype']}, but comes out as {node.shape} and {node.dtype}."
        )
    return node


def _check_attributes(operation: str, attributes: Mapping[str, Any]) -> None:
    known = _known_attributes(operation)
    if known is not None and not known.issuperset(attributes):
        extra = ", ".join(f"`{key}`" for key in attributes if key not in known)
        raise FileFormatError(f"The stored graph is damaged: `{operation}` has no attribute {extra}.")


@cache
def _known_attributes(operation: str) -> frozenset[str] | None:
    """What the evaluation takes by name; None where it takes anything."""
    evaluate = OPERATIONS[operation].evaluate
    if isinstance(evaluate, np.ufunc):
        return frozenset()
    parameters = inspect.signature(evaluate).parameters.values()
    return None if any(p.kind is p.VAR_KEYWORD for p in parameters) else frozenset(p.name for p in parameters)


def _earlier(nodes: list[Expression], position: Any, place: str) -> Expression:
    if not isinstance(position, int) or isinstance(position, bool) or not 0 <= position < len(nodes):
        raise FileFormatError(f"The stored graph is damaged: {place} refers to node {position!r}.")
    return nodes[position]


def array_from_json(data: Mapping[str, Any]) -> np.ndarray:
    """Inverse of `array_to_json`; a `ValueError` where it isn't one."""
    array = _decode(data)
    if not isinstance(array, np.ndarray):
        raise ValueError(f"{type(data).__name__} where an array should be")
    return array


def _decode(encoded: Any) -> Any:
    if encoded is None or isinstance(encoded, (bool, int, float, str)):
        return encoded
    if isinstance(encoded, list):
        return tuple(_decode(v) for v in encoded)
    if "float" in encoded:
        return float(encoded["float"])
    if encoded["array"] not in _DTYPES:
        raise unknown("array type in a stored graph", encoded["array"], _DTYPES, FileFormatError)
    dtype, shape = np.dtype(encoded["array"]), tuple(int(n) for n in encoded["shape"])
    if "values" in encoded:
        return np.array(encoded["values"], dtype=dtype).reshape(shape)
    try:
        raw = base64.b64decode(encoded["base64"], validate=True)
    except binascii.Error as error:
        raise FileFormatError(f"The stored graph is damaged: an array can't be decoded ({error}).") from error
    return np.frombuffer(raw, dtype=dtype.newbyteorder("<")).astype(dtype).reshape(shape)
