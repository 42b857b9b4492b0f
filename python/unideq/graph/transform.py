"""Graphs rewritten: expressions replaced, and work that depends on some inputs alone split off to be done once."""

from __future__ import annotations

from collections.abc import Mapping

from .expression import Expression, apply, variable
from .graph import Graph, topological
from .operations.building import as_number

__all__ = ["partition", "rebuild", "substitute"]


def rebuild(outputs: list[Expression], replaced: Mapping[Expression, Expression]) -> list[Expression]:
    """The outputs with expressions replaced, simplified again on the way up."""
    new: dict[int, Expression] = {id(old): value for old, value in replaced.items()}
    for node in topological(outputs):
        if id(node) in new:
            continue
        inputs = [new[id(i)] for i in node.inputs]
        same = all(a is b for a, b in zip(inputs, node.inputs, strict=True))
        new[id(node)] = node if same else apply(node.operation, *inputs, **node.attributes)
    return [new[id(output)] for output in outputs]


def substitute(
    graph: Graph, replaced: Mapping[Expression, Expression], inputs: tuple[Expression, ...] | None = None
) -> Graph:
    """The graph with expressions replaced; `inputs` names the new inputs where they change."""
    outputs = rebuild(list(graph.outputs.values()), replaced)
    return Graph(graph.inputs if inputs is None else inputs, dict(zip(graph.outputs, outputs, strict=True)))


def partition(graph: Graph, *names: str) -> tuple[Graph, Graph]:
    """Split off what depends on the named inputs alone.

    Returns
    -------
    prologue, body
        `prologue` maps the named inputs to arrays `once.0`, `once.1`, …; `body` takes the other inputs and those
        arrays. Together they compute what `graph` computes; an engine runs the prologue once an integration.
    """
    sources = {id(graph.input(name)) for name in names}
    others = {id(i) for i in graph.inputs} - sources
    varying: set[int] = set(others)
    fixed: set[int] = set(sources)
    for node in graph.nodes:
        if any(id(i) in varying for i in node.inputs):
            varying.add(id(node))
        elif any(id(i) in fixed for i in node.inputs):
            fixed.add(id(node))
    frontier: dict[int, Expression] = {}
    for node in graph.nodes:
        if id(node) in varying:
            frontier.update({id(i): i for i in node.inputs if id(i) in fixed})
    frontier.update({id(o): o for o in graph.outputs.values() if id(o) in fixed})
    arrays = {node: variable(f"once.{k}", node.shape) for k, node in enumerate(frontier.values())}
    prologue = Graph(
        [i for i in graph.inputs if id(i) in sources],
        {new.name: as_number(old) for old, new in arrays.items()},
    )
    # Graph inputs are numbers: a condition travels as 0 and 1.
    once = {old: new if old.dtype != "bool" else apply("less", 0.5, new) for old, new in arrays.items()}
    rest = tuple(i for i in graph.inputs if id(i) in others)
    return prologue, substitute(graph, once, (*rest, *arrays.values()))
