"""States to audit a fit at: those of its data, thinned, and what the learned terms contribute there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import xarray as xr

from ..checks import array as checked_array
from ..engine import evaluated
from ..errors import DataError, ModelError
from ..graph import Graph, apply, substitute
from ..model import Model, with_rows
from ..objective import Observations
from ..objective.own_inputs import constant_rows
from ..result import Fit
from ..result.sampling import problem_of
from ..times import Clock

__all__ = ["States", "closure", "data_states", "initial_states", "states_of"]

MOST = 200
"""Times a trajectory that an audit looks at, at most."""


@dataclass(frozen=True)
class States:
    """Flat states along trajectories.

    Attributes
    ----------
    labels
        Of the trajectories.
    times
        One array (K,) a trajectory.
    states
        One array (K, n) a trajectory; every state is measured completely.
    constants
        One array (q,) a trajectory, where the model has conditions.
    guessed
        States that weren't measured, for which the fit's own trajectories stand.
    tables
        Forcing of a trajectory's own → its tables, whose rows `constants` end with.
    """

    labels: tuple[Any, ...]
    times: tuple[np.ndarray, ...]
    states: tuple[np.ndarray, ...]
    constants: tuple[np.ndarray, ...] = ()
    guessed: tuple[str, ...] = ()
    tables: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def read(self, graph: Graph) -> Graph:
        """A graph of the model with forcings read from the tables."""
        return with_rows(graph, self.tables)

    def constants_of(self, trajectory: int) -> np.ndarray | None:
        """What the model's graphs read as `c` along a trajectory, (q,); None where they read nothing."""
        return self.constants[trajectory] if self.constants else None

    @property
    def count(self) -> int:
        """Number of states."""
        return sum(len(s) for s in self.states)

    def interval(self) -> float:
        """The usual distance between two times."""
        steps = np.concatenate([np.diff(t) for t in self.times if len(t) > 1] or [np.zeros(0)])
        if not len(steps):
            raise DataError("An audit of the flow map needs at least two times a trajectory.")
        return float(np.median(steps))

    def thinned(self, most: int = MOST) -> States:
        """At most that many times a trajectory, evenly chosen."""
        picks = [np.unique(np.linspace(0, len(t) - 1, min(len(t), most)).round().astype(int)) for t in self.times]
        return States(
            self.labels,
            tuple(t[p] for t, p in zip(self.times, picks, strict=True)),
            tuple(s[p] for s, p in zip(self.states, picks, strict=True)),
            self.constants,
            self.guessed,
            self.tables,
        )


def data_states(fit: Fit) -> States:
    """The completely measured states of a fit's training data (held-out measurements left out).

    Where a state isn't measured, or never together with the others, the fit's own trajectories at the training's times
    take the place of the measurements, and `guessed` names what is missing.

    Raises
    ------
    DataError
        If the fit can't be solved there either.
    """
    if fit.record.observations.unmeasured:
        raise DataError(
            "The audit compares with the states that were trained on, and this fit has goals alone: nothing was "
            "measured. Look at `fit.predict(...)` from other initial values."
        )
    train, _ = fit.record.observations.split(fit.record.settings.holdout)
    problem, missing = problem_of(fit.record), _unmeasured(fit.model, train)
    rows = problem.constants_at(fit.theta)
    if not missing:
        try:
            return replace(states_of(fit.model, train, rows=rows), tables=problem.tables)
        except DataError:  # never all at once
            missing = fit.model.states.names
    return replace(_own_states(fit, train, missing, rows), tables=problem.tables)


def _unmeasured(model: Model, observations: Observations) -> tuple[str, ...]:
    """States that aren't among the measured variables."""
    return tuple(s.name for s in model.states if model.observed_state(s.name) not in observations.names)


def _own_states(fit: Fit, train: Observations, missing: tuple[str, ...], rows: np.ndarray | None) -> States:
    """The fit's solution at the times of its training data, trajectory by trajectory."""
    model = fit.model
    labels, times, states, constants = [], [], [], []
    for k, series in enumerate(train.series):
        if not len(series.times):
            continue
        solved = fit.predict(series.times)
        if "trajectory" in solved.dims:
            solved = solved.sel(trajectory=series.label)
        parts = {s.name: np.asarray(solved[s.name].values, dtype=float) for s in model.states}
        flat = np.concatenate([parts[s.name].reshape(len(series.times), -1) for s in model.states], axis=1)
        whole = np.isfinite(flat).all(axis=1)
        if whole.any():
            labels.append(series.label)
            times.append(series.times[whole])
            states.append(flat[whole])
            if rows is not None:
                constants.append(rows[k])
    if not states:
        listing = ", ".join(f"`{n}`" for n in missing)
        raise DataError(
            f"The audit needs states; {listing} isn't measured, and the fit's own solution fails. Give `data=` with "
            "all states."
        )
    return States(tuple(labels), tuple(times), tuple(states), tuple(constants), tuple(missing))


