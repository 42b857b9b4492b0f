"""`Integration`: initial-value problems, solved."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from ...graph import Graph
from ...solvers import SolverSettings
from .events import Events
from .source import Source

__all__ = ["Integration"]


@dataclass(frozen=True)
class Integration(Source):
    """A batch of B initial-value problems of one vector field, observed at given times.

    Attributes
    ----------
    name
        Prefix of the arrays it makes: `NAME.OUTPUT`, shape (B, K, *output shape).
    vector_field
        Graph with inputs `t` (), `u` (n,), `theta` (P,), and output `du` (n,). It may read a trajectory's own
        constants, `c` (q,): conditions, and which of the tables of forcings is its own.
    initial
        Graph with input `theta` (P,), output `u0` (B, n) and, where `c` is read, `c` (B, q). Known numbers are
        constants in it. It may read arrays of earlier sources of the objective, by their names (`encode.mean`); its
        outputs then have a row for each problem that is solved (b).
    start
        Start times (B,).
    times
        Output times (B, K), non-decreasing along K; rows with fewer times repeat their last one.
    observe
        Graph with inputs `t`, `u`, `theta` and, where it reads it, `c`; each output is recorded at every time.
    solver
        Settings.
    events
        What happens to the states, and when; None: nothing.
    steady
        How many components of `u0`, the first ones, are guesses of the steady state that trajectories begin at: of
        their slopes at the start, which don't depend on the others. 0: `u0` is where they begin.
    rest
        The vector field that they rest under, with its inputs and output; None: `vector_field`.
    algebraic
        Components of u whose `du` is no slope but shall be zero. In `u0` they are guesses; they follow from the others
        at the start, and behind every jump of the vector field.
    delays
        How long ago the vector field reads the first components of u, as its inputs `past.0`, `past.1`, …: before the
        start they were what they are there.
    data
        `rows` (b,): which of the problems are solved, in this order, none twice; a batch replaces them. Empty: all are.
    """

    name: str
    vector_field: Graph
    initial: Graph
    start: np.ndarray
    times: np.ndarray
    observe: Graph
    solver: SolverSettings = field(default_factory=SolverSettings)
    events: Events | None = None
    data: Mapping[str, np.ndarray] = field(default_factory=dict, repr=False)
    steady: int = 0
    rest: Graph | None = None
    algebraic: tuple[int, ...] = ()
    delays: tuple[float, ...] = ()

    @property
    def beyond(self) -> tuple[str, ...]:
        """What only some solvers have: keys of `unideq.solvers.engines.BEYOND`."""
        return ("algebraic",) * bool(self.algebraic) + ("delays",) * bool(self.delays)

    @property
    def solved(self) -> int:
        """How many problems are solved at a time, b."""
        return len(self.data["rows"]) if self.data else len(self.times)

    @property
    def reads(self) -> tuple[str, ...]:
        return tuple(name for name in self.initial.input_names if name != "theta")

    @property
    def constants(self) -> int:
        """Number q of a trajectory's own constants."""
        return self.initial.outputs["c"].shape[1] if "c" in self.initial.outputs else 0

    @property
    def reads_constants(self) -> bool:
        """Whether the vector field does."""
        return any(node.operation == "input" and node.name == "c" for node in self.vector_field.nodes)

    def known_constants(self) -> np.ndarray:
        """(B, q): those known beforehand; NaN where θ decides, or another source does."""
        if self.reads:
            return np.full((len(self.times), self.constants), np.nan)
        made = Graph(self.initial.inputs, {"c": self.initial.outputs["c"]})
        return made.evaluate({i.name: np.full(i.shape, np.nan) for i in made.inputs})["c"]

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        lead = self.solved, self.times.shape[1]
        return {f"{self.name}.{key}": (*lead, *e.shape) for key, e in self.observe.outputs.items()}

    @property
    def graphs(self) -> tuple[Graph, ...]:
        more = () if self.events is None else self.events.graphs
        resting = () if self.rest is None else (self.rest,)
        return self.vector_field, self.initial, self.observe, *more, *resting

    @property
    def settings(self) -> Hashable:
        found = self.events
        happening = () if found is None else (np.shape(found.times), found.numbers, found.directions)
        # How often the kink at the start comes back depends on how long a trajectory is.
        delayed = (self.delays, (self.times[:, -1] - self.start).tobytes()) if self.delays else ()
        return replace(self.solver, dt=None), np.shape(self.times), happening, self.steady, self.algebraic, delayed
