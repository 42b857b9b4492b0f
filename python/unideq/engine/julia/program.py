"""Programs as the Julia package reads them: an objective's or integration's graphs and their derivatives, as JSON.

Derivatives are graphs made here; Julia only compiles. Numbers that may change from call to call (times,
points, states, step size, weights) aren't in the text: `unideq.engine.julia.data` has them in one flat array.
"""

from __future__ import annotations

import json
import weakref
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...errors import EngineUnsupported, ModelError
from ...graph import Graph, constant, factored, jacobian, jvp, partition, substitute, to_json, vjp
from ...objective.program import Given, Integration, Objective, Pointwise, Rollout, Source
from ..clock import clocked
from .blocks import blocks_program, worth_blocks
from .tableau import tableau_json

__all__ = [
    "evaluation_json",
    "integration_json",
    "objective_json",
    "parameter_count",
    "rollout_json",
]

"""Solvers whose discrete adjoint needs second derivatives."""

Program = dict[str, Any]

_made: weakref.WeakKeyDictionary[Graph, dict[Any, Any]] = weakref.WeakKeyDictionary()


def _once(graph: Graph, key: Any, make: Callable[[], Any]) -> Any:
    """What `make()` gave for this very graph."""
    entries = _made.setdefault(graph, {})
    if key not in entries:
        entries[key] = make()
    return entries[key]


def _json(graph: Graph) -> Program:
    return _once(graph, "json", lambda: to_json(graph))


def _parts(graph: Graph) -> tuple[Graph, Graph]:
    """What depends on θ alone, and the rest."""
    names = ["theta"] if "theta" in graph.input_names else []
    return _once(graph, "parts", lambda: partition(graph, *names))


def _vjp(graph: Graph, wrt: Sequence[str]) -> Program | None:
    """Reverse mode; None where no output is a number."""
    if all(node.dtype == "bool" for node in graph.outputs.values()) or not wrt:
        return None
    return _once(graph, ("vjp", *wrt), lambda: to_json(vjp(graph, wrt)))


def _jvp(graph: Graph, wrt: Sequence[str]) -> Program | None:
    """Forward mode; None where nothing comes out or nothing goes in."""
    if not graph.outputs or not wrt:
        return None
    return _once(graph, ("jvp", *wrt), lambda: to_json(jvp(graph, wrt)))


def _derivatives(parts: dict[str, tuple[Graph, Sequence[str]]]) -> Program:
    """Part → its derivative, in both modes."""
    return {
        "gradient": {name: _vjp(graph, wrt) for name, (graph, wrt) in parts.items()},
        "tangent": {name: _jvp(graph, wrt) for name, (graph, wrt) in parts.items()},
    }


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

    return _once(body, "jacobian", make)


def _in_time(body: Graph) -> Graph:
    """∂du/∂t."""

    def make() -> Graph:
        rate = jvp(body, "t")
        return substitute(rate, {rate.inputs[-1]: constant(1.0)}, rate.inputs[:-1])

    return _once(body, "in time", make)


def _second(body: Graph, wrt: Sequence[str], of: Callable[..., Program | None]) -> Program:
    """Derivatives of (∂du/∂u) v and of ∂du/∂t.

    `time` is None where t doesn't occur, both are where a network has no second derivatives.
    """
    along = _once(body, "along", lambda: jvp(body, "u"))
    rate = _in_time(body)
    moving = not (rate.outputs["du"].is_constant and not np.any(rate.outputs["du"].value))
    try:
        return {"curvature": of(along, wrt), "time": of(rate, wrt) if moving else None}
    except EngineUnsupported:
        return {"curvature": None, "time": None}


def _integration_program(integration: Integration, derivatives: bool) -> Program:
    clock = clocked(integration)
    prologue, body = _parts(clock.vector_field)
    observe_prologue, observe = _parts(integration.observe)
    settings = integration.solver.to_json()
    settings.pop("dt")
    if integration.solver.tableau is not None:
        settings["tableau"] = tableau_json(integration.solver.tableau)
    program: Program = {
        "kind": "integration",
        "name": integration.name,
        "solver": settings,
        "trajectories": integration.times.shape[0],
        "times": integration.times.shape[1],
        "stops": len(clock.stops),
        "jumps": len(clock.jumps),
        "prologue": _json(prologue),
        "body": _json(body),
        "initial": _json(integration.initial),
        "observe_prologue": _json(observe_prologue),
        "observe": _json(observe),
        "jacobian": _jacobian(body) if integration.solver.stiff else None,
    }
    if derivatives:
        wanted: dict[str, tuple[Graph, Sequence[str]]] = {
            "prologue": (prologue, ["theta"]),
            "body": (body, ["u", *prologue.outputs]),
            "initial": (integration.initial, ["theta"]),
            "observe_prologue": (observe_prologue, ["theta"]),
            "observe": (observe, ["u", *observe_prologue.outputs]),
        }
        program.update(_derivatives(wanted))
        if integration.solver.entry.rosenbrock:
            wrt = ["u", *prologue.outputs]
            program["gradient"].update(_second(body, wrt, _vjp))
            program["tangent"].update(_second(body, wrt, _jvp))
            if program["gradient"]["curvature"] is None and settings["adjoint"] == "auto":
                settings["adjoint"] = "gauss"
    return program


def _factored(source: Pointwise) -> Graph:
    return _once(source.graph, "factored", lambda: factored(source.graph))


