"""Residuals of a solution and their derivatives in coefficients, parameters and initial states: one forward solve.

The vector field is extended by its sensitivity equations dS/dt = (∂f/∂u) S + ∂f/∂θ, built from the graph's own
derivatives, so any engine can solve them. With few states and some dozens of directions this is the cheapest way to a
Jacobian, and the Jacobian is what Gauss–Newton refits, score tests of absent terms and standard errors need.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ...engine import Engine
from ...graph import Expression, Graph, constant, pullback, rebuild, variable
from ...model import ODE, Entry, Layout, with_rows
from ...objective import Integration, Observations, SolverSettings
from ...objective.groups import Groups
from ...objective.own_events import Schedule, program_events
from ...objective.own_times import padded, padded_values

__all__ = ["OwnNumbers", "Sensitivities"]


@dataclass(frozen=True)
class OwnNumbers:
    """What trajectories have of their own.

    Attributes
    ----------
    constants
        What the model reads as `c`, (B, q); None: nothing.
    tables
        Forcing of a trajectory's own → its tables, whose rows `constants` end with.
    groups
        Free parameter by group → its groups.
    entries
        Where θ has the values of those.
    happening
        Events at known times, one schedule a trajectory.
    """

    constants: np.ndarray | None = None
    tables: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    groups: Mapping[str, Groups] = field(default_factory=dict)
    entries: tuple[Entry, ...] = ()
    happening: tuple[Schedule, ...] = ()


class Sensitivities:
    """Predictions at the measured times, minus the measurements, with the Jacobian.

    Parameters
    ----------
    model
        Without networks that may move; all of θ that isn't in `directions` stays.
    observations
        What the residuals compare with; every trajectory is solved from its start.
    directions
        Indices of θ (D,) to differentiate in.
    solver
        Settings of the forward solves.
    engine
        Who solves.
    own
        What trajectories have of their own; values of groups are differentiated in, too.
    batch
        Number of parameter vectors solved at once (one compiled size).

    Attributes
    ----------
    variable
        (N,) index of the measured variable that each residual belongs to.
    time
        (N,) measured time of each residual.
    layout
        The model's θ, then the values of groups.
    directions
        D + G + B·n columns of the Jacobian: θ's, the values of groups, then the initial states of the B trajectories.
    """

    def __init__(
        self,
        model: ODE,
        observations: Observations,
        directions: np.ndarray,
        solver: SolverSettings,
        engine: Engine,
        own: OwnNumbers,
        batch: int = 16,
    ) -> None:
        self.model, self.observations, self.engine, self.batch = model, observations, engine, batch
        self.indices, self.own = np.asarray(directions, dtype=int), own
        self.layout = Layout([*model.layout.entries, *own.entries])
        self.names = observations.names
        series = observations.series
        self.trajectories = len(series)
        times = [s.times if len(s.times) else np.array([s.start]) for s in series]
        events = program_events(model, list(own.happening), self._read) if own.happening else None
        if events is not None:
            longer = {i.name: i for i in self._inputs()}
            jump = self._moved(events.jump, events.jump.outputs["jump"])
            events = replace(
                events, jump=Graph(tuple(longer.get(i.name, i) for i in events.jump.inputs), {"jump": jump})
            )
        field = self._read(model.vector_field)
        self.program = Integration(
            "solve",
            Graph(self._inputs(), {"du": self._moved(field, field.outputs["du"])}),
            Graph((self._theta(),), self._initial()),
            np.array([s.start for s in series]),
            padded(times),
            Graph(self._inputs(), self._observed()),
            solver,
            events,
        )
        self._select(padded(times))

    # ---- the extended system ----------------------------------------------------------------------------------

    @property
    def grouped(self) -> int:
        """Number of values of groups, of all parameters."""
        return self.layout.size - self.model.layout.size

    @property
    def columns(self) -> int:
        """Directions of one trajectory: θ's, its groups' values, then its own initial state."""
        return len(self.indices) + len(self.own.groups) + self.model.size

    @property
    def size(self) -> int:
        """Length of the vectors that `evaluate` takes: the model's θ, the values of groups, then all initial states."""
        return self.layout.size + self.trajectories * self.model.size

    @property
    def free(self) -> np.ndarray:
        """Indices into those vectors of the Jacobian's columns."""
        return np.concatenate([self.indices, np.arange(self.model.layout.size, self.size)])

    def _theta(self) -> Expression:
        return variable("theta", (self.size,))

    def _constants(self) -> Expression | None:
        """`c`: the model's, with the derivatives of groups' values before the row of the tables, which stays last."""
        known = self.own.constants
        return None if known is None else variable("c", (known.shape[1] + len(self.own.groups),))

    def _inputs(self) -> tuple[Expression, ...]:
        u, c = variable("u", (self.model.size * (1 + self.columns),)), self._constants()
        return variable("t"), u, *(() if c is None else (c,)), self._theta()

    def _read(self, graph: Graph) -> Graph:
        return with_rows(graph, self.own.tables)

    def _moved(self, graph: Graph, output: Expression) -> Expression:
        """An output (n,) of the model's graph in the longer inputs, then its derivatives in all columns."""
        plain, moved = self._plain(graph, output), self._tangents(graph, output)
        result: Any = np.concatenate([plain, moved.reshape(-1)])
        return result

    def _known(self, graph: Graph) -> dict[Expression, Expression]:
        """What stands for the inputs of the model's graph."""
        n, c, inputs = self.model.size, self._constants(), {i.name: i for i in graph.inputs}
        replaced: dict[Expression, Any] = {inputs["theta"]: self._theta()[: self.model.layout.size]}
        if "u" in inputs:
            replaced[inputs["u"]] = self._inputs()[1][:n]
        if c is not None and "c" in inputs:
            own = inputs["c"].size - bool(self.model.inputs)
            replaced[inputs["c"]] = np.concatenate([c[:own], c[own + len(self.own.groups) :]])
        return replaced

    def _plain(self, graph: Graph, output: Expression) -> Expression:
        return rebuild([output], self._known(graph))[0]

    def _tangents(self, graph: Graph, output: Any) -> Expression:
        """(q, D + g + n): derivative of a flat output (q,) along the columns, ∂g/∂u S + ∂g/∂θ."""
        n, count, c = self.model.size, output.shape[0], self._constants()
        inputs = {i.name: i for i in graph.inputs}
        places = [list(self.model.conditions).index(name) for name in self.own.groups] if "c" in inputs else []
        along = [inputs["u"], inputs["theta"], *([inputs["c"]] if places else [])]
        rows = [pullback([output[k]], [constant(1.0)], along) for k in range(count)]
        empty = constant(np.zeros(0))
        found: list[Any] = [np.stack([row[0] for row in rows])]  # type: ignore[call-overload]
        found.append(np.stack([row[1][self.indices.tolist()] if len(self.indices) else empty for row in rows]))  # type: ignore[call-overload]
        found += [np.stack([row[2][places] for row in rows])] if places else []  # type: ignore[call-overload]
        matrix, shared, *own = rebuild(found, self._known(graph))
        direct: list[Any] = [shared]
        if places and c is not None:
            first = inputs["c"].size - bool(self.model.inputs)
            direct.append(own[0] * c[first : first + len(places)])
        else:
            direct.append(np.zeros((count, len(self.own.groups))))
        s: Any = self._inputs()[1][n:].reshape(n, self.columns)
        result: Any = matrix @ s + np.concatenate([*direct, np.zeros((count, n))], axis=1)
        return result

    def _initial(self) -> dict[str, Expression]:
        theta = self._theta()
        n, count, known = self.model.size, self.trajectories, self.own.constants
        start = theta[self.layout.size :].reshape(count, n)
        own = np.concatenate([np.zeros((n, self.columns - n)), np.eye(n)], axis=1).reshape(-1)
        outputs: dict[str, Any] = {"u0": np.concatenate([start, constant(np.tile(own, (count, 1)))], axis=1)}
        if known is not None:
            names, tables = list(self.model.conditions), bool(self.model.inputs)
            columns: list[Any] = [constant(known[:, k : k + 1]) for k in range(known.shape[1] - tables)]
            slopes: list[Any] = []
            symbol = self.layout.variable()
            for name, groups in self.own.groups.items():
                window, place = self.layout.window(name), groups.index.tolist()
                view = self.layout.view(symbol, name)
                (slope,) = pullback([view], [constant(np.ones(len(groups)))], [symbol])
                found: Any = rebuild([view, slope[window.start : window.stop]], {symbol: theta[: self.layout.size]})
                columns[names.index(name)] = found[0][place].reshape(count, 1)
                slopes.append(found[1][place].reshape(count, 1))
            outputs["c"] = np.concatenate([*columns, *slopes, known[:, known.shape[1] - tables :]], axis=1)
        return outputs

    def _observed(self) -> dict[str, Expression]:
        graph = self._read(self.model.observation)
        outputs: dict[str, Expression] = {}
        for name in self.names:
            flat: Any = graph.outputs[name].reshape(-1)
            outputs[f"value.{name}"] = self._plain(graph, flat)
            outputs[f"slope.{name}"] = self._tangents(graph, flat)
        return outputs

    # ---- numbers ----------------------------------------------------------------------------------------------

    def _select(self, times: np.ndarray) -> None:
        """Which places of the padded arrays are measured."""
        self._measured: dict[str, np.ndarray] = {}
        self._where: dict[str, tuple[np.ndarray, ...]] = {}
        variables, moments, owners = [], [], []
        for k, name in enumerate(self.names):
            rows = [s.values[name].reshape(len(s.times), -1) for s in self.observations.series]
            width = rows[0].shape[1]
            values = padded_values([r if len(r) else np.full((1, width), np.nan) for r in rows])
            where = np.nonzero(np.isfinite(values))
            self._where[name], self._measured[name] = where, values[where]
            variables.append(np.full(len(where[0]), k))
            moments.append(times[where[0], where[1]])
            owners.append(where[0])
        self.variable = np.concatenate(variables)
        self.time = np.concatenate(moments)
        self._owner = np.concatenate(owners)

    def evaluate(self, vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Residuals (S, N) and Jacobian (S, N, D + G + B·n) at vectors (S, size); NaN where a solve failed."""
        count = len(vectors)
        filled = np.concatenate([vectors, np.repeat(vectors[:1], -count % self.batch, axis=0)])
        residuals, slopes = [], []
        for k in range(0, len(filled), self.batch):
            arrays = self.engine.integrate(self.program, filled[k : k + self.batch]).arrays
            r, j = [], []
            for name in self.names:
                place = (slice(None), *self._where[name])
                r.append(arrays[f"solve.value.{name}"][place] - self._measured[name])
                j.append(arrays[f"solve.slope.{name}"][place])
            residuals.append(np.concatenate(r, axis=1))
            slopes.append(np.concatenate(j, axis=1))
        residual, slope = np.concatenate(residuals)[:count], np.concatenate(slopes)[:count]
        d, g, n, many = len(self.indices), len(self.own.groups), self.model.size, self.grouped
        jacobian = np.zeros((count, len(self._owner), d + many + self.trajectories * n))
        jacobian[:, :, :d] = slope[:, :, :d]
        first = d + np.cumsum([0, *(len(one) for one in self.own.groups.values())])
        for b in range(self.trajectories):
            mine = self._owner == b
            for k, one in enumerate(self.own.groups.values()):
                jacobian[:, mine, first[k] + one.index[b]] = slope[:, mine, d + k]
            begin = d + many + b * n
            jacobian[:, mine, begin : begin + n] = slope[:, mine, d + g :]
        return residual, jacobian
