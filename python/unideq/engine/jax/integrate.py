"""An `Integration` as a JAX function: batches of initial-value problems through diffrax, with status and statistics."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import diffrax
import jax
import jax.numpy as jnp
import numpy as np

from ...graph import partition
from ...objective.program import Integration, shapes_key
from ...solvers import check_solver
from ..clock import ON_GRID, clocked
from .lengths import alike, in_groups, of_rows
from .lowering import lower, rows_read
from .solvers import make_adjoint, make_controller, make_solver
from .stepping import between_jumps, padded, rounding

if TYPE_CHECKING:
    from .arguments import Reader

__all__ = ["Data", "integration_data", "integration_key", "make_integration", "make_masked_integration"]

Data = dict[str, Any]

# Without the jit that diffrax wraps around it: we compile the whole program, and that jit's cache would outlive ours.
_diffeqsolve: Callable[..., diffrax.Solution] = getattr(diffrax.diffeqsolve, "__wrapped__", diffrax.diffeqsolve)

_CODES = (
    (diffrax.RESULTS.successful, 0),
    (diffrax.RESULTS.max_steps_reached, 1),
    (diffrax.RESULTS.nonfinite, 2),
    (diffrax.RESULTS.dt_min_reached, 3),
    (diffrax.RESULTS.nonlinear_divergence, 4),
    (diffrax.RESULTS.nonlinear_max_steps_reached, 4),
)


def integration_data(integration: Integration) -> Data:
    """What may change from call to call without compiling anew; see `check_solver` for what it raises."""
    settings = integration.solver
    check_solver(settings, "jax")  # here, as code compiled for others may serve
    clock = clocked(integration)
    data = {"start": clock.start, "times": clock.times, "seen": np.asarray(integration.times, float)}
    data |= {"stops": padded(clock.stops), "jumps": padded(clock.jumps)}
    if integration.data:
        data["rows"] = np.asarray(integration.data["rows"], float)
    groups = alike(integration)
    if groups is not None:
        data["groups"] = groups
    if settings.fixed:
        return {**data, "dt": np.asarray(settings.dt, float)}
    size = integration.vector_field.input("u").size
    return {**data, "rtol": np.asarray(settings.rtol), "atol": np.broadcast_to(np.asarray(settings.atol), (size,))}


def integration_key(integration: Integration, reader: Reader) -> tuple:
    """Equal for integrations that differ in their numbers only."""
    settings = replace(integration.solver, dt=None, rtol=1.0, atol=1.0)
    clock = clocked(integration)
    graphs = reader.field(clock.vector_field), reader.graph(integration.initial, everything=True)
    groups = alike(integration)
    batches = integration.times.shape, shapes_key(integration.data), () if groups is None else groups.shape
    shapes = *batches, padded(clock.stops).shape, padded(clock.jumps).shape
    return "integration", integration.name, *graphs, reader.field(integration.observe), settings, shapes


def _status(result: Any, saved: Any) -> jax.Array:
    code = jnp.asarray(5)
    for member, number in _CODES:
        code = jnp.where(result == member, number, code)
    # Fixed steps know no failure, and a start that isn't finite ends the loop before it begins.
    return jnp.where((code == 0) & ~jnp.all(jnp.isfinite(saved)), 2, code)


def make_integration(integration: Integration, forward_mode: bool = False) -> Callable[..., Any]:
    """`(theta (P,), data) -> arrays, status (B,), statistics`, arrays being NAME.OUTPUT → (B, K, …).

    Besides numbers of steps (B,), the statistics say which times were `reached` (B, K).
    What it returns serves all integrations of one form: whatever else differs between them must come through `data`, or
    stand in a graph that `Arguments` reads.

    Parameters
    ----------
    integration
        What to solve; its times come through `data`.
    forward_mode
        Whether the function is to be differentiated forwards (`jax.jvp`) instead of backwards.
    """
    settings = integration.solver
    solver = make_solver(settings.entry)
    adjoint = diffrax.ForwardMode() if forward_mode else make_adjoint(settings.adjoint)
    clock = clocked(integration)
    once, body = partition(clock.vector_field, "theta")
    prologue, field, rows = lower(once), lower(body), rows_read(body)
    initial, observe, observed_rows = (
        lower(integration.initial), lower(integration.observe), rows_read(integration.observe),
    )  # fmt: skip
    single = integration.solved == 1
    jumps = clock.jumps.shape[-1] > 0
    grouped = alike(integration) is not None
    # Steps that end at a forcing's knots don't count.
    limit = settings.max_steps + padded(clock.stops).shape[-1]

    def solve(start: Any, times: Any, own: Any, stops: Any, fixed: Any, steps: Any) -> Any:
        method, u0, steps = solver, own["u0"], {**steps, **stops}
        constants = {name: own[name] for name in ("c",) if name in own}
        tables = rows(constants)
        term = diffrax.ODETerm(lambda t, u, given: field({"t": t, "u": u, **tables, **given})["du"])
        if jumps:
            margin = 2 * rounding(start, times[-1])
            method = between_jumps(solver, margin + 2 * ON_GRID * steps.get("dt", 0.0))
        solution = _diffeqsolve(
            term,
            method,
            start,
            times[-1],
            steps.get("dt"),
            u0,
            {**fixed, **constants},
            saveat=diffrax.SaveAt(ts=times),
            stepsize_controller=make_controller(settings.entry, steps),
            adjoint=adjoint,
            max_steps=limit,
            throw=False,
        )
        counts = {key: solution.stats[f"num_{key}"] for key in ("steps", "accepted_steps", "rejected_steps")}
        return solution.ys, _status(solution.result, solution.ys), counts

    def observed(times: Any, states: Any, own: Any, theta: Any) -> dict[str, Any]:
        def along(times: Any, states: Any, constants: Any) -> Any:
            given = {"theta": theta, **constants, **observed_rows(constants)}
            return jax.vmap(lambda t, u: observe({"t": t, "u": u, **given}))(times, states)

        constants = {name: own[name] for name in ("c",) if name in own}
        return {f"{integration.name}.{key}": value for key, value in jax.vmap(along)(times, states, constants).items()}

    def together(theta: Any, fixed: Any, own: Any, data: Mapping[str, Any]) -> Any:
        """The same of trajectories that are solved in one loop."""
        start, times = data["start"], data["times"]
        steps = {key: data[key] for key in ("dt", "rtol", "atol") if key in data}
        stops = {key: data[key] for key in ("stops", "jumps")}
        if single:  # a batch of one costs more than no batch
            first = {key: value[0] for key, value in own.items()}
            own_stops = {key: value.reshape(value.shape[-1:]) for key, value in stops.items()}
            states, status, counts = solve(start[0], times[0], first, own_stops, fixed, steps)
            states, status, counts = states[None], status[None], {k: v[None] for k, v in counts.items()}
        else:
            axes = {key: 0 if value.ndim == 2 else None for key, value in stops.items()}
            along = jax.vmap(solve, in_axes=(0, 0, 0, axes, None, None))
            states, status, counts = along(start, times, own, stops, fixed, steps)
        statistics = {
            "steps": counts["steps"],
            "accepted": counts["accepted_steps"],
            "rejected": counts["rejected_steps"],
            "reached": jnp.cumprod(jnp.all(jnp.isfinite(states), axis=-1), axis=-1).astype(bool),
        }
        return observed(data["seen"], states, own, theta), status, statistics

    def run(theta: jax.Array, data: Mapping[str, Any]) -> Any:
        fixed = prologue({"theta": theta})
        own = initial({"theta": theta})
        along = lambda own, data: together(theta, fixed, own, data)  # noqa: E731
        if grouped:
            return in_groups(along, data["groups"], own, data)
        return along(*of_rows(data["rows"].astype(int), own, data)) if "rows" in data else along(own, data)

    return run


def make_masked_integration(integration: Integration) -> Callable[..., Any]:
    """The same with NaN from where a solve failed on, and without the statistic `reached`."""
    run = make_integration(integration)

    def solve(theta: jax.Array, data: Mapping[str, Any]) -> Any:
        arrays, status, statistics = run(theta, data)
        reached = statistics.pop("reached")
        masked = {
            key: jnp.where(reached.reshape(reached.shape + (1,) * (value.ndim - 2)), value, jnp.nan)
            for key, value in arrays.items()
        }
        return masked, status, statistics

    return solve
