"""What a trained model says: its solution, observables and learned terms, for every seed on one time grid."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from ..engine import STATUS, Engine
from ..graph import Graph, variable
from ..objective import Integration, Observations, Problem
from ..training.record import Training
from .solution import solution_dataset

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
    extra = [e for e in record.layout.entries if e.name not in made.layout]
    return made.extended(extra) if extra else made


def predict(
    record: Training, engine: Engine, times: np.ndarray, theta: np.ndarray, mask_before_start: bool = True
) -> Prediction:
    """Solve for every seed (θ (S, P)) and trajectory from its start through `times` (increasing).

    Times before a trajectory's start are NaN.
    """
    problem = problem_of(record)
    model = record.model
    starts = np.array([s.start for s in record.observations.series])
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
    dataset = solution_dataset(model, times, arrays["state"], observed, LEAD)
    dataset = dataset.assign_coords(
        seed=list(record.settings.seeds), trajectory=[s.label for s in record.observations.series]
    )
    for name in dataset.data_vars:
        if name in record.observations.dataset:
            dataset[name].attrs = {**record.observations.dataset[name].attrs, **dataset[name].attrs}
    dataset["time"].attrs = dict(record.observations.dataset["time"].attrs)
    texts = np.vectorize(lambda c: STATUS.get(int(c), STATUS[5]))(result.status)
    return Prediction(dataset, arrays["state"], texts)


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
    for name, term in model.learned.items():
        members = [
            engine.evaluate(
                term.graph, {"t": moments, "u": u.reshape(-1, model.size), "theta": row[:size]}, mapped=("t", "u")
            )
            for u, row in zip(states, theta, strict=True)
        ]
        for key in members[0]:
            stacked = np.stack([member[key] for member in members])
            array = stacked.reshape(*shape, *stacked.shape[2:])
            label = f"{name}_{key}"
            dims = [f"{label}_{k}" for k in range(array.ndim - 3)]
            if key == "output" and model.networks[name].outputs > 1:
                dims[0 if term.layout == "pointwise" else -1] = f"{name}_component"
            variables[label] = ((*LEAD, "time", *dims), array, {"network": name})
    labels = [s.label for s in record.observations.series]
    return xr.Dataset(variables, coords={"seed": list(record.settings.seeds), "trajectory": labels, "time": times})


def result_times(observations: Observations, count: int = 200) -> np.ndarray:
    """Measured times and an even grid between the first and the last, together."""
    measured = np.unique(np.concatenate([s.times for s in observations.series]))
    grid = np.linspace(measured[0], measured[-1], count)
    return np.unique(np.concatenate([measured, grid]))
