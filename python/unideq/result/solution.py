"""Solving a model: `solve` and the `Solution` that it returns."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import xarray as xr

from ..checks import array as checked_array
from ..checks import flag, known_arguments, mapping
from ..engine import STATUS, Engine, checked_engine, get_engine
from ..engine.clock import jumps_within_steps
from ..engine.steady import check_starts
from ..engine.stiffness import resolve_auto
from ..errors import ModelError, OptionError, SolveError
from ..graph import Expression, Graph, variable
from ..graph.location import warn_user
from ..graph.transform import substitute
from ..model import Model, Parameter, Steady
from ..model.closed import SUFFIX, words_of_term
from ..model.forcing import outside
from ..model.names import normal_keys
from ..objective import Integration, Intervention
from ..objective.own_times import time_dim
from ..objective.tolerance import absolute_tolerances, largest_values, warn_below_tolerance
from ..solvers import Solver, check_beyond, solver_settings, stiff_solver
from ..times import increasing, model_time
from .events import crossed_zero, event_dataset, happened, warn_never, with_events
from .own_inputs import solved_inputs

USUAL = {"rtol": 1e-8, "max_steps": 100_000}
"""What solutions are made with where the caller leaves it open."""
USUAL_ATOL = 1e-8
"""Absolute tolerance of solutions, for states of size one and more."""

__all__ = ["Solution", "initial_states", "solution_dataset", "solve", "time_dims", "warn_outside"]


@dataclass(frozen=True)
class Solution:
    """A solved initial-value problem.

    Attributes
    ----------
    dataset
        States and observables over (trajectory,) time (and space); NaN after a failure.
    status
        `success`, or what went wrong, one a trajectory.
    statistics
        Solver statistics (`steps`, `accepted`, `rejected`), arrays over trajectories.
    solver
        The solver that ran, with the reason where `auto` chose it.
    model
        What was solved, at the parameters and weights that it was solved with.
    events
        What happened, in order of time, over (trajectory,) occurrence: `event`, its name; `event_time`; and the states
        on both of its sides (`side`: before, after). At the time of an event, `dataset` has the state before. None: the
        model has no events.
    """

    dataset: xr.Dataset
    status: tuple[str, ...]
    statistics: dict[str, np.ndarray]
    solver: str
    model: Model = field(repr=False)
    events: xr.Dataset | None = field(default=None, repr=False)

    @property
    def success(self) -> bool:
        """Whether all integrations reached their end."""
        return all(s == STATUS[0] for s in self.status)

    def __getitem__(self, name: str) -> xr.DataArray:
        return self.dataset[name]

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the solution and its model to a netCDF-4 file; read it back with `Solution.load`."""
        from .file import write_solution

        write_solution(self, path)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Solution:
        """Read a file written by `save`.

        Raises
        ------
        FileFormatError
            If it isn't one, is damaged, or comes from a newer version.
        """
        from .file import read_solution

        return read_solution(path)

    def _repr_html_(self) -> str:
        return self.dataset._repr_html_()

    def __repr__(self) -> str:
        steps = ", ".join(f"{k} {np.asarray(v).ravel().tolist()}" for k, v in self.statistics.items())
        return f"Solution by {self.solver}: {', '.join(sorted(set(self.status)))}; {steps}\n{self.dataset!r}"


