"""Graphs of single points as Julia runs them: for blocks of points at once, values and cotangents in one kernel."""

from __future__ import annotations

import math
from typing import Any

from ...graph import Graph, batched, jvp, partition, pullback, to_json, variable, vjp

__all__ = ["blocks_program", "points_in_block", "worth_blocks"]

BLOCK = 64
"""Points in a block, at most. By measurement 32 to 128 do equally well: what a block computes stays in the cache."""
MEMORY = 32 * 2**20
"""Bytes that all values of a block may take, roughly."""
SCALARS = 300
"""Up to so many scalar operations a point, straight-line code for single points is faster (`julia/src/kernel.jl`)."""


def worth_blocks(graph: Graph) -> bool:
    """Whether blocks of points are faster than one point after the other.

    What depends on θ alone isn't done at every point, but is counted too.
    """
    return sum(node.entry.work(node) for node in graph.nodes) > SCALARS


def points_in_block(graph: Graph, count: int) -> int:
    """How many of `count` points a block has.

    Blocks are of one size, as equal as can be; the last is filled up with points that count nothing.
    """
    width = sum(node.size for node in graph.nodes if node.inputs)
    most = max(1, min(BLOCK, MEMORY // (16 * max(width, 1))))
    return math.ceil(count / math.ceil(count / most))


def blocks_program(graph: Graph, count: int) -> dict[str, Any]:
    """The graph for blocks of its points, with derivatives, as `julia/src/objective/points/blocks.jl` reads it."""
    size = points_in_block(graph, count)
    mapped = [name for name in graph.input_names if name != "theta"]
    many = batched(graph, mapped, size)
    prologue, body = partition(many, *(name for name in many.input_names if name == "theta"))
    once = list(prologue.outputs)
    theta = list(prologue.input_names)
    return {
        "size": size,
        "prologue": to_json(prologue),
        "body": to_json(body),
        "gradient": {
            "prologue": to_json(vjp(prologue, theta)) if once else None,
            "body": to_json(_values_and_cotangents(body, once, size)),
        },
        "tangent": {
            "prologue": to_json(jvp(prologue, theta)) if once else None,
            "body": to_json(jvp(body, once)) if once else None,
        },
    }


def _values_and_cotangents(body: Graph, once: list[str], size: int) -> Graph:
    """The outputs, and the cotangents of `once` for cotangents of the outputs `cotangent` + `coefficient` · output.

    Where a loss is a sum of squares its own derivative is of that form: nothing has to be known before, and values and
    cotangents share all that they have in common.
    """
    outputs = {name: node for name, node in body.outputs.items() if node.dtype != "bool"}
    seeds, cotangents = [], []
    for name, node in outputs.items():
        given, factor = variable(f"cotangent.{name}", node.shape), variable(f"coefficient.{name}", (size,))
        seeds += [given, factor]
        cotangents.append(given + factor.reshape(size, *(1,) * (node.ndim - 1)) * node)
    parts = pullback(list(outputs.values()), cotangents, [body.input(name) for name in once])
    return Graph((*body.inputs, *seeds), {**body.outputs, **dict(zip(once, parts, strict=True))})
