"""What a trained model says: its solution, observables and learned terms, for every seed on one time grid."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import xarray as xr

from ..engine import STATUS, Engine
from ..graph import Graph, variable
from ..model import Stepper
from ..objective import Integration, Observations, Problem
from ..training.record import Training
from .solution import solution_dataset
from .stepping import rolled_out, trajectory_constants, with_conditions

__all__ = ["Prediction", "learned_dataset", "predict", "problem_of", "result_times"]

LEAD = ("seed", "trajectory")


class Prediction:
    """Solutions of all seeds.

    Attributes
    ----------
    solution
        Dataset with dimensions (seed, trajectory, time, *space).
    states
        The same states as one array (seed, trajectory, time, n).
    status
        Text of every integration (seed, trajectory).
    """

    def __init__(self, solution: xr.Dataset, states: np.ndarray, status: np.ndarray) -> None:
        self.solution, self.states, self.status = solution, states, status

    @property
    def labels(self) -> list[Any]:
        """Of the trajectories."""
        return self.solution["trajectory"].values.tolist()


def problem_of(record: Training) -> Problem:
    """The problem that a record's θ belongs to, on all measurements."""
    settings = record.settings
    train, _ = record.observations.split(settings.holdout)
    # θ means what the record's layout says, whatever scales this version would choose.
    made = Problem.make(
        record.model,
        train,
        record.observations,
        settings.loss,
        settings.solver,
        settings.regulariser,
        settings.penalties,
        settings.estimate_initial,
    )
    return replace(made, layout=record.layout)


def predict(
    record: Training, engine: Engine, times: np.ndarray, theta: np.ndarray, mask_before_start: bool = True
) -> Prediction:
    """Solve for every seed (θ (S, P)) and trajectory from its start through `times` (increasing).

    Times before a trajectory's start are NaN.
    """
    problem = problem_of(record)
    model = record.model
    starts = np.array([s.start for s in record.observations.series])
    if isinstance(model, Stepper):
        states, observed, status = rolled_out(problem, engine, times, theta)
        return _prediction(record, times, states, observed, status)
    symbol = problem.theta()
    graph = problem.rebased(model.observation)
    outputs = {f"observed.{n}": e for n, e in graph.outputs.items()}
    outputs["state"] = variable("u", (model.size,))
    grid = np.maximum(times[None, :], starts[:, None])
    program = Integration(
        "solve",
        problem.rebased(model.vector_field),
        Graph((symbol,), {"u0": problem.initial_states(symbol)}),
        starts,
        grid,
        Graph(graph.inputs, outputs),
        record.settings.solver,
    )
    result = engine.integrate(program, theta)
    early = times[None, :] < starts[:, None] - 1e-12
    arrays = {}
    for name, values in result.arrays.items():
        values = np.array(values)
        if mask_before_start and early.any():
            values[:, early] = np.nan
        arrays[name.removeprefix("solve.")] = values
    observed = {n: arrays[f"observed.{n}"] for n in graph.outputs}
    return _prediction(record, times, arrays["state"], observed, np.asarray(result.status))


def _prediction(
    record: Training, times: np.ndarray, states: np.ndarray, observed: dict[str, np.ndarray], status: np.ndarray
) -> Prediction:
    """Labels and attributes for the arrays (seed, trajectory, time, …)."""
    dataset = solution_dataset(record.model, times, states, observed, LEAD)
    dataset = dataset.assign_coords(
        seed=list(record.settings.seeds), trajectory=[s.label for s in record.observations.series]
    )
    for name in dataset.data_vars:
        if name in record.observations.dataset:
            dataset[name].attrs = {**record.observations.dataset[name].attrs, **dataset[name].attrs}
    dataset["time"].attrs = dict(record.observations.dataset["time"].attrs)
    if isinstance(record.model, Stepper):
        dataset = with_conditions(dataset, problem_of(record))
    texts = np.vectorize(lambda c: STATUS.get(int(c), STATUS[5]))(status)
    return Prediction(dataset, states, texts)


def learned_dataset(
    record: Training, engine: Engine, times: np.ndarray, states: np.ndarray, theta: np.ndarray
) -> xr.Dataset:
    """Every network's arguments and output along given states (seed, trajectory, time, n).

    Variables `NETWORK_argument_K` and `NETWORK_output` with dimensions (seed, trajectory, time, …).
    """
    model = record.model
    size = model.layout.size
    variables: dict[str, Any] = {}
    shape = states.shape[:3]
    moments = np.broadcast_to(times, shape[1:]).reshape(-1)
    constants = trajectory_constants(problem_of(record)) if isinstance(model, Stepper) else None
    rows = {} if constants is None else {"c": np.repeat(constants, shape[2], axis=0)}
    for name, term in model.learned.items():
        members = [
            engine.evaluate(
                term.graph,
                {"t": moments, "u": u.reshape(-1, model.size), "theta": row[:size], **rows},
                mapped=("t", "u", *rows),
            )
            for u, row in zip(states, theta, strict=True)
        ]
        for key in members[0]:
            stacked = np.stack([member[key] for member in members])
            array = stacked.reshape(*shape, *stacked.shape[2:])
            label = f"{name}_{key}"
            dims = list(model.dims(label, array.shape[3:]))
            if key == "output" and model.networks[name].outputs > 1:
                dims[-1 if term.layout == "vector" else 0] = f"{name}_component"
            variables[label] = ((*LEAD, "time", *dims), array, {"network": name})
    labels = [s.label for s in record.observations.series]
    used = {dim for dims, *_ in variables.values() for dim in dims}
    space = {dim: points for dim, points in model.coordinates.items() if dim in used}
    coords = {"seed": list(record.settings.seeds), "trajectory": labels, "time": times, **space}
    return xr.Dataset(variables, coords=coords)


def result_times(observations: Observations, count: int = 200) -> np.ndarray:
    """Measured times and, unless a stepper made the solution, starts and an even grid from the first to the last."""
    measured = np.unique(np.concatenate([s.times for s in observations.series]))
    if observations.stepped:
        return measured
    starts = np.unique([s.start for s in observations.series])
    grid = np.linspace(min(starts[0], measured[0]), measured[-1], count)
    return np.unique(np.concatenate([starts, measured, grid]))
