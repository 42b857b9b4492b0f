"""Where solvers must stop: kinks and jumps in time that a step could pass over, of forcings by their data.

An adaptive solver knows what it sees at the stages of its steps. A pulse between two of them doesn't exist for it, and
a step across a kink is tried many times before it is small enough. Yet stopping at every knot of a smooth, densely
sampled forcing costs more than it saves. So a solver stops

- at every jump, and where the equations compare the time with a number (`np.where(t < 5, …)`, `np.maximum(t - 5, 0)`);
- at a kink that it would see anyway: one that moves the forcing by more than `VISIBLE` rtol^(2/3) of its range. That
  is where a sine, sampled more and more densely, begins to cost less without stops (measured with Tsit5, rtol 1e-4 to
  1e-8);
- at a kink that stands out from a calmer stretch beside it, on the record as it is and on the record thinned out by
  2, 4, 8, …: there a pulse may follow, however smooth. It moves the forcing by more than `FELT` rtol of its range, and
  where it isn't visible it is one of the `FEW` largest of its kind: many small ones are rounding.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from ..graph import Expression, Graph
from ..graph.frozen import FrozenArray
from ..graph.operations.interpolation import COLUMNS
from .switches import switches_of

__all__ = ["Stops", "forcings_of", "stops_of"]

VISIBLE = 20.0
FELT = 10.0
FEW = 64
AROUND = 8
"""Knots on either side that a kink is compared with."""
CALM = 0.1
"""Part of a kink's size below which a neighbour counts as calm."""
BUSY = 0.6
"""Part of the neighbourhood up to which others may be as large where a kink stands out."""
ROUNDING = 1e-14
"""Times that differ by less than this, relative to the largest, are one."""


@dataclass(frozen=True)
class Stops:
    """Times (S,), increasing, at which steps end, and those of them at which the vector field jumps (J,)."""

    times: np.ndarray
    jumps: np.ndarray


def forcings_of(graph: Graph) -> list[Expression]:
    """The measured forcings in a vector field, read at the time itself."""
    return [
        node for node in graph.nodes if node.operation == "piecewise_polynomial" and node.inputs[0].operation == "input"
    ]


def stops_of(graph: Graph, rtol: float, constants: np.ndarray | None = None) -> Stops:
    """The stops of a vector field for steps of that relative tolerance.

    `constants` (q,): what a trajectory reads as `c`, NaN where that isn't known beforehand.
    """
    switched, bent = switches_of(graph, constants)
    times, jumps = [switched, bent], [switched]
    for node in forcings_of(graph):
        parts = (FrozenArray(array) for array in _own(node, graph, constants))
        jumping, bending = _breaks_of(*parts, rtol)
        jumps.append(jumping)
        times += [jumping, bending]
    merged, known = _merged(np.concatenate(times)), np.concatenate(jumps)
    places = np.searchsorted(merged, known + _rounding(merged), side="right") - 1
    return Stops(merged, merged[np.unique(places)])


def _own(node: Expression, graph: Graph, constants: np.ndarray | None) -> list[np.ndarray]:
    """A forcing's columns: of one row, without the repetitions at its end, where it has rows."""
    columns = [np.asarray(node.attributes[key]) for key in COLUMNS]
    if len(node.inputs) == 1:
        return columns
    number = Graph(graph.inputs, {"row": node.inputs[1]}).evaluate({"c": constants})["row"]
    breaks, anchors, coefficients = (column[int(number)] for column in columns)
    count = int(np.argmax(breaks == breaks[-1])) + 1
    return [breaks[:count], anchors[: count + 1], coefficients[:, : count + 1]]


def _rounding(times: np.ndarray) -> float:
    return ROUNDING * float(np.abs(times).max(initial=0.0))


def _merged(times: np.ndarray) -> np.ndarray:
    """Sorted, the first of times that differ by rounding."""
    times = np.unique(times)
    return times[np.diff(times, prepend=-np.inf) > _rounding(times)]


