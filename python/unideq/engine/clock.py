"""An integration on the solver's own clock: in time since the start, with the stops that its forcings ask for.

Doubles near 1.7e9 (seconds since 1970) are 2.4e-7 apart, too far for fast dynamics. Where the equations know no time,
every trajectory's clock starts at 0. Where they know it through measured forcings alone, time counts from the first
knot, and the knots are moved instead, each rounded once.
"""

from __future__ import annotations

import weakref
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..errors import EngineUnsupported, OptionError
from ..graph import Graph, apply, substitute
from ..objective.own_times import padded_values
from ..objective.program import Events, Integration
from ..solvers import SolverSettings, adjoints_of
from .cache import IdentityCache
from .stops import ROUNDING, Stops, forcings_of, stops_of

__all__ = ["MOST_RECORDED", "ON_GRID", "Clocked", "check_events", "clocked", "jumps_within_steps", "own_clock"]

ON_GRID = 1e-9
"""A jump this part of a fixed step beside the end of one is at its end."""

MOST_RECORDED = 1000
"""Crossings of zero that a solve reports, a trajectory."""
EXACT = ("auto", "checkpointed", "direct", "discrete")
"""Adjoints that are those of the steps taken."""

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
    happening, rows
        Times at which something happens (B, S), infinite behind a row's end, and what (B, S, w); those at a row's end
        and outside it are left out. Strictly inside they are among the stops and the jumps. None: nothing.
    """

    vector_field: Graph
    start: np.ndarray
    times: np.ndarray
    stops: np.ndarray
    jumps: np.ndarray
    happening: np.ndarray | None = None
    rows: np.ndarray | None = None

    @property
    def most_at_once(self) -> int:
        """The largest number of events at one time."""
        if self.happening is None or not self.happening.size:
            return 0
        most = 0
        for when, close in zip(self.happening, rounding(self.start, self.times[:, -1]), strict=True):
            known = when[np.isfinite(when)]
            after = np.searchsorted(known, known + 2 * close, side="right") - np.arange(len(known))
            most = max(most, int(after.max(initial=0)))
        return most


def clocked(integration: Integration) -> Clocked:
    """The integration on its solver's clock."""
    if not integration.constants and integration.events is None:
        return _clocked(integration)
    # Every trajectory's stops are looked for, and programs are asked for them several times.
    return _own.get(integration, lambda: _clocked(integration))


_own = IdentityCache()


def _clocked(integration: Integration) -> Clocked:
    settings = integration.solver
    start, times = np.asarray(integration.start, float), np.asarray(integration.times, float)
    graph, zero = own_clock(integration.vector_field, start)
    if integration.rest is not None or (integration.events is not None and integration.events.reads_time):
        graph, zero = integration.vector_field, np.zeros(start.shape)
    start, times = start - zero, times - zero[:, None]
    if integration.constants and integration.reads_constants:
        stops = _own_stops(graph, settings.rtol, integration.known_constants(), start, times[:, -1])
    else:
        stops = stops_of(graph, settings.rtol)
    every = stops.times[..., :0] if settings.fixed else stops.times
    if integration.delays:
        stops = _delayed_stops(stops, start, times[:, -1], integration)
        every = stops.times
    if integration.events is None:
        return Clocked(graph, start, times, every, stops.jumps)
    return _with_events(Clocked(graph, start, times, every, stops.jumps), integration.events, zero, settings)


def rounding(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Times nearer than this are one, in solves between these (B,)."""
    return ROUNDING * np.maximum(np.abs(start), np.abs(end))


def _with_events(clock: Clocked, events: Events, zero: np.ndarray, settings: SolverSettings) -> Clocked:
    """The clock with known events as stops and jumps; those outside a trajectory are left out."""
    count = len(clock.start)
    close = rounding(clock.start, clock.times[:, -1])
    whens, rows, stops, jumps = [], [], [], []
    for b in range(count):
        when = events.times[b] - zero[b]
        kept = (when >= clock.start[b] - close[b]) & (when < clock.times[b, -1] - close[b])
        inside = when[kept & (when > clock.start[b] + close[b])]
        if settings.fixed and settings.dt is not None:
            _check_on_grid(inside, clock.start[b], settings, zero[b])
        whens.append(when[kept])
        rows.append(events.rows[b][kept])
        own = [lists if lists.ndim == 1 else lists[b] for lists in (clock.stops, clock.jumps)]
        own = [t[np.isfinite(t)] for t in own]
        stops.append(own[0] if settings.fixed else np.unique(np.concatenate([own[0], inside])))
        jumps.append(np.unique(np.concatenate([own[1], inside])))
    when = padded_values(whens, np.inf)
    # What lies behind a row's end is never used; numbers that happened somewhere keep derivatives finite there.
    filled = padded_values(rows, 0.0)
    for b, own in enumerate(rows):
        filled[b, len(own) :] = own[-1] if len(own) else next((r[0] for r in rows if len(r)), 0.0)
    return replace(
        clock, stops=padded_values(stops, np.inf), jumps=padded_values(jumps, np.inf), happening=when, rows=filled
    )


def check_events(integration: Integration, engine: str) -> None:
    """Refuse adjoints that solve an equation backwards: they don't know what happened to the state on the way; and
    fixed steps where crossings of zero are looked for.

    Raises
    ------
    EngineUnsupported, OptionError
        With those that go with events.
    """
    settings = integration.solver
    if integration.events is None:
        return
    if settings.fixed and integration.events.crossing is not None:
        raise OptionError(
            f"`{settings.name}` has steps of one size, and an event is where a function crosses zero, within a step. "
            "Take an adaptive solver, e.g. `ude.Tsit5()`."
        )
    if settings.adjoint in EXACT:
        return
    others = ", ".join(f"`{name}`" for name in adjoints_of(engine) if name in EXACT)
    raise EngineUnsupported(
        f"The adjoint `{settings.adjoint}` doesn't go with events, which it would have to undo backwards. Take one of "
        f"those that follow the steps taken: {others}."
    )


def _check_on_grid(when: np.ndarray, start: float, settings: SolverSettings, zero: float) -> None:
    """Fixed steps end where events are."""
    assert settings.dt is not None
    part = (when - start) / settings.dt
    off = np.abs(part - np.round(part)) > ON_GRID
    if off.any():
        raise OptionError(
            f"An event at t = {when[off][0] + zero:g} lies within a step of `{settings.name}` (dt {settings.dt:g}). "
            "Choose `dt` and the start so that steps end at the events, or take an adaptive solver, which stops there."
        )


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


MOST_DELAYED = 500
"""Stops for kinks that come back after a delay, in a trajectory."""


def _delayed_stops(stops: Stops, start: np.ndarray, end: np.ndarray, integration: Integration) -> Stops:
    """With those after delays: the slope jumps at the start, and one derivative more is smooth after each delay."""
    rows, jumps = [], []
    for b, (low, high) in enumerate(zip(start, end, strict=True)):
        own, jumping = (lists if lists.ndim == 1 else lists[b] for lists in (stops.times, stops.jumps))
        latest = known = np.unique(np.append(own[(own > low) & (own < high)], low))
        for _ in range(integration.solver.entry.order):
            later = np.unique(np.add.outer(latest, integration.delays))
            latest = later[later < high]
            known = np.union1d(known, latest)
            if len(known) > MOST_DELAYED:
                break
        apart = np.append(True, np.diff(known) > ROUNDING * max(abs(low), abs(high)))
        rows.append(known[apart & (known > low)])
        jumps.append(jumping[np.isfinite(jumping)])
    return Stops(padded_values(rows, np.inf), padded_values(jumps, np.inf))


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
