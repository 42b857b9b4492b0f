"""`Integration` as the Julia package reads it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...errors import EngineUnsupported
from ...graph import Graph, constant, jacobian, jvp, substitute, to_json, variable
from ...model.delays import is_past, past_name
from ...objective.program import Integration
from ...solvers import check_beyond, check_solver
from ..clock import MOST_RECORDED, check_events, clocked
from .derived import Parts, Program, as_json, derivatives, forward, once, parts, reverse
from .tableau import tableau_json

__all__ = ["integration_arrays", "integration_program", "reported_crossings"]


def integration_arrays(integration: Integration) -> dict[str, np.ndarray]:
    """Start times (B), output times (B, K) and fixed step (0: none), output times as observations see them (B, K),
    stops (S) and jumps (J), or (B, S) and (B, J); where there are events, their times (B, E) and what they are; which
    are solved (b), where not all are."""
    check_solver(integration.solver, "julia")  # here, as code compiled for others may serve
    check_beyond(integration.solver, "julia", integration.beyond)
    check_events(integration, "julia")
    clock = clocked(integration)
    step = np.array(0.0 if integration.solver.dt is None else integration.solver.dt)
    solved = {"start": clock.start, "times": clock.times, "dt": step}
    solved |= {"seen": integration.times, "stops": clock.stops, "jumps": clock.jumps}
    if clock.happening is not None and clock.rows is not None:
        solved |= {"when": clock.happening, "occurring": clock.rows}
    return {**solved, **integration.data}


def reported_crossings(integration: Integration) -> tuple[int, int]:
    """Shape of what is reported of crossings: time, number of the event, state before."""
    looked_for = integration.events is not None and integration.events.crossing is not None
    return (MOST_RECORDED, 2 + integration.vector_field.input("u").size) if looked_for else (0, 0)


def _jacobian(body: Graph) -> Program:
    """∂du/∂u, non-zeros by row and column, and ∂du/∂t: what implicit solvers need."""

    def make() -> Program:
        matrix = jacobian(body, "u", "du")
        return {
            "values": to_json(matrix.graph),
            "rows": matrix.rows.tolist(),
            "columns": matrix.columns.tolist(),
            "time": to_json(_in_time(body)),
        }

    return once(body, "jacobian", make)


def _in_time(body: Graph) -> Graph:
    """∂du/∂t."""

    def make() -> Graph:
        rate = jvp(body, "t")
        return substitute(rate, {rate.inputs[-1]: constant(1.0)}, rate.inputs[:-1])

    return once(body, "in time", make)


def _second(body: Graph, wrt: Sequence[str], of: Callable[..., Program | None]) -> Program:
    """Derivatives of (∂du/∂u) v and of ∂du/∂t.

    `time` is None where t doesn't occur, both are where a network has no second derivatives.
    """
    along = once(body, "along", lambda: jvp(body, "u"))
    rate = _in_time(body)
    moving = not (rate.outputs["du"].is_constant and not np.any(rate.outputs["du"].value))
    try:
        return {"curvature": of(along, wrt), "time": of(rate, wrt) if moving else None}
    except EngineUnsupported:
        return {"curvature": None, "time": None}


def _looking_back(field: Graph, delays: int) -> Graph:
    """The vector field with what it reads of the past behind `u`."""
    if not delays:
        return field
    u, past = field.input("u"), [field.input(past_name(k)) for k in range(delays)]
    ends = np.cumsum([u.size, *(p.size for p in past)]).tolist()

    def make() -> Graph:
        wide: Any = variable("u", (ends[-1],))
        parts = {p: wide[ends[k] : ends[k + 1]] for k, p in enumerate(past)}
        inputs = tuple(wide if i is u else i for i in field.inputs if not is_past(i))
        return substitute(field, {u: wide[: u.size], **parts}, inputs)

    return once(field, "looking back", make)


def _with_events(integration: Integration, field: Graph) -> tuple[Graph, Graph, dict[str, Any]]:
    """What θ alone decides of the vector field, and of what happens at rest and at events; the vector field, and the
    latter's graphs: `rest`, `jump`, and of what crosses zero `level` and `rate`."""
    events, resting = integration.events, integration.rest
    if events is None and resting is None:
        return *parts(field), {}
    outputs, inputs = {"du": field.outputs["du"]}, dict.fromkeys(field.inputs)
    if resting is not None:
        outputs["rest"], inputs = resting.outputs["du"], inputs | dict.fromkeys(resting.inputs)
    if events is not None:
        outputs["jump"], inputs = events.jump.outputs["jump"], inputs | dict.fromkeys(events.jump.inputs)
        if events.crossing is not None:
            outputs |= {"level": events.crossing.outputs["value"], "rate": events.crossing.outputs["rate"]}
    prologue, rest = parts(Graph(tuple(inputs), outputs))
    body = Graph([i for i in rest.inputs if i.name != "e"], {"du": rest.outputs["du"]})
    split = {name: Graph(rest.inputs, {name: e}) for name, e in rest.outputs.items() if name != "du"}
    if "rest" in split:
        split["rest"] = Graph(body.inputs, split["rest"].outputs)
    return prologue, body, {"level": None, "rate": None, **split}


