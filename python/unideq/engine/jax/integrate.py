"""An `Integration` as a JAX function: batches of initial-value problems through diffrax, with status and statistics."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import diffrax
import jax
import jax.numpy as jnp
import numpy as np

from ...graph import Graph, partition
from ...objective.program import Integration, shapes_key
from ...solvers import check_beyond, check_solver
from ..clock import MOST_RECORDED, ON_GRID, check_events, clocked
from .crossings import CrossingController, Watched, marked_term, with_crossings
from .events import Known, with_events
from .lengths import alike, in_groups, of_rows
from .lowering import lower, rows_read
from .solvers import make_adjoint, make_controller, make_solver
from .steady import steady_state
from .stepping import between_jumps, padded, rounding
from .unchecked import unchecked_times

if TYPE_CHECKING:
    from .arguments import Reader

__all__ = ["READ", "Data", "integration_data", "integration_key", "make_integration", "make_masked_integration"]

Data = dict[str, Any]
READ = "read"
"""Among the data of a source: the arrays of earlier ones that it reads."""

# Without the jit that diffrax wraps around it: we compile the whole program, and that jit's cache would outlive ours.
_diffeqsolve: Callable[..., diffrax.Solution] = getattr(diffrax.diffeqsolve, "__wrapped__", diffrax.diffeqsolve)

_CODES = (
    (diffrax.RESULTS.successful, 0),
    (diffrax.RESULTS.max_steps_reached, 1),
    (diffrax.RESULTS.nonfinite, 2),
    (diffrax.RESULTS.dt_min_reached, 3),
    (diffrax.RESULTS.nonlinear_divergence, 4),
    (diffrax.RESULTS.nonlinear_max_steps_reached, 4),
    (diffrax.RESULTS.event_occurred, 6),  # again and again: `CrossingController` says so
)


def integration_data(integration: Integration) -> Data:
    """What may change from call to call without compiling anew; see `check_solver` for what it raises."""
    settings = integration.solver
    check_solver(settings, "jax")  # here, as code compiled for others may serve
    check_beyond(settings, "jax", integration.beyond)
    clock = clocked(integration)
    data = {"start": clock.start, "times": clock.times, "seen": np.asarray(integration.times, float)}
    data |= {"stops": padded(clock.stops), "jumps": padded(clock.jumps)}
    if integration.data:
        data["rows"] = np.asarray(integration.data["rows"], float)
    groups = alike(integration)
    if groups is not None:
        data["groups"] = groups
    check_events(integration, "jax")
    if clock.happening is not None and clock.rows is not None:
        when = padded(clock.happening)
        behind = when.shape[-1] - clock.happening.shape[-1]
        data |= {"when": when, "occurring": np.pad(clock.rows, ((0, 0), (0, behind), (0, 0)), mode="edge")}
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
    happening: tuple = ()
    if integration.events is not None and clock.happening is not None:
        found = integration.events
        graphs_read = tuple(map(reader.field, found.graphs))
        sizes = padded(clock.happening).shape, found.rows.shape[-1], clock.most_at_once
        happening = graphs_read, sizes, found.numbers, found.directions
    if integration.rest is not None:
        happening = *happening, reader.field(integration.rest)
    own = integration.name, integration.steady
    return "integration", *own, *graphs, reader.field(integration.observe), settings, shapes, happening


def _status(result: Any, saved: Any) -> jax.Array:
    code = jnp.asarray(5)
    for member, number in _CODES:
        code = jnp.where(result == member, number, code)
    # Fixed steps know no failure, and a start that isn't finite ends the loop before it begins.
    return jnp.where((code == 0) & ~jnp.all(jnp.isfinite(saved)), 2, code)


def _changes(integration: Integration) -> dict[str, Callable[..., Any]]:
    """What happens at events, and at rest: `once`, what of it θ alone decides, by names of its own; and functions of
    (t, u, …, given): `jump`, of crossings of zero `level` and `rate`, and `rest`."""
    graphs = {} if integration.rest is None else {"rest": _renamed(integration.rest, rest="du")}
    if integration.events is not None:
        graphs["jump"] = integration.events.jump
        crossing = integration.events.crossing
        graphs |= {} if crossing is None else {k: _renamed(crossing, **{k: old}) for k, old in _OUTPUTS.items()}
    if not graphs:
        return {"once": lambda values: {}}
    parted = {key: partition(graph, "theta") for key, graph in graphs.items()}
    first = {key: lower(once) for key, (once, _) in parted.items()}
    bodies = {key: (lower(body), rows_read(body)) for key, (_, body) in parted.items()}

    def once(values: Any) -> dict[str, Any]:
        return {f"{key}.{name}": value for key, run in first.items() for name, value in run(values).items()}

    def apart(key: str, given: Mapping[str, Any], **values: Any) -> Any:
        run, rows = bodies[key]
        own = {name.removeprefix(f"{key}."): value for name, value in given.items() if name.startswith(f"{key}.")}
        constants = {name: given[name] for name in ("c",) if name in given}
        return run({**values, **constants, **rows(constants), **own})[key]

    return {
        "once": once,
        "jump": lambda t, u, e, given: apart("jump", given, t=t, u=u, e=e),
        "level": lambda t, u, given: apart("level", given, t=t, u=u),
        "rate": lambda t, u, given: apart("rate", given, t=t, u=u),
        **({"rest": lambda t, u, given: apart("rest", given, t=t, u=u)} if "rest" in graphs else {}),
    }


def _renamed(graph: Graph, **output: str) -> Graph:
    """One output of a graph by another name."""
    return Graph(graph.inputs, {name: graph.outputs[old] for name, old in output.items()})


_OUTPUTS = {"level": "value", "rate": "rate"}


def make_integration(integration: Integration, forward_mode: bool = False, recorded: int = 0) -> Callable[..., Any]:
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
    recorded
        How many crossings of zero are among the statistics, `crossings`.
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
    changes = _changes(integration)
    found, most = integration.events, clock.most_at_once
    watching = found is not None and found.crossing is not None
    single, rests = integration.solved == 1, integration.steady
    jumps = clock.jumps.shape[-1] > 0
    grouped = alike(integration) is not None
    # Steps that end at a forcing's knots don't count.
    limit = settings.max_steps + padded(clock.stops).shape[-1]

    def solve(start: Any, times: Any, own: Any, stops: Any, fixed: Any, steps: Any) -> Any:
        method, u0, steps = solver, own["u0"], {**steps, **stops}
        constants = {name: own[name] for name in ("c",) if name in own}
        tables = rows(constants)
        slope = lambda t, u, given: field({"t": t, "u": u, **tables, **given})["du"]  # noqa: E731
        if rests:
            first, rest = u0[:rests], u0[rests:]
            at_rest = changes.get("rest", slope)
            still = lambda u: at_rest(start, jnp.concatenate([u, rest]), {**fixed, **constants})[:rests]  # noqa: E731
            u0 = jnp.concatenate([steady_state(still, first), rest])
        begun = u0
        term = marked_term(slope) if watching else diffrax.ODETerm(slope)
        controller = make_controller(settings.entry, steps)
        if jumps:
            margin = 2 * rounding(start, times[-1])
            method = between_jumps(solver, margin + 2 * ON_GRID * steps.get("dt", 0.0))
        known, same = None, rounding(start, times[-1]) + ON_GRID * steps.get("dt", 0.0)
        if most:
            known = Known(steps["when"], steps["occurring"], same, changes["jump"], most)
            u0, known = known(start, u0, {**fixed, **constants}), known.after(start)
        save = diffrax.SaveAt(ts=times)
        if watching:
            assert found is not None
            span = jnp.maximum(jnp.abs(start), jnp.abs(times[-1]))
            watched = Watched(
                span, changes["level"], changes["rate"], changes["jump"], found.numbers, found.directions,
                found.rows.shape[-1], recorded,
            )  # fmt: skip
            u0, controller = (u0, watched.marks(u0)), CrossingController(controller)
            method = with_crossings(method, watched, known, same)
            state_of = lambda t, y, given: y[0] if isinstance(y, tuple) else y  # noqa: E731
            save = diffrax.SaveAt(ts=times, fn=state_of)
            if recorded:
                marks = diffrax.SubSaveAt(t1=True, fn=lambda t, y, given: y[1]["found"])
                save = diffrax.SaveAt(subs=[diffrax.SubSaveAt(ts=times, fn=state_of), marks])
        elif known is not None:
            method = with_events(method, known)
        with unchecked_times():
            solution = _diffeqsolve(
                term,
                method,
                start,
                times[-1],
                steps.get("dt"),
                u0,
                {**fixed, **constants},
                saveat=save,
                stepsize_controller=controller,
                adjoint=adjoint,
                max_steps=limit,
                throw=False,
            )
        counts = {key: solution.stats[f"num_{key}"] for key in ("steps", "accepted_steps", "rejected_steps")}
        states: Any = solution.ys
        if watching and recorded:
            states, crossings = states
            counts |= {"crossings": crossings[0]}
        if most:
            states = jnp.where((times <= start)[:, None], begun, states)
        return states, _status(solution.result, states), counts

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
        stops = {key: data[key] for key in ("stops", "jumps", "when", "occurring") if key in data}
        if single:  # a batch of one costs more than no batch
            first = {key: value[0] for key, value in own.items()}
            own_stops = {key: value[0] if value.ndim > 1 else value for key, value in stops.items()}
            states, status, counts = solve(start[0], times[0], first, own_stops, fixed, steps)
            states, status, counts = states[None], status[None], {k: v[None] for k, v in counts.items()}
        else:
            axes = {key: 0 if value.ndim > 1 else None for key, value in stops.items()}
            along = jax.vmap(solve, in_axes=(0, 0, 0, axes, None, None))
            states, status, counts = along(start, times, own, stops, fixed, steps)
        statistics = {
            "steps": counts["steps"],
            "accepted": counts["accepted_steps"],
            "rejected": counts["rejected_steps"],
            "reached": jnp.cumprod(jnp.all(jnp.isfinite(states), axis=-1), axis=-1).astype(bool),
            **{key: counts[key] for key in ("crossings",) if key in counts},
        }
        return observed(data["seen"], states, own, theta), status, statistics

    def run(theta: jax.Array, data: Mapping[str, Any]) -> Any:
        fixed = {**prologue({"theta": theta}), **changes["once"]({"theta": theta})}
        own = initial({"theta": theta, **data.get(READ, {})})
        along = lambda own, data: together(theta, fixed, own, data)  # noqa: E731
        if grouped:
            return in_groups(along, data["groups"], own, data)
        if "rows" not in data:
            return along(own, data)
        chosen, data = of_rows(data["rows"].astype(int), {} if integration.reads else own, data)
        return along(chosen or own, data)

    return run


def make_masked_integration(integration: Integration) -> Callable[..., Any]:
    """The same with NaN from where a solve failed on, and without the statistic `reached`."""
    run = make_integration(integration, recorded=MOST_RECORDED)

    def solve(theta: jax.Array, data: Mapping[str, Any]) -> Any:
        arrays, status, statistics = run(theta, data)
        reached = statistics.pop("reached")
        masked = {
            key: jnp.where(reached.reshape(reached.shape + (1,) * (value.ndim - 2)), value, jnp.nan)
            for key, value in arrays.items()
        }
        return masked, status, statistics

    return solve