def states_of(
    model: Model, data: xr.Dataset | Observations, clock: Clock | None = None, rows: np.ndarray | None = None
) -> States:
    """The completely measured states of a data set.

    Parameters
    ----------
    clock
        What its times count, where they are dates.
    rows
        What the model reads as `c` in each trajectory (T, q); default: what the data say.
    """
    observations = data if isinstance(data, Observations) else Observations.given(data, model, clock)
    names = {}
    for state in model.states:
        observed = model.observed_state(state.name)
        if observed is None or observed not in observations.names:
            raise DataError(
                f"The audit needs states, and `{state.name}` isn't among the measured variables "
                f"({', '.join(observations.names)}). Give `data=` with all states."
            )
        names[state.name] = observed
    labels, times, states, constants = [], [], [], []
    rows = constant_rows(model, observations.series) if rows is None else rows
    for k, series in enumerate(observations.series):
        flat = np.concatenate([series.values[names[s.name]].reshape(len(series.times), -1) for s in model.states], 1)
        whole = np.isfinite(flat).all(axis=1)
        if whole.any():
            labels.append(series.label)
            times.append(series.times[whole])
            states.append(flat[whole])
            if rows is not None:
                constants.append(rows[k])
    if not states:
        raise DataError("No time has all states measured. Give `data=` with complete states.")
    return States(tuple(labels), tuple(times), tuple(states), tuple(constants))


def initial_states(model: Model, new: xr.Dataset | Mapping[str, Any]) -> States:
    """New conditions as trajectories of one state each, at time 0 where nothing else is said.

    Parameters
    ----------
    new
        A Dataset with all states (its times are kept), or state → array with or without a leading axis; a condition of
        the model may stand among them, one number each.
    """
    if model.inputs:
        raise ModelError("Of new conditions nothing is known of the forcings that the model reads for each trajectory.")
    if isinstance(new, xr.Dataset):
        return states_of(model, new if "time" in new.dims else new.expand_dims(time=[0.0]))
    if not isinstance(new, Mapping):
        raise ModelError(f"`new` needs a Dataset or a dict state → array, not {type(new).__name__}.")
    arrays = {}
    for state in model.states:
        if state.name not in new:
            raise ModelError(f"`new` lacks the state `{state.name}`.")
        array = checked_array(new[state.name], state.name, "new", error=DataError)
        if array.shape == state.shape:
            array = array[None]
        if array.shape[1:] != state.shape:
            raise ModelError(f"`new`: `{state.name}` needs shape {state.shape} (or a leading axis), not {array.shape}.")
        arrays[state.name] = array
    count = max(len(a) for a in arrays.values())
    flat = model.states.join({n: np.broadcast_to(a, (count, *a.shape[1:])) for n, a in arrays.items()}, (count,))
    constants: tuple[np.ndarray, ...] = ()
    if model.constants is not None:
        read = (*model.conditions, *(c.per for c in model.grouped.values()))
        given = {n: new[n] for n in read if n in new}
        constants = tuple(np.broadcast_to(model.conditions_array(given), (count, model.constants.size)))
    return States(tuple(range(count)), (np.zeros(1),) * count, tuple(u[None] for u in flat), constants)


def closure(fit: Fit, states: States, network: str | None = None) -> np.ndarray:
    """What the learned terms contribute to du/dt, (M, n) at all states together: with them minus with their outputs at
    zero.

    For a step with learned correction it is the step's change divided by dt; for a step that is the network's alone,
    (u⁺ − u)/dt.
    """
    from .truncation.modified_equation import without_networks

    model = fit.model
    graph, divisor = closure_graph(model)
    graph = states.read(graph)
    quiet = dict(zip(graph.outputs, without_networks(graph, network), strict=True))
    output = next(iter(graph.outputs))
    made = Graph(graph.inputs, {"change": (graph.outputs[output] - quiet[output]) / divisor})
    values: dict[str, Any] = {"theta": fit.theta[: model.layout.size]}
    parts = []
    for k, (times, flat) in enumerate(zip(states.times, states.states, strict=True)):
        c = states.constants_of(k)
        fixed = values if c is None else {**values, "c": c}
        parts.append(evaluated(fit.engine, made, {**fixed, "t": times, "u": flat}, ("t", "u"))["change"])
    return np.concatenate(parts)


def closure_graph(model: Model) -> tuple[Graph, float]:
    """The graph that holds the learned terms, and what divides its change to give a rate.

    Raises
    ------
    ModelError
        If nothing learned enters the equations.
    """
    step = getattr(model, "step", None)
    for graph, divisor in ((model.vector_field, 1.0), (step, float(getattr(model, "dt", 1.0)))):
        if isinstance(graph, Graph) and any(n.operation == "learned" for n in graph.nodes):
            if graph is step and getattr(model, "coupling", "") == "prediction":
                return _minus_state(graph), divisor
            return graph, divisor
    raise ModelError("No network enters the equations: there is no closure to audit.")


def _minus_state(step: Graph) -> Graph:
    """A step that is all learned, as if it were a correction of standing still: its quiet form is u⁺ = u."""
    u = step.input("u")
    whole = step.outputs["u"]
    marked = apply("learned", whole - u, u, network="prediction", layout="vector")
    return substitute(Graph(step.inputs, {"u": u + marked}), {})
