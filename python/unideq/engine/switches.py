"""Times at which equations switch by the clock: where they compare a linear function of t with a number."""

from __future__ import annotations

import numpy as np

from ..graph import Expression, Graph

__all__ = ["switches_of"]

Line = tuple[np.ndarray, np.ndarray]
"""Values at t = 0, and slopes."""
ZERO: Line = (np.zeros(()), np.zeros(()))


def switches_of(graph: Graph, constants: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Times at which the graph may jump (J,), and times at which it may have a kink (K,).

    `constants` (q,): a trajectory's own, NaN where they aren't known beforehand.
    """
    lines: dict[int, Line | None] = {}
    found: dict[bool, list[np.ndarray]] = {True: [np.zeros(0)], False: [np.zeros(0)]}
    for node in graph.nodes:
        lines[id(node)] = _line(node, [lines[id(i)] for i in node.inputs], constants)
        if node.entry.breaks in ("jump", "kink"):
            sides = [lines[id(i)] for i in node.inputs]
            if all(side is not None for side in sides):
                one, other = [*(s for s in sides if s is not None), ZERO][:2]
                found[node.entry.breaks == "jump"].append(_roots(one, other))
    return np.unique(np.concatenate(found[True])), np.unique(np.concatenate(found[False]))


def _roots(one: Line, other: Line) -> np.ndarray:
    """Where two lines meet."""
    level, slope = (np.ravel(a) for a in np.broadcast_arrays(one[0] - other[0], one[1] - other[1]))
    times = -level[slope != 0] / slope[slope != 0]
    return times[np.isfinite(times)]


def _line(node: Expression, inputs: list[Line | None], constants: np.ndarray | None = None) -> Line | None:
    """What a node is as a linear function of t; None where it is none."""
    if node.operation == "input" and node.name == "c" and constants is not None:
        return constants, np.zeros(node.shape)
    if node.operation == "input":
        return (np.zeros(()), np.ones(())) if node.name == "t" and node.shape == () else None
    if node.operation == "constant":
        return (node.value, np.zeros(node.shape)) if node.dtype != "bool" else None
    given = [line for line in inputs if line is not None]
    if not inputs or len(given) < len(inputs):
        return None
    if node.dtype != "bool" and not any(slope.any() for _, slope in given):
        with np.errstate(all="ignore"):
            return np.asarray(node.entry.evaluate(*(level for level, _ in given), **node.attributes)), np.zeros(
                node.shape
            )
    first, last = given[0], given[-1]
    if node.operation == "add":
        return first[0] + last[0], first[1] + last[1]
    if node.operation == "subtract":
        return first[0] - last[0], first[1] - last[1]
    if node.operation == "negative":
        return -first[0], -first[1]
    if node.operation == "multiply" and not last[1].any():
        return first[0] * last[0], first[1] * last[0]
    if node.operation == "multiply" and not first[1].any():
        return first[0] * last[0], first[0] * last[1]
    if node.operation == "divide" and not last[1].any() and last[0].all():
        return first[0] / last[0], first[1] / last[0]
    return None
