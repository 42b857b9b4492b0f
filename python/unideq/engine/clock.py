"""An integration on the solver's own clock: in time since the start, with the stops that its forcings ask for.

Doubles near 1.7e9 (seconds since 1970) are 2.4e-7 apart, too far for fast dynamics. Where the equations know no time,
every trajectory's clock starts at 0. Where they know it through measured forcings alone, time counts from the first
knot, and the knots are moved instead, each rounded once.
"""

from __future__ import annotations

import weakref
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..graph import Graph, apply, substitute
from ..objective.own_times import padded_values
from ..objective.program import Integration
from .cache import IdentityCache
from .stops import Stops, forcings_of, stops_of

__all__ = ["ON_GRID", "Clocked", "clocked", "jumps_within_steps", "own_clock"]

ON_GRID = 1e-9
"""A jump this part of a fixed step beside the end of one is at its end."""

_found: weakref.WeakKeyDictionary[Graph, tuple[Graph | None, float | None]] = weakref.WeakKeyDictionary()


@dataclass(frozen=True)
class Clocked:
    """What a solver gets of an `Integration`; observations still see the times of `Integration.times`.

    Attributes
    ----------
    vector_field
        Graph with the inputs and outputs of `Integration.vector_field`, `t` being the solver's time.
    start, times
        Start times (B,) and output times (B, K) on the solver's clock.
    stops, jumps
        Times on that clock at which steps must end (S,), none where they are fixed; and at which the vector field
        jumps (J,). Where trajectories have their own, (B, S) and (B, J), infinite behind a row's end.
    """

    vector_field: Graph
    start: np.ndarray
    times: np.ndarray
    stops: np.ndarray
    jumps: np.ndarray


def clocked(integration: Integration) -> Clocked:
    """The integration on its solver's clock."""
    if not integration.constants:
        return _clocked(integration)
    # Every trajectory's stops are looked for, and programs are asked for them several times.
    return _own.get(integration, lambda: _clocked(integration))


_own = IdentityCache()


def _clocked(integration: Integration) -> Clocked:
    settings = integration.solver
    start, times = np.asarray(integration.start, float), np.asarray(integration.times, float)
    graph, zero = own_clock(integration.vector_field, start)
    start, times = start - zero, times - zero[:, None]
    if integration.constants and integration.reads_constants:
        stops = _own_stops(graph, settings.rtol, integration.known_constants(), start, times[:, -1])
    else:
        stops = stops_of(graph, settings.rtol)
    every = stops.times[..., :0] if settings.fixed else stops.times
    return Clocked(graph, start, times, every, stops.jumps)


def _own_stops(graph: Graph, rtol: float, constants: np.ndarray, start: np.ndarray, end: np.ndarray) -> Stops:
    """Those of every trajectory between its start and its end, as rows; one for all where they are the same."""
    found = {row.tobytes(): stops_of(graph, rtol, row) for row in constants}
    every = [found[row.tobytes()] for row in constants]
    if all(np.array_equal(s.times, every[0].times) and np.array_equal(s.jumps, every[0].jumps) for s in every):
        return every[0]
    within = [
        [t[(t > low) & (t < high)] for t in (s.times, s.jumps)] for s, low, high in zip(every, start, end, strict=True)
    ]
    times, jumps = zip(*within, strict=True)
    return Stops(padded_values(times, np.inf), padded_values(jumps, np.inf))


def jumps_within_steps(integration: Integration) -> list[str]:
    """What to tell where the vector field jumps within a fixed step: that one is accurate to first order alone."""
    settings = integration.solver
    if not settings.fixed or settings.dt is None:
        return []
    clock = clocked(integration)
    start, end, jumps = clock.start[:, None], clock.times[:, -1:], clock.jumps
    inside = (jumps > start) & (jumps < end)
    part = np.where(inside, jumps - start, 0.0) / settings.dt
    within = inside & (np.abs(part - np.round(part)) > ON_GRID)
    if not within.any():
        return []
    times = np.unique((jumps + (np.asarray(integration.start, float) - clock.start)[:, None])[within])
    listing = ", ".join(f"{t:g}" for t in times[:4]) + (" …" if len(times) > 4 else "")
    return [
        f"the equations jump within steps of `{settings.name}` (t = {listing}), where it is accurate to first order "
        f"alone. Choose `dt` (now {settings.dt:g}) and the start so that steps end at the jumps, or take an adaptive "
        "solver, which stops there."
    ]


def own_clock(graph: Graph, start: np.ndarray) -> tuple[Graph, np.ndarray]:
    """A vector field in its solver's time, and what that clock's zero is for trajectories with these starts (B,)."""
    if graph not in _found:
        _found[graph] = _moved(graph)
    moved, origin = _found[graph]
    return moved or graph, start if origin is None else np.full(np.shape(start), origin)


def _moved(graph: Graph) -> tuple[Graph | None, float | None]:
    """The vector field with its knots moved, where they are, and the clock's zero; None: every trajectory's start."""
    if "t" not in graph.input_names or not any(node is graph.input("t") for node in graph.nodes):
        return None, None
    forcings = forcings_of(graph)
    breaks = [np.asarray(node.attributes["breaks"]) for node in forcings]
    reads = sum(any(i is graph.input("t") for i in node.inputs) for node in graph.nodes)
    if reads > len(forcings) or not breaks:
        return None, 0.0
    first, last = min(b.min() for b in breaks), max(b.max() for b in breaks)
    if abs(first) <= 2 * (last - first):
        return None, 0.0
    return substitute(graph, {node: _since(node, first) for node in forcings}), float(first)


def _since(node: Any, origin: float) -> Any:
    """A forcing whose knots are times since that origin."""
    moved = {key: np.asarray(node.attributes[key]) - origin for key in ("breaks", "anchors")}
    return apply(node.operation, *node.inputs, **{**node.attributes, **moved})