@lru_cache(maxsize=256)
def _breaks_of(
    knots: FrozenArray, origins: FrozenArray, rows: FrozenArray, rtol: float
) -> tuple[np.ndarray, np.ndarray]:
    """Times at which a piecewise polynomial jumps, and times at which steps should end though it doesn't."""
    breaks, anchors, coefficients = knots.array, origins.array, rows.array
    coefficients = coefficients.reshape(*coefficients.shape[:2], -1)  # degree, piece, value
    pieces = np.arange(len(breaks))
    left, right = (_values(coefficients, anchors, pieces + side, breaks) for side in (0, 1))
    size = max(np.ptp(right, axis=0).max(initial=0.0), 0.01 * np.abs(right).max(initial=0.0))
    jumps = np.abs(right - left).max(axis=1, initial=0.0) > 1e-12 * size
    if len(coefficients) == 1 or not size:
        return breaks[jumps], breaks[:0]
    slopes = coefficients[1:] * np.arange(1, len(coefficients))[:, None, None]
    bend = np.abs(_values(slopes, anchors, pieces + 1, breaks) - _values(slopes, anchors, pieces, breaks))
    moved = bend.max(axis=1, initial=0.0) * _lever(breaks) / size
    visible = VISIBLE * rtol ** (2 / 3)
    # A forcing keeps its end values: what it does there has no like beside it.
    ends = np.isin(pieces, [0, len(breaks) - 1])
    kinks = ~jumps & ((moved > visible) | _stand_out(moved, rtol, ends))
    at, values = breaks, right
    if len(coefficients) > 2:  # what happens between the knots counts too
        at = np.unique(breaks[:-1, None] + np.diff(breaks)[:, None] * np.array([0.0, 1 / 3, 2 / 3]))
        at = np.append(at, breaks[-1])
        values = _values(coefficients, anchors, np.searchsorted(breaks, at, side="right"), at)
    found = [breaks[kinks]]
    thinning = 2 if len(coefficients) == 2 else 1
    while len(at) > 4 * thinning:
        found.append(_coarse(at[::thinning], values[::thinning] / size, rtol))
        thinning *= 2
    return breaks[jumps], np.unique(np.concatenate(found))


def _values(coefficients: np.ndarray, anchors: np.ndarray, pieces: np.ndarray, at: np.ndarray) -> np.ndarray:
    """(T, value) of those pieces at times (T,)."""
    local = (at - anchors[pieces])[:, None]
    result = coefficients[-1][pieces]
    for row in coefficients[-2::-1]:
        result = result * local + row[pieces]
    return result


def _lever(times: np.ndarray) -> np.ndarray:
    """What a change of slope at a knot moves the value there, against a straight line between its neighbours."""
    spans = np.diff(times)
    before, after = np.concatenate([spans[:1], spans]), np.concatenate([spans, spans[-1:]])
    return before * after / (before + after)


def _coarse(times: np.ndarray, values: np.ndarray, rtol: float) -> np.ndarray:
    """Inner times of a thinned-out record at which its polygon has a corner that stands out."""
    slopes = np.diff(values, axis=0) / np.diff(times)[:, None]
    moved = np.zeros(len(times))
    moved[1:-1] = np.abs(np.diff(slopes, axis=0)).max(axis=1, initial=0.0)
    moved *= _lever(times)
    return times[_stand_out(moved, rtol)]


def _stand_out(moved: np.ndarray, rtol: float, anyway: np.ndarray | bool = False) -> np.ndarray:
    """Whether each of these sizes (K,), as parts of the range, counts beside a calmer stretch, or without it."""
    chosen = (moved > FELT * rtol) & (anyway | _beside_calm(moved))
    small = np.flatnonzero(chosen & (moved <= VISIBLE * rtol ** (2 / 3)))
    chosen[small[np.argsort(moved[small], kind="stable")][:-FEW]] = False
    return chosen


def _beside_calm(moved: np.ndarray) -> np.ndarray:
    """Whether a calmer stretch lies beside each of these sizes; the record is mirrored at its ends."""
    around = min(AROUND, len(moved) - 1)
    padded = np.pad(moved, around, mode="reflect") if around else moved
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * around + 1)
    busy = (windows > CALM * moved[:, None]).sum(axis=1)
    return busy <= BUSY * (2 * around + 1)
