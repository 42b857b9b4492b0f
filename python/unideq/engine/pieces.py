"""A graph at many points, so many at a time that what is computed on the way fits into memory."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..graph import Graph
from .protocol import Engine

__all__ = ["evaluated", "numbers_at"]

MEMORY = 2**25
"""Numbers that a piece's intermediate values may take together."""


def evaluated(engine: Engine, graph: Graph, values: Mapping[str, Any], mapped: Sequence[str]) -> dict[str, np.ndarray]:
    """As `Engine.evaluate`, piece by piece; all pieces are of one length, so that they share compiled code."""
    count = len(values[mapped[0]])
    length = min(count, max(1, MEMORY // max(1, numbers_at(graph))))
    if length == count:
        return engine.evaluate(graph, values, mapped)
    found: dict[str, np.ndarray] = {}
    for first in range(0, count, length):
        start = min(first, count - length)  # the last one begins earlier
        piece = {n: np.asarray(v)[start : start + length] if n in mapped else v for n, v in values.items()}
        for name, made in engine.evaluate(graph, piece, mapped).items():
            found.setdefault(name, np.empty((count, *made.shape[1:]), made.dtype))[start : start + length] = made
    return found


def numbers_at(graph: Graph) -> int:
    """How many numbers a graph computes at a point; a convolution lays out what each point sees."""
    return sum(n.size * (math.prod(n.inputs[1].shape[2:]) if n.operation == "convolution" else 1) for n in graph.nodes)