@known_arguments
def solve(
    model: Model,
    times: Any,
    initial: Mapping[str, Any] | None = None,
    parameters: Any = None,
    *,
    start: float | None = None,
    solver: str | Solver = "auto",
    engine: str | Engine | None = None,
    throw: bool = True,
    conditions: Mapping[str, Any] | None = None,
    forcings: Mapping[str, xr.DataArray] | None = None,
    events: Mapping[str, Any] | None = None,
    intervention: Intervention | Mapping[str, float] | None = None,
) -> Solution:
    """Solve a model's initial-value problem.

    Parameters
    ----------
    model
        What to solve.
    times
        Output times (K,), increasing, in the model's unit of time.
    initial
        State → value (*shape), or (B, *shape) for B trajectories. States left out take the model's `initial`.
    parameters
        Dict of names, a flat θ, or None for the initial values. Of parameters by group a number, or one a trajectory.
    start
        Start time; default: the first output time.
    solver, engine
        As in `unideq.fit`; what the solver leaves open is tighter here: `rtol` is 1e-8, `max_steps` 100 000, `atol`
        1e-8, and for states that start below 0.1, or have a `State.scale` below, 1e-8 of that.
    throw
        Whether a failed integration raises; else look at `Solution.status`.
    conditions
        Condition → one number, or one a trajectory (B,); those left out take their defaults. Coordinate that labels
        groups → a label, or one a trajectory: parameters by group take the values trained for it.
    forcings
        Forcing of a trajectory's own → DataArray over `time`, or (trajectory, time); NaN is left out.
    events
        Table that events are read from → its numbers (K,), or a row a trajectory (B, K); NaN where nothing happens.
    intervention
        What is done to the conditions and forcings: an `Intervention`, or a dict input → what is added.

    Raises
    ------
    DataError
        If output times aren't increasing numbers (dates and time spans say how to convert them), or a condition or
        forcing is missing, unknown, or of another number of trajectories.
    SolveError
        If an integration failed and `throw` is true.
    """
    model.continuous("an adaptive solver")
    grid = increasing(times)
    flag(throw, "throw")
    checked_engine(engine)
    begin = float(grid[0]) if start is None else model_time(start, "`start`")
    if begin > grid[0]:
        raise OptionError(f"`start` ({begin:g}) lies after the first output time ({grid[0]:g}).")
    parameters, conditions = model.shared(parameters, conditions)
    theta = model.resolve_theta(parameters)
    solved = model.with_theta(theta)
    u0, batched = initial_states(model, initial)
    settings = solver_settings(solver, **USUAL)
    runner = get_engine(engine)
    check_beyond(settings, runner.name, model.beyond)
    sizes = largest_values(model.states, u0)
    settings = replace(settings, atol=absolute_tolerances(model.states, settings.atol, sizes, USUAL_ATOL))
    warn_outside(model, begin, float(grid[-1]))
    span = begin, float(grid[-1])
    u0, batched, own = solved_inputs(model, u0, batched, conditions, forcings, span, events)
    if intervention is not None:
        own = own.under(model, Intervention.of(intervention, "intervention", "solve"), span)
    field, observation = own.read(model.vector_field), own.read(model.observation)
    count = len(u0)
    stiff = stiff_solver(runner.name)
    chosen, reason = settings.name, ""
    if settings.name == "auto":
        ends = np.full(count, grid[-1])
        chosen, reason = resolve_auto(
            field, u0, theta, np.full(count, begin), ends, settings.rtol, settings.atol, stiff, own.constants,
            model.beyond,
        )  # fmt: skip
    settings = settings if settings.name == chosen else settings.by(chosen)
    # The initial values travel behind θ, so that solving again from elsewhere compiles nothing.
    symbol, size = model.layout.variable(), model.layout.size
    both = variable("theta", (size + u0.size,))
    vector_field, graph = (_rebased(g, symbol, both, size) for g in (field, observation))
    outputs = {f"observed.{n}": e for n, e in graph.outputs.items()}
    outputs["state"] = variable("u", (model.size,))
    start_values: Any = both[size:]
    rows, wanted, moments = np.broadcast_to(grid, (count, len(grid))).copy(), None, []
    if own.happening:
        rows, wanted, moments = with_events(rows, own.happening)
    resting, rest = model.size if model.begins_at_rest and not initial else 0, model.resting_field
    program = Integration(
        "solve",
        vector_field,
        own.start(both, start_values.reshape(u0.shape)),
        np.full(count, begin),
        rows,
        Graph(graph.inputs, outputs),
        settings,
        own.events(solved, lambda g: _rebased(g, symbol, both, size)),
        steady=resting,
        rest=_rebased(own.read(rest), symbol, both, size) if resting and rest is not None else None,
        algebraic=model.states.algebraic,
        delays=model.delays,
    )
    both_values = np.concatenate([theta, u0.ravel()])
    check_starts(program, both_values, model.states, range(count) if own.labels is None else own.labels)
    for told in jumps_within_steps(program):
        warn_user(told[0].upper() + told[1:])
    result = runner.integrate(program, both_values)
    status = tuple(STATUS.get(int(code), STATUS[5]) for code in result.status)
    arrays, occurred = dict(result.arrays), None
    if wanted is not None:
        every = arrays["solve.state"]
        arrays = {n: np.stack([v[b, at] for b, at in enumerate(wanted)]) for n, v in arrays.items()}
        assert solved.jump is not None
        jump = own.read(solved.jump)
        found = happened(jump, own.happening, every, moments, theta, own.constants)
        crossed = crossed_zero(jump, program, result.crossings, theta, own.constants)
        occurred = event_dataset(solved, [[*a, *b] for a, b in zip(crossed, found, strict=True)])
        warn_never(solved, occurred)
    observed = {n: arrays[f"solve.observed.{n}"] for n in graph.outputs}
    if settings.dt is None:
        reached = largest_values(model.states, arrays["solve.state"])
        warn_below_tolerance(model.states, settings.atol, {n: sizes[n] or reached[n] for n in reached})
    dataset = own.labelled(model, solution_dataset(model, grid, arrays["solve.state"], observed))
    label = chosen + (f" ({reason})" if reason else "")
    if occurred is not None:
        occurred = own.labelled(model, occurred)
    solution = Solution(
        dataset if batched else dataset.isel(trajectory=0, drop=True),
        status,
        result.statistics,
        label,
        solved,
        occurred if batched or occurred is None else occurred.isel(trajectory=0, drop=True),
    )
    if throw and not solution.success:
        first = next(i for i, s in enumerate(status) if s != STATUS[0])
        finite = np.isfinite(arrays["solve.state"][first]).all(axis=-1)
        reached = grid[finite][-1] if finite.any() else begin
        where = f" (trajectory {first})" if batched else ""
        raise SolveError(
            f"`{chosen}` didn't reach t = {grid[-1]:g}{where}: {status[first]}; last good output at t = {reached:g}. "
            f'Try `solver="{stiff}"` for stiff problems, a larger `max_steps`, looser tolerances, '
            "or `throw=False` to look at it."
        )
    return solution


