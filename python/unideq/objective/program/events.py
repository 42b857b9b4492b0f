"""`Events`: what happens to the states of an `Integration`, and when."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...graph import Graph

__all__ = ["Events"]


@dataclass(frozen=True)
class Events:
    """Events of a batch of B initial-value problems.

    What is observed at the time of an event is the state before it. Events at the start come before the first step, and
    those at one time one after the other.

    Attributes
    ----------
    jump
        Graph with inputs `t`, `u` (n,), `e` (w,), `theta` (P,) and, where it reads it, `c`; output `jump` (n,): the
        state just after an event, `e` being its number and its values.
    times
        When they happen (B, S), increasing, infinite behind a row's end; those outside a row's times don't count.
    rows
        What `e` is at each of them (B, S, w).
    crossing
        Graph with inputs `t`, `u`, `theta` and, where it reads it, `c`; outputs `value` and `rate` (m,): the functions
        whose crossings of zero are events, and their derivatives along a solution. None: no events are looked for.
    numbers, directions
        Of these: which events they are, and the sign of the slope at crossings that count (0: either), (m,).
    """

    jump: Graph
    times: np.ndarray
    rows: np.ndarray
    crossing: Graph | None = None
    numbers: tuple[int, ...] = ()
    directions: tuple[int, ...] = ()

    @property
    def graphs(self) -> tuple[Graph, ...]:
        """Those that engines compile."""
        return (self.jump,) if self.crossing is None else (self.jump, self.crossing)

    @property
    def reads_time(self) -> bool:
        """Whether what happens depends on the time itself."""
        return any(node.operation == "input" and node.name == "t" for graph in self.graphs for node in graph.nodes)
