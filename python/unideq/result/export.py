"""Writing standalone Julia scripts: `ODE.export_julia` and `Fit.export_julia` come here."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import xarray as xr

from ..checks import flag, known_arguments, writable
from ..engine.clock import own_clock
from ..engine.stiffness import resolve_auto
from ..engine.stops import stops_of
from ..errors import ModelError, OptionError
from ..model import Model
from ..model.export import Setup, julia_script
from ..objective.tolerance import absolute_tolerances, largest_values
from ..solvers import Solver, solver_settings, stiff_solver
from ..times import increasing, model_time
from .own_inputs import solved_inputs
from .solution import USUAL, USUAL_ATOL, initial_states

__all__ = ["export_julia"]


@known_arguments
def export_julia(
    model: Model,
    path: str | os.PathLike[str],
    times: Any,
    initial: Mapping[str, Any] | None = None,
    parameters: Any = None,
    *,
    start: float | None = None,
    solver: str | Solver = "auto",
    overwrite: bool = False,
    conditions: Mapping[str, Any] | None = None,
    forcings: Mapping[str, xr.DataArray] | None = None,
) -> None:
    """Write a Julia script that solves a model as `solve` does, without Python.

    Parameters
    ----------
    model
        What to solve.
    path
        The file, e.g. `model.jl`.
    times, initial, parameters, start, solver, conditions, forcings
        As in `solve`; one trajectory only.
    overwrite
        Whether a file of that name may be replaced.

    Raises
    ------
    OptionError
        If the file exists already, or can't be written.
    """
    target = writable(path, what="The script")
    if not flag(overwrite, "overwrite") and target.exists():
        raise OptionError(f"`{target}` exists. Choose another name, or write `overwrite=True`.")
    model.continuous("a script")
    if model.triggers:
        raise ModelError(
            f"A script can't have events, and the model has `{model.triggers[0].name}`. Solve it here, "
            "`model.solve(...)`."
        )
    found = next((s.name for s in model.states if s.algebraic), None)
    if found is not None:
        raise ModelError(
            f"A script solves no algebraic equations, and `{found}` has one. Solve it here, `model.solve(...)`."
        )
    if model.delays:
        raise ModelError(
            f"A script has no delays, and the model has (`state.lag({model.delays[0]:g})`). Solve it here, "
            "`model.solve(...)`."
        )
    grid = increasing(times)
    begin = float(grid[0]) if start is None else model_time(start, "`start`")
    if begin > grid[0]:
        raise OptionError(f"`start` ({begin:g}) lies after the first output time ({grid[0]:g}).")
    theta = model.resolve_theta(parameters)
    if model.begins_at_rest and not initial:
        raise ModelError(
            "A script begins at numbers, and the model at its steady state. Give `initial=`, e.g. a solution's first "
            "values."
        )
    u0, batched = initial_states(model, initial)
    u0, batched, own = solved_inputs(model, u0, batched, conditions, forcings, (begin, float(grid[-1])))
    if batched:
        raise ModelError(
            "A script solves one trajectory: give each state one initial value, without a leading axis, "
            "and each condition and forcing one too."
        )
    model = own.alone(model)
    settings = solver_settings(solver, **USUAL)
    sizes = largest_values(model.states, u0)
    settings = replace(settings, atol=absolute_tolerances(model.states, settings.atol, sizes, USUAL_ATOL))
    if settings.name == "auto":
        ends = np.array([[begin], [grid[-1]]])
        name, _ = resolve_auto(
            model.vector_field, u0, theta, ends[0], ends[1], settings.rtol, settings.atol, stiff_solver("julia")
        )
        settings = settings.by(name)
    setup = Setup(theta, u0[0], begin, grid, settings)
    text = julia_script(model, _on_own_clock(model, setup))
    try:
        target.write_text(text, encoding="utf-8")
    except OSError as error:
        raise OptionError(f"`{target}` can't be written: {error.strerror or error}.") from error


FAR = 1e3
"""Start times beyond so many spans of the solve are far from zero: a script then counts time from elsewhere."""


def _on_own_clock(model: Model, setup: Setup) -> Setup:
    """With the stops of the model's forcings, and in time since the start where that is far from zero."""
    graph, origin, end = model.named_vector_field, 0.0, float(setup.times[-1])
    if abs(setup.start) > FAR * (end - setup.start):
        graph, zero = own_clock(graph, np.array([setup.start]))
        origin = float(zero[0])
    found = stops_of(graph, setup.solver.rtol)
    stops, jumps = (t[(t > setup.start - origin) & (t < end - origin)] for t in (found.times, found.jumps))
    if setup.solver.fixed and setup.solver.dt:  # fixed steps go on as they are, and meet some of the jumps
        steps = (jumps - (setup.start - origin)) / setup.solver.dt
        stops, jumps = stops[:0], jumps[np.abs(steps - np.round(steps)) < 1e-9]
    return replace(setup, vector_field=graph, origin=origin, stops=stops, jumps=jumps)
