"""`Pointwise` and `Given` as the Julia package reads them."""

from __future__ import annotations

import numpy as np

from ...graph import Graph, factored
from ...objective.program import Given, Pointwise, Source
from .blocks import blocks_program, worth_blocks
from .derived import Parts, Program, as_json, derivatives, once, parts

__all__ = ["given_program", "in_blocks", "pointwise_program", "sorted_arrays"]


def sorted_arrays(source: Source) -> dict[str, np.ndarray]:
    """All data by sorted name."""
    return dict(sorted(source.data.items()))


def _factored(source: Pointwise) -> Graph:
    return once(source.graph, "factored", lambda: factored(source.graph))


def pointwise_program(source: Pointwise, blocks: bool) -> Program:
    """The graph of a point, and in `blocks` of points where that is wanted or pays; differentiated in both modes."""
    graph, count = _factored(source), source.count
    prologue, body = parts(graph)
    blocks = blocks or worth_blocks(graph)
    wanted: Parts = {"prologue": (prologue, ["theta"]), "body": (body, list(prologue.outputs))}
    return {
        "kind": "pointwise",
        "name": source.name,
        "count": count,
        "points": sorted(source.data),
        "prologue": as_json(prologue),
        "body": as_json(body),
        "blocks": once(graph, ("blocks", count), lambda: blocks_program(graph, count)) if blocks else None,
        **derivatives(wanted),
    }


def in_blocks(source: Pointwise) -> bool:
    """Whether blocks of its points are faster than one point after the other."""
    return worth_blocks(_factored(source))


def given_program(source: Given) -> Program:
    """Names and sizes of given arrays."""
    names = sorted(source.data)
    sizes = [int(np.size(source.data[name])) for name in names]
    return {"kind": "given", "name": source.name, "arrays": names, "sizes": sizes, "gradient": None, "tangent": None}
