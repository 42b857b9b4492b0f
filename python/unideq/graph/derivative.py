"""Derivatives as graph transforms: reverse mode (`vjp`) and forward mode (`jvp`).

Higher ones by composition: where a graph has an input `tangent.u` already, the next is called `tangent.u.2`, and so on.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

from ..errors import unknown
from .expression import Expression, apply, constant, variable
from .graph import Graph, topological
from .operations.building import zeros

__all__ = ["gradient", "jvp", "pullback", "pushforward", "vjp"]


def _dependents(nodes: Sequence[Expression], wrt: Sequence[Expression]) -> set[int]:
    """Identities of the nodes through which `wrt` can be reached."""
    reached = {id(w) for w in wrt}
    for node in nodes:
        if any(id(i) in reached for i in node.inputs):
            reached.add(id(node))
    return reached


def pullback(
    outputs: Sequence[Expression], cotangents: Sequence[Expression], wrt: Sequence[Expression]
) -> list[Expression]:
    """Reverse mode on expressions: Σ cotangentᵀ ∂output/∂w for each w in `wrt`."""
    nodes = topological(outputs)
    active = _dependents(nodes, wrt)
    pending: dict[int, Expression] = {}

    def add(node: Expression, cotangent: Expression) -> None:
        before = pending.get(id(node))
        pending[id(node)] = cotangent if before is None else before + cotangent

    for output, cotangent in zip(outputs, cotangents, strict=True):
        if id(output) in active:
            add(output, cotangent)
    targets = {id(w) for w in wrt}
    for node in reversed(nodes):
        cotangent = pending.get(id(node))
        if cotangent is None or not node.inputs or id(node) not in active:
            continue
        if id(node) in targets and not any(id(i) in active for i in node.inputs):
            continue
        parts = node.entry.vjp(node.inputs, node.attributes, node, cotangent)
        for i, part in zip(node.inputs, parts, strict=True):
            if part is not None and id(i) in active:
                add(i, part)
    return [zeros(w.shape) if id(w) not in pending else pending[id(w)] for w in wrt]


def pushforward(outputs: Sequence[Expression], tangents: Mapping[Expression, Expression]) -> list[Expression]:
    """Forward mode on expressions: Σ ∂output/∂w · tangent of w, for each output."""
    moved: dict[int, Expression | None] = {id(w): t for w, t in tangents.items()}
    for node in topological(outputs):
        if id(node) in moved or not node.inputs:
            continue
        inner = [moved.get(id(i)) for i in node.inputs]
        if any(t is not None for t in inner) and node.dtype != "bool":
            moved[id(node)] = _tangent(node, inner)
    result = []
    for output in outputs:
        tangent = moved.get(id(output))
        result.append(zeros(output.shape) if tangent is None else tangent)
    return result


def _tangent(node: Expression, tangents: Sequence[Expression | None]) -> Expression | None:
    entry = node.entry
    if entry.jvp is not None:
        return entry.jvp(node.inputs, node.attributes, node, tangents)
    total = None
    for place in entry.linear:
        tangent = tangents[place]
        if tangent is not None:
            operands = (tangent if k == place else x for k, x in enumerate(node.inputs))
            part = apply(node.operation, *operands, **node.attributes)
            total = part if total is None else total + part
    return total


def vjp(graph: Graph, wrt: Sequence[str] | str, outputs: Sequence[str] | None = None) -> Graph:
    """The graph of vᵀ ∂outputs/∂w.

    Parameters
    ----------
    graph
        What to differentiate.
    wrt
        Names of inputs.
    outputs
        Names of outputs (default: all that are numbers).

    Returns
    -------
    Graph
        Inputs of `graph`, then one `cotangent.NAME` an output; outputs named after `wrt`, with those inputs' shapes.
    """
    names = [wrt] if isinstance(wrt, str) else list(wrt)
    numbers = [name for name, node in graph.outputs.items() if node.dtype != "bool"]
    chosen = numbers if outputs is None else list(outputs)
    for name in chosen:
        if name not in graph.outputs:
            raise unknown("graph output", name, graph.outputs)
    seeds = [variable(_fresh(f"cotangent.{name}", graph), graph.outputs[name].shape) for name in chosen]
    parts = pullback([graph.outputs[name] for name in chosen], seeds, [graph.input(name) for name in names])
    return Graph((*graph.inputs, *seeds), dict(zip(names, parts, strict=True)))


def jvp(graph: Graph, wrt: Sequence[str] | str) -> Graph:
    """The graph of ∂outputs/∂w · v: inputs of `graph`, then one `tangent.NAME` a name; outputs as the graph's."""
    names = [wrt] if isinstance(wrt, str) else list(wrt)
    sources = [graph.input(name) for name in names]
    seeds = [variable(_fresh(f"tangent.{s.name}", graph), s.shape) for s in sources]
    parts = pushforward(list(graph.outputs.values()), dict(zip(sources, seeds, strict=True)))
    return Graph((*graph.inputs, *seeds), dict(zip(graph.outputs, parts, strict=True)))


def _fresh(name: str, graph: Graph) -> str:
    taken = graph.input_names
    candidates = (name if k == 1 else f"{name}.{k}" for k in itertools.count(1))
    return next(candidate for candidate in candidates if candidate not in taken)


def gradient(output: Expression, wrt: Sequence[Expression]) -> list[Expression]:
    """Gradient expressions of a scalar expression."""
    if output.shape:
        raise ValueError(f"gradient() needs a scalar, not shape {output.shape}; sum it first or use pullback().")
    return pullback([output], [constant(1.0)], wrt)
