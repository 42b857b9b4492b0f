"""Graphs and their derivatives as JSON, made once for each graph: what the programs that Julia reads consist of."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from typing import Any

from ...errors import EngineUnsupported
from ...graph import Graph, jvp, partition, to_json, vjp

__all__ = ["PRODUCTS", "Parts", "Program", "as_json", "derivatives", "forward", "in_single", "once", "parts", "reverse"]

Program = dict[str, Any]
Parts = dict[str, tuple[Graph, Sequence[str]]]
"""Name → a graph, and the inputs that it is differentiated in."""

PRODUCTS = ("convolution", "convolution_kernel", "matmul")
"""Operations that Julia also has in single precision."""

_made: weakref.WeakKeyDictionary[Graph, dict[Any, Any]] = weakref.WeakKeyDictionary()


def once(graph: Graph, key: Any, make: Callable[[], Any]) -> Any:
    """What `make()` gave for this very graph."""
    entries = _made.setdefault(graph, {})
    if key not in entries:
        entries[key] = make()
    return entries[key]


def as_json(graph: Graph) -> Program:
    """The graph as plain data."""
    if any(node.inputs and node.entry.family == "module" for node in graph.nodes):
        raise EngineUnsupported('Engine `julia` can\'t run Equinox modules. Use `engine="jax"`, or `ude.nn.MLP`.')
    return once(graph, "json", lambda: to_json(graph))


def parts(graph: Graph) -> tuple[Graph, Graph]:
    """What depends on θ alone, and the rest."""
    names = ["theta"] if "theta" in graph.input_names else []
    return once(graph, "parts", lambda: partition(graph, *names))


def reverse(graph: Graph, wrt: Sequence[str]) -> Program | None:
    """Reverse mode; None where no output is a number."""
    if all(node.dtype == "bool" for node in graph.outputs.values()) or not wrt:
        return None
    return once(graph, ("vjp", *wrt), lambda: to_json(vjp(graph, wrt)))


def forward(graph: Graph, wrt: Sequence[str]) -> Program | None:
    """Forward mode; None where nothing comes out or nothing goes in."""
    if not graph.outputs or not wrt:
        return None
    return once(graph, ("jvp", *wrt), lambda: to_json(jvp(graph, wrt)))


def derivatives(wanted: Parts) -> Program:
    """Part → its derivative, in both modes."""
    return {
        "gradient": {name: reverse(graph, wrt) for name, (graph, wrt) in wanted.items()},
        "tangent": {name: forward(graph, wrt) for name, (graph, wrt) in wanted.items()},
    }


def in_single(program: Any) -> Any:
    """A program's JSON with products in single precision: a mark at each of their nodes."""
    if isinstance(program, dict):
        marked = {name: in_single(part) for name, part in program.items()}
        if program.get("operation") in PRODUCTS:
            marked["attributes"] = {**program.get("attributes", {}), "precision": "float32"}
        return marked
    return [in_single(part) for part in program] if isinstance(program, list) else program
