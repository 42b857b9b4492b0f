"""Residuals of a solution and their derivatives in coefficients, parameters and initial states: one forward solve.

The vector field is extended by its sensitivity equations dS/dt = (∂f/∂u) S + ∂f/∂θ, built from the graph's own
derivatives, so any engine can solve them. With few states and some dozens of directions this is the cheapest way to a
Jacobian, and the Jacobian is what Gauss–Newton refits, score tests of absent terms and standard errors need.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...engine import Engine
from ...graph import Expression, Graph, constant, pullback, rebuild, variable
from ...model import ODE
from ...objective import Integration, Observations, SolverSettings
from ...objective.own_times import padded, padded_values

__all__ = ["Sensitivities"]


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
    batch
        Number of parameter vectors solved at once (one compiled size).

    Attributes
    ----------
    variable
        (N,) index of the measured variable that each residual belongs to.
    time
        (N,) measured time of each residual.
    directions
        D + B·n columns of the Jacobian: θ's, then the initial states of the B trajectories.
    """

    def __init__(
        self,
        model: ODE,
        observations: Observations,
        directions: np.ndarray,
        solver: SolverSettings,
        engine: Engine,
        batch: int = 16,
    ) -> None:
        self.model, self.observations, self.engine, self.batch = model, observations, engine, batch
        self.indices = np.asarray(directions, dtype=int)
        self.names = observations.names
        series = observations.series
        self.trajectories = len(series)
        times = [s.times if len(s.times) else np.array([s.start]) for s in series]
        self.program = Integration(
            "solve",
            Graph(self._inputs(), {"du": self._extended()}),
            Graph((self._theta(),), {"u0": self._initial()}),
            np.array([s.start for s in series]),
            padded(times),
            Graph(self._inputs(), self._observed()),
            solver,
        )
        self._select(padded(times))

    # ---- the extended system ----------------------------------------------------------------------------------

    @property
    def columns(self) -> int:
        """Directions of one trajectory: θ's, then its own initial state."""
        return len(self.indices) + self.model.size

    @property
    def size(self) -> int:
        """Length of the vectors that `evaluate` takes: the model's θ, then all initial states."""
        return self.model.layout.size + self.trajectories * self.model.size

    @property
    def free(self) -> np.ndarray:
        """Indices into those vectors of the Jacobian's columns."""
        start = self.model.layout.size
        return np.concatenate([self.indices, np.arange(start, self.size)])

    def _theta(self) -> Expression:
        return variable("theta", (self.size,))

    def _inputs(self) -> tuple[Expression, ...]:
        n = self.model.size
        return variable("t"), variable("u", (n * (1 + self.columns),)), self._theta()

    def _parts(self) -> tuple[dict[Expression, Expression], Expression]:
        """What stands for the model's own (u, θ), and the sensitivities S (n, D + n)."""
        _, state, theta = self._inputs()
        _, u, own = self.model.vector_field.inputs
        n = self.model.size
        replaced = {u: state[:n], own: theta[: self.model.layout.size]}
        return replaced, state[n:].reshape(n, self.columns)

    def _tangents(self, graph: Graph, output: Any) -> Expression:
        """(q, D + n): derivative of a flat output (q,) along the columns, ∂g/∂u S + ∂g/∂θ."""
        _, u, own = graph.inputs
        replaced, s = self._parts()
        rows_u, rows_theta = [], []
        for k in range(output.shape[0]):
            along_u, along_theta = pullback([output[k]], [constant(1.0)], [u, own])
            rows_u.append(along_u)
            rows_theta.append(along_theta[list(self.indices)] if len(self.indices) else constant(np.zeros(0)))
        matrix_u: Any = np.stack(rows_u)
        matrix_theta: Any = np.stack(rows_theta)
        matrix_u, matrix_theta = rebuild([matrix_u, matrix_theta], replaced)
        zeros = constant(np.zeros((output.shape[0], self.model.size)))
        direct: Any = np.concatenate([matrix_theta, zeros], axis=1)
        return matrix_u @ s + direct

    def _extended(self) -> Expression:
        graph = self.model.vector_field
        replaced, _ = self._parts()
        du = graph.outputs["du"]
        plain = rebuild([du], replaced)[0]
        moved = self._tangents(graph, du)
        result: Any = np.concatenate([plain, moved.reshape(-1)])
        return result

    def _initial(self) -> Expression:
        theta = self._theta()
        n, count = self.model.size, self.trajectories
        start = theta[self.model.layout.size :].reshape(count, n)
        own = np.concatenate([np.zeros((n, len(self.indices))), np.eye(n)], axis=1).reshape(-1)
        result: Any = np.concatenate([start, constant(np.tile(own, (count, 1)))], axis=1)
        return result

    def _observed(self) -> dict[str, Expression]:
        graph = self.model.observation
        replaced, _ = self._parts()
        outputs: dict[str, Expression] = {}
        for name in self.names:
            flat: Any = graph.outputs[name].reshape(-1)
            outputs[f"value.{name}"] = rebuild([flat], replaced)[0]
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
        """Residuals (S, N) and Jacobian (S, N, D + B·n) at vectors (S, size); NaN where a solve failed."""
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
        shared, n = len(self.indices), self.model.size
        jacobian = np.zeros((count, len(self._owner), shared + self.trajectories * n))
        jacobian[:, :, :shared] = slope[:, :, :shared]
        for b in range(self.trajectories):
            mine = self._owner == b
            jacobian[:, mine, shared + b * n : shared + (b + 1) * n] = slope[:, mine, shared:]
        return residual, jacobian