def _rebased(graph: Graph, own: Expression, both: Expression, size: int) -> Graph:
    """A graph of θ as one of a longer vector that begins with it."""
    inputs = tuple(both if i is own else i for i in graph.inputs)
    return substitute(graph, {own: both[:size]}, inputs)


def warn_outside(model: Model, first: float, last: float) -> None:
    """Warn where forcings aren't known at the times that are solved for."""
    for name, (begin, end, _) in outside(model.forcing, first, last).items():
        warn_user(
            f"Forcing `{name}` is known from t = {begin:g} to {end:g}, and the model is solved from {first:g} to "
            f"{last:g}: beyond its ends it keeps its end values."
        )


def solution_dataset(
    model: Model,
    times: np.ndarray,
    states: np.ndarray,
    observed: Mapping[str, np.ndarray],
    lead: tuple[str, ...] = ("trajectory",),
) -> xr.Dataset:
    """States (and observables that aren't states) with dimensions (*lead, time, *space); `times` as in `predict`."""
    along = (*lead, time_dim(times))
    parts = {s.name: (model.states.split(states)[s.name], s) for s in model.states}
    variables: dict[str, Any] = {}
    for name, (values, state) in parts.items():
        attrs = {k: v for k, v in (("units", state.units), ("long_name", state.description)) if v}
        variables[name] = ((*along, *model.dims(name, state.shape)), values, attrs)
    closed = model.named["closure"].outputs if "closure" in model.named else {}
    terms = {n + SUFFIX: {"long_name": words_of_term(n)} for n in closed}
    for name, values in observed.items():
        if name not in variables:
            dims = (*along, *model.dims(name, values.shape[len(along) :]))
            variables[name] = (dims, values, terms.get(name, {}))
    used = {dim for dims, *_ in variables.values() for dim in dims}
    space = {dim: points for dim, points in model.coordinates.items() if dim in used}
    return xr.Dataset(variables, coords={"time": (time_dims(times), times), **space})


def time_dims(times: np.ndarray) -> tuple[str, ...]:
    """Dimensions of the coordinate `time`."""
    return ("trajectory", time_dim(times)) if times.ndim == 2 else ("time",)


def initial_states(model: Model, initial: Mapping[str, Any] | None) -> tuple[np.ndarray, bool]:
    """Initial states (B, n) where a model is solved, and whether the caller gave several trajectories."""
    values: dict[str, np.ndarray] = {}
    for name, value in model.initial.items():
        if not isinstance(value, str):
            if isinstance(value, Steady):
                value = value.of(model.states[name])
            values[name] = value.array if isinstance(value, Parameter) else np.asarray(value, dtype=float)
    for name, value in normal_keys(
        mapping(initial, "initial", needs="a dict state → value", none=True, error=ModelError)
    ).items():
        shape = model.states[name].shape
        array = checked_array(value, f"initial value of {name}", finite=False, error=ModelError)
        if array.shape != shape and (array.ndim != len(shape) + 1 or array.shape[1:] != shape) and array.shape != ():
            raise ModelError(
                f"The initial value of `{name}` needs shape {shape}, or (B, *{shape}) for B trajectories, "
                f"not {array.shape}."
            )
        if not np.isfinite(array).all():
            raise ModelError(f"The initial value of `{name}` isn't finite.")
        values[name] = array
    left = [s.name for s in model.states if initial and not s.algebraic and s.name not in normal_keys(initial)]
    if left and model.begins_at_rest:
        raise ModelError(
            f"`initial` says nothing of `{left[0]}`, and the model begins at its steady state, which is one of all "
            "states. Give all initial values, or none."
        )
    counts = {len(v) for n, v in values.items() if v.ndim == len(model.states[n].shape) + 1}
    if len(counts) > 1:
        raise ModelError(f"Initial values disagree about the number of trajectories: {sorted(counts)}.")
    count = counts.pop() if counts else 1
    if not count:
        raise ModelError("The initial values are of no trajectory: their leading axis has length zero.")
    u0 = model.states.join(values, (count,))
    return u0, any(v.ndim == len(model.states[n].shape) + 1 for n, v in values.items())
