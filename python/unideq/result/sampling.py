"""What a trained model says: its solution, observables and learned terms, for every seed on one time grid."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import xarray as xr

from ..engine import STATUS, Engine, Integrated
from ..graph import Graph, variable
from ..graph.location import warn_user
from ..model import with_rows
from ..objective import EstimationProblem, Integration, Intervention, Observations, SolverSettings
from ..objective.intervention import altered
from ..objective.own_inputs import constant_rows
from ..objective.own_times import has_own_times, padded_values, time_dim
from ..solvers import adjoints_of, counterpart
from ..training.record import Record
from .events import crossed_zero, event_dataset, happened, warn_never, with_events
from .own_inputs import replaced_inputs
from .solution import solution_dataset, time_dims
from .stepping import rolled_out

__all__ = [
    "Prediction",
    "common_times",
    "grow_by_factors",
    "labelled",
    "learned_dataset",
    "predict",
    "problem_of",
    "problem_on",
    "result_times",
    "solver_on",
]

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
    events
        What happened, as `Solution.events`, with a dimension `seed`; None: the model has no events.
    """

    def __init__(self, solution: xr.Dataset, states: np.ndarray, status: np.ndarray) -> None:
        self.solution, self.states, self.status = solution, states, status
        self.events: xr.Dataset | None = None

    @property
    def labels(self) -> list[Any]:
        """Of the trajectories."""
        return self.solution["trajectory"].values.tolist()


def problem_on(train: Observations, everything: Observations, model: Any, settings: Any) -> EstimationProblem:
    """The problem of a fit's settings; `everything`: training and held-out measurements together."""
    return EstimationProblem.make(
        model,
        train,
        everything,
        settings.loss,
        settings.solver,
        settings.regulariser,
        settings.costs,
        settings.estimate_initial,
        settings.rankings,
    )


def problem_of(record: Record) -> EstimationProblem:
    """The problem that a record's θ belongs to, on all measurements."""
    train, _ = record.observations.split(record.settings.holdout)
    made = problem_on(train, record.observations, record.model, record.settings)
    # θ means what the record's layout says, whatever scales this version would choose.
    return replace(made, layout=record.layout)


def predict(
    record: Record,
    engine: Engine,
    times: np.ndarray,
    theta: np.ndarray,
    mask_before_start: bool = True,
    inputs: tuple[Any, Any, Any, Intervention | None] | None = None,
) -> Prediction:
    """Solve for every seed (θ (S, P)) and trajectory from its start through `times`.

    `times` increase: one axis (K,), or a row a trajectory (B, K), NaN behind its end. Solutions at times before a
    trajectory's start are NaN, and so are those behind a row's end. `inputs`: conditions, forcings and
    events instead of the data's, and what is done to them.
    """
    problem = problem_of(record)
    model, data = record.model, record.observations
    if inputs is not None:
        constants, tables, groups, happening = replaced_inputs(
            model, data.series, data.dataset, *inputs[:3], data.clock, problem.groups
        )
        if (done := inputs[3]) is not None:
            for s in data.series:
                done.check_within(s.label, s.start, float(np.nanmax(times)), f"`{done}`")
            constants = constant_rows(model, data.series) if constants is None else constants
            constants, tables = altered(model, constants, tables, range(len(data)), [done] * len(data))
        problem = replace(problem, constants=constants, tables=tables, groups=groups, happening=happening)
    starts = np.array([s.start for s in record.observations.series])
    if not model.continuous_in_time:
        states, observed, status = rolled_out(problem, engine, times, theta)
        return _prediction(problem, record, times, states, observed, status, theta)
    symbol = problem.theta()
    graph = problem.rebased(model.observation)
    outputs = {f"observed.{n}": e for n, e in graph.outputs.items()}
    outputs["state"] = variable("u", (model.size,))
    rows = np.broadcast_to(times, (len(starts), times.shape[-1]))
    ends = np.nanmax(rows, axis=1, keepdims=True)
    grid = np.maximum(np.where(np.isfinite(rows), rows, ends), starts[:, None])
    points, wanted, moments = grid, [], []
    if problem.happening:
        points, wanted, moments = with_events(grid, problem.happening)
    program = Integration(
        "solve",
        problem.rebased(model.vector_field),
        problem.start(problem.initial_states(symbol)),
        starts,
        points,
        Graph(graph.inputs, outputs),
        solver_on(engine, record.settings.solver),
        problem.events(),
        steady=problem.resting,
        rest=problem.rest,
        algebraic=model.states.algebraic,
        delays=model.delays,
    )
    result = engine.integrate(program, theta)
    # Behind a row's end, too: comparisons with NaN are false.
    early = ~(rows >= starts[:, None] - 1e-12)
    arrays = {}
    for name, values in result.arrays.items():
        values = np.stack([values[:, b, at] for b, at in enumerate(wanted)], axis=1) if wanted else np.array(values)
        if mask_before_start and early.any():
            values[:, early] = np.nan
        arrays[name.removeprefix("solve.")] = values
    observed = {n: arrays[f"observed.{n}"] for n in graph.outputs}
    made = _prediction(problem, record, times, arrays["state"], observed, np.asarray(result.status), theta)
    if problem.happening:
        made.events = _events(problem, program, result, moments, theta).assign_coords(
            seed=made.solution["seed"], trajectory=made.solution["trajectory"]
        )
    return made


