"""Graphs of one point evaluated at many, with NumPy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..checks import array
from ..errors import ModelError
from ..graph import Graph
from ..graph.batching import batched

__all__ = ["at_points", "rows"]

BLOCK = 1024
"""Points at a time: graphs have static shapes."""


def at_points(graph: Graph, points: Mapping[str, Any], theta: np.ndarray) -> dict[str, np.ndarray]:
    """A graph's outputs at points that broadcast against each other.

    Parameters
    ----------
    graph
        With scalar inputs, and `theta`.
    points
        Input → values; those that the graph doesn't read only count for the shape.
    theta
        (P,).

    Returns
    -------
    dict
        Output → values (*points' shape, *output's shape).
    """
    if not isinstance(points, Mapping):
        raise ModelError(f'Points need a dict coordinate → values, e.g. `{{"x": 0.5}}`, not {type(points).__name__}.')
    arrays = {n: array(v, n, "points", finite=False, error=ModelError) for n, v in points.items()}
    wanted = [n for n in graph.input_names if n != "theta"]
    for name in wanted:
        if name not in arrays:
            given = ", ".join(f"`{n}`" for n in arrays) or "nothing"
            raise ModelError(f"The points have no `{name}`, only {given}. Give a dict of {', '.join(wanted)}.")
    try:
        shape = np.broadcast_shapes(*(a.shape for a in arrays.values()))
    except ValueError:
        shapes = ", ".join(f"{n} {a.shape}" for n, a in arrays.items())
        raise ModelError(f"Points of shapes {shapes} don't broadcast.") from None
    columns = {n: np.broadcast_to(arrays[n], shape).reshape(-1) for n in wanted}
    found = rows(graph, columns, theta)
    return {n: v.reshape(shape + v.shape[1:]) for n, v in found.items()}


def rows(graph: Graph, columns: Mapping[str, np.ndarray], theta: np.ndarray) -> dict[str, np.ndarray]:
    """A graph's outputs (M, *output's shape) at points (M,)."""
    count = len(next(iter(columns.values())))
    size = min(BLOCK, 1 << max(count - 1, 0).bit_length())
    many = batched(graph, list(columns), size)
    parts: dict[str, list[np.ndarray]] = {n: [] for n in graph.outputs}
    for start in range(0, count, size):
        chosen = np.minimum(np.arange(start, start + size), count - 1)
        values = many.evaluate({**{n: c[chosen] for n, c in columns.items()}, "theta": theta})
        for n, value in values.items():
            parts[n].append(value[: count - start])
    empty = {n: [np.empty((0, *e.shape))] for n, e in graph.outputs.items()}
    return {n: np.concatenate(blocks or empty[n]) for n, blocks in parts.items()}