def integration_program(integration: Integration, differentiated: bool) -> Program:
    """The graphs of an integration, `differentiated` in both modes or not."""
    clock = clocked(integration)
    prologue, body, happening = _with_events(integration, _looking_back(clock.vector_field, len(integration.delays)))
    observe_prologue, observe = parts(integration.observe)
    settings = integration.solver.to_json()
    settings.pop("dt")
    if integration.solver.tableau is not None:
        settings["tableau"] = tableau_json(integration.solver.tableau)
    program: Program = {
        "kind": "integration",
        "name": integration.name,
        "solver": settings,
        "trajectories": integration.times.shape[0],
        "rows": len(integration.data.get("rows", ())),
        "times": integration.times.shape[1],
        "constants": integration.constants,
        "steady": integration.steady,
        "stops": clock.stops.shape[-1],
        "jumps": clock.jumps.shape[-1],
        "own_stops": clock.stops.ndim == 2,
        "prologue": as_json(prologue),
        "body": as_json(body),
        "initial": as_json(integration.initial),
        "observe_prologue": as_json(observe_prologue),
        "observe": as_json(observe),
        "jacobian": _jacobian(body) if integration.solver.stiff else None,
    }
    if integration.reads:
        program["reads"] = [(name, integration.initial.input(name).size) for name in integration.reads]
    if integration.algebraic:
        program["jacobian"] = {**program["jacobian"], "algebraic": integration.algebraic}
    resting = happening.pop("rest", None)
    if resting is not None:
        program["rest"] = as_json(resting)
    if integration.delays:
        program |= {"delays": integration.delays, "delayed": integration.vector_field.input(past_name(0)).size}
    found = integration.events
    if found is not None and clock.happening is not None:
        program["events"] = {
            **{name: None if graph is None else as_json(graph) for name, graph in happening.items()},
            "numbers": found.numbers,
            "directions": found.directions,
            "times": clock.happening.shape[1],
            "width": found.rows.shape[-1],
            "recorded": MOST_RECORDED,
        }
    if differentiated:

        def moving(graph: Graph, once: Graph) -> list[str]:
            """What a graph of times and states is differentiated in."""
            return ["u", *once.outputs, *(n for n in graph.input_names if n == "c")]

        wanted: Parts = {
            "prologue": (prologue, ["theta"]),
            "body": (body, moving(body, prologue)),
            "initial": (integration.initial, ["theta", *integration.reads]),
            "observe_prologue": (observe_prologue, ["theta"]),
            "observe": (observe, moving(observe, observe_prologue)),
        }
        if resting is not None:
            wanted["rest"] = (resting, moving(resting, prologue))
        if found is not None:
            wanted["jump"] = (happening["jump"], moving(happening["jump"], prologue))
        program.update(derivatives(wanted))
        if integration.solver.entry.rosenbrock:
            wrt = moving(body, prologue)
            program["gradient"].update(_second(body, wrt, reverse))
            program["tangent"].update(_second(body, wrt, forward))
            if program["gradient"]["curvature"] is None and integration.algebraic:
                raise EngineUnsupported(
                    "A network without second derivatives (Lux) beside algebraic states has no gradients: continuous "
                    "adjoints don't go with these. Use `ude.nn.MLP`."
                )
            if program["gradient"]["curvature"] is None and settings["adjoint"] == "auto":
                settings["adjoint"] = "gauss"
    return program