def _events(
    problem: EstimationProblem, program: Integration, result: Integrated, moments: list[np.ndarray], theta: np.ndarray
) -> xr.Dataset:
    """What happened in every solve, over (seed, trajectory, occurrence)."""
    assert program.events is not None
    jump, rows = program.events.jump, []
    for k, one in enumerate(theta):
        constants = problem.constants_at(one)
        crossings = None if result.crossings is None else result.crossings[k]
        crossed = crossed_zero(jump, program, crossings, one, constants)
        known = happened(jump, problem.happening, result.arrays["solve.state"][k], moments, one, constants)
        rows += [[*a, *b] for a, b in zip(crossed, known, strict=True)]
    found = event_dataset(problem.model, rows, (len(theta), len(moments)), LEAD)
    warn_never(problem.model, found)
    return found


def _prediction(
    problem: EstimationProblem,
    record: Record,
    times: np.ndarray,
    states: np.ndarray,
    observed: dict[str, np.ndarray],
    status: np.ndarray,
    theta: np.ndarray,
) -> Prediction:
    """Labels and attributes for the arrays (seed, trajectory, time, …)."""
    dataset = solution_dataset(record.model, times, states, observed, LEAD)
    dataset = dataset.assign_coords(
        seed=list(record.settings.seeds), trajectory=[s.label for s in record.observations.series]
    )
    dataset = labelled(dataset, record)
    for name in dataset.data_vars:
        if name in record.observations.dataset:
            dataset[name].attrs = {**record.observations.dataset[name].attrs, **dataset[name].attrs}
    dataset["time"].attrs = dict(record.observations.dataset["time"].attrs)
    constants = [problem.constants_at(one) for one in theta] if record.model.conditions else []
    for k, (name, condition) in enumerate(record.model.conditions.items()):
        attrs = {"units": condition.units} if condition.units else {}
        column = np.stack([one[:, k] for one in constants if one is not None])
        own = (LEAD, column) if condition.per is not None else ("trajectory", column[0])
        dataset = dataset.assign_coords({name: (*own, attrs)})
    texts = np.vectorize(lambda c: STATUS.get(int(c), STATUS[5]))(status)
    return Prediction(dataset, states, texts)


def labelled(dataset: xr.Dataset, record: Record) -> xr.Dataset:
    """Results with the names that the data give to the axes of array-valued variables, and their coordinates."""
    labels, model = record.observations.labels, record.model
    if not labels.dims:
        return dataset
    measured = {s.name: model.observed_state(s.name) for s in model.states}
    names = labels.own_names({s: n for s, n in measured.items() if n is not None})
    renamed = {
        n: xr.Variable([names.get(str(d), d) for d in v.dims], v.values, v.attrs) for n, v in dataset.variables.items()
    }
    used = {d for v in renamed.values() for d in v.dims}
    return xr.Dataset(
        {n: renamed[n] for n in dataset.data_vars},
        {n: renamed[n] for n in dataset.coords} | {d: v for d, v in labels.coordinates.items() if d in used},
        dataset.attrs,
    )