def _pointwise_program(source: Pointwise, blocks: bool) -> Program:
    graph = _factored(source)
    prologue, body = _parts(graph)
    count = len(next(iter(source.points.values())))
    wanted: dict[str, tuple[Graph, Sequence[str]]] = {
        "prologue": (prologue, ["theta"]),
        "body": (body, list(prologue.outputs)),
    }
    return {
        "kind": "pointwise",
        "name": source.name,
        "count": count,
        "points": sorted(source.points),
        "prologue": _json(prologue),
        "body": _json(body),
        "blocks": _once(graph, ("blocks", count), lambda: blocks_program(graph, count)) if blocks else None,
        **_derivatives(wanted),
    }


def _rollout_program(rollout: Rollout, derivatives: bool) -> Program:
    prologue, step = _parts(rollout.step)
    observe_prologue, observe = _parts(rollout.observe)
    constants = rollout.data.get("c")
    if constants is None and "c" in (*step.input_names, *observe.input_names):
        raise ModelError(f"The step of `{rollout.name}` reads `c`; give it in `data`, shape (B, q).")
    program: Program = {
        "kind": "rollout",
        "name": rollout.name,
        "trajectories": len(rollout.data["start"]),
        "constants": 0 if constants is None else np.shape(constants)[1],
        "steps": rollout.steps,
        "every": rollout.every,
        "warmup": rollout.warmup,
        "through": rollout.gradient == "full",
        "checkpoint": rollout.checkpoint,
        "prologue": _json(prologue),
        "step": _json(step),
        "observe_prologue": _json(observe_prologue),
        "observe": _json(observe),
    }
    if derivatives:
        before = ["u"] if program["through"] else []
        seen = ["u"] if "u" in observe.input_names else []
        wanted: dict[str, tuple[Graph, Sequence[str]]] = {
            "prologue": (prologue, prologue.input_names),
            "step": (step, [*before, *prologue.outputs]),
            "observe_prologue": (observe_prologue, observe_prologue.input_names),
            "observe": (observe, [*seen, *observe_prologue.outputs]),
        }
        program.update(_derivatives(wanted))
    return program


def _given_program(source: Given) -> Program:
    names = sorted(source.arrays)
    sizes = [int(np.size(source.arrays[name])) for name in names]
    return {"kind": "given", "name": source.name, "arrays": names, "sizes": sizes, "gradient": None, "tangent": None}


def _source_program(source: Source, blocks: bool) -> Program:
    if isinstance(source, Integration):
        return _integration_program(source, True)
    if isinstance(source, Rollout):
        return _rollout_program(source, True)
    if isinstance(source, Given):
        return _given_program(source)
    return _pointwise_program(source, blocks or worth_blocks(_factored(source)))


def objective_json(objective: Objective) -> str:
    """The graphs of an objective, with their derivatives in reverse and in forward mode."""
    made = [name for source in objective.sources if not isinstance(source, Given) for name in source.shapes]
    read = [name for name in (*made, "theta") if name in objective.loss.input_names]
    squares = _squares(objective)
    # In an objective of squares alone one source in blocks takes the others along: values and gradients are then made
    # in one walk through the points.
    blocks = squares is not None and any(
        worth_blocks(_factored(s)) for s in objective.sources if isinstance(s, Pointwise)
    )
    program = {
        "parameters": _parameters(objective),
        "terms": list(objective.terms),
        "sources": [_source_program(source, blocks) for source in objective.sources],
        "loss": _json(objective.loss),
        "gradient": _vjp(objective.loss, read),
        "tangent": _jvp(objective.loss, read),
        "squares": squares,
    }
    return json.dumps(program, allow_nan=False)


def _squares(objective: Objective) -> list[tuple[str, str]] | None:
    """Source and output that every term is the mean square of; None where one is something else."""
    found = []
    for term in objective.terms:
        array = objective.residuals.get(term)
        names = [(s.name, o) for s in objective.sources if isinstance(s, Pointwise) for o in s.graph.outputs]
        match = next(((source, output) for source, output in names if f"{source}.{output}" == array), None)
        if match is None:
            return None
        found.append(match)
    return found


def _parameters(objective: Objective) -> int:
    """Length of θ, as whichever graph that has it says."""
    graphs = [objective.loss]
    for source in objective.sources:
        if isinstance(source, Integration):
            graphs.append(source.vector_field)
        elif isinstance(source, Rollout):
            graphs.append(source.step)
        elif isinstance(source, Pointwise):
            graphs.append(source.graph)
    return next(graph.input("theta").size for graph in graphs if "theta" in graph.input_names)


def integration_json(integration: Integration) -> str:
    """The graphs of an integration, without derivatives."""
    return json.dumps(_integration_program(integration, False), allow_nan=False)


def parameter_count(rollout: Rollout) -> int:
    """Length of θ that a rollout reads; 0 where its step has no parameters."""
    return rollout.step.input("theta").size if "theta" in rollout.step.input_names else 0


def rollout_json(rollout: Rollout) -> str:
    """The graphs of a rollout, without derivatives, and the number of parameters."""
    parameters = parameter_count(rollout)
    return json.dumps({**_rollout_program(rollout, False), "parameters": parameters}, allow_nan=False)


def evaluation_json(graph: Graph, mapped: Sequence[str] = ()) -> str:
    """A graph to evaluate at many points. Its inputs are those in use, sorted by name; `mapped` ones vary."""
    used = sorted((node for node in graph.nodes if node.operation == "input"), key=lambda node: str(node.name))
    names = [node.name for node in used if node.name in set(mapped)]
    return json.dumps({"graph": to_json(Graph(used, graph.outputs)), "mapped": names}, allow_nan=False)
