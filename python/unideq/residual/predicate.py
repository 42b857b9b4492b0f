"""Shapes of domains in files: the function that says which points are inside, as a graph."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ..errors import ModelError
from ..graph import Graph, as_expression, variable
from ..graph.repeatable import trace_call
from ..graph.serialise import from_json, to_json

__all__ = ["StoredPredicate", "stored_predicate"]

BLOCK = 256
"""Points at a time: graphs have static shapes."""


def stored_predicate(inside: Callable[..., Any], coordinates: Sequence[str]) -> dict[str, Any] | None:
    """The function's graph as plain data; None where it can't be traced (it calls other libraries, branches, …)."""
    if isinstance(inside, StoredPredicate):
        return inside.data
    points: Any = {n: variable(n, (BLOCK,)) for n in coordinates}
    try:
        value = as_expression(trace_call(inside, (points,), {}, "inside"))
        if value.shape != (BLOCK,) or value.dtype != "bool":
            return None
        return to_json(Graph(tuple(points.values()), {"inside": value}))
    except Exception:  # whatever the function does to symbolic values; that it isn't kept is said when it's needed
        return None


class StoredPredicate:
    """`inside` of a domain that was read from a file."""

    def __init__(self, data: Mapping[str, Any] | None) -> None:
        self.data = None if data is None else dict(data)
        self._graph = None if data is None else from_json(data)

    def __call__(self, points: Mapping[str, np.ndarray]) -> np.ndarray:
        if self._graph is None:
            raise ModelError(
                "The domain's `inside` couldn't be kept in the file: it isn't made of NumPy functions alone. Set it "
                "again before points are drawn: `problem.domain.inside = ...`."
            )
        count = len(next(iter(points.values())))
        found = np.empty(count, dtype=bool)
        for start in range(0, count, BLOCK):
            rows = np.minimum(np.arange(start, start + BLOCK), count - 1)
            block = self._graph.evaluate({n: v[rows] for n, v in points.items()})["inside"]
            found[start : start + BLOCK] = block[: count - start]
        return found