def solver_on(engine: Engine, solver: SolverSettings) -> SolverSettings:
    """Training's solver, or its counterpart on an engine that lacks it, with a warning. Nothing is differentiated."""
    here = counterpart(solver, engine.name)
    if here != solver:
        warn_user(
            f"Engine `{engine.name}` lacks the solver `{solver.name}` that training used: `{here.name}` computes "
            "predictions, at the same tolerances."
        )
    return replace(here, adjoint=solver.adjoint if solver.adjoint in adjoints_of(engine.name) else "auto")


def learned_dataset(
    record: Record, engine: Engine, times: np.ndarray, states: np.ndarray, theta: np.ndarray
) -> xr.Dataset:
    """Every network's arguments and output along given states (seed, trajectory, time, n).

    Variables `NETWORK_argument_K` and `NETWORK_output` with dimensions (seed, trajectory, time, …).
    """
    model = record.model
    size = model.layout.size
    variables: dict[str, Any] = {}
    shape = states.shape[:3]
    moments = np.broadcast_to(times, shape[1:]).reshape(-1)
    problem = problem_of(record)
    constants = [problem.constants_at(row) for row in theta]
    rows = [{} if c is None else {"c": np.repeat(c, shape[2], axis=0)} for c in constants]
    for name, term in model.learned.items():
        members = [
            engine.evaluate(
                with_rows(term.graph, problem.tables),
                {"t": moments, "u": u.reshape(-1, model.size), "theta": row[:size], **own},
                mapped=("t", "u", *own),
            )
            for u, row, own in zip(states, theta, rows, strict=True)
        ]
        for key in members[0]:
            stacked = np.stack([member[key] for member in members])
            array = stacked.reshape(*shape, *stacked.shape[2:])
            label = f"{name}_{key}"
            dims = list(model.dims(label, array.shape[3:]))
            if key == "output" and model.networks[name].outputs > 1:
                dims[-1 if term.layout == "vector" else 0] = f"{name}_component"
            variables[label] = ((*LEAD, time_dim(times), *dims), array, {"network": name})
    labels = [s.label for s in record.observations.series]
    used = {dim for dims, *_ in variables.values() for dim in dims}
    space = {dim: points for dim, points in model.coordinates.items() if dim in used}
    lead = {"seed": list(record.settings.seeds), "trajectory": labels}
    return xr.Dataset(variables, coords={**lead, "time": (time_dims(times), times), **space})


def result_times(observations: Observations, count: int = 200) -> np.ndarray:
    """Measured times and, unless a stepper made the solution, starts and a grid of `count` times from first to last.

    The grid is even, or in even factors where the measured times grow by factors; without it (`count=0`), measured
    times alone. One axis (K,) for all trajectories; where those have times of their own, a row each (B, K), NaN behind
    its end.
    """
    series = observations.series
    if has_own_times(observations.dataset):
        return padded_values([_with_grid(s.times, [s.start], observations.stepped, count) for s in series])
    measured = np.unique(np.concatenate([s.times for s in series]))
    return _with_grid(measured, [s.start for s in series], observations.stepped, count)


def common_times(observations: Observations, count: int = 200) -> np.ndarray:
    """As `result_times`, and always one axis: an even grid where trajectories have times of their own."""
    times = result_times(observations, count)
    return times if times.ndim == 1 else np.linspace(np.nanmin(times), np.nanmax(times), count or 200)


def _with_grid(measured: np.ndarray, starts: list[float], stepped: bool, count: int) -> np.ndarray:
    if stepped or not count:
        return measured
    first = min(*starts, measured[0])
    if grow_by_factors(measured):
        grid = np.geomspace(measured[measured > 0][0], measured[-1], count)
        grid[-1] = measured[-1]  # not a rounding error later
    else:
        grid = np.linspace(first, measured[-1], count)
    return np.unique(np.concatenate([starts, measured, grid]))


def grow_by_factors(times: np.ndarray) -> bool:
    """Whether times are those of a stiff problem: over three decades, more than half of them in the first tenth."""
    positive = times[times > 0]
    if len(positive) < 4 or times[0] < 0 or positive[-1] < 1e3 * positive[0]:
        return False
    return bool(np.median(positive) < 0.1 * positive[-1])
