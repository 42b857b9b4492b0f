"""Why a loss or its derivative isn't finite at the start: which equation or term, through what, and at which time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..engine import Engine
from ..graph import OPERATIONS, Expression, Graph, vjp
from ..graph.graph import topological
from ..model.delays import standing_still
from ..model.state import StateTable
from ..objective.program import Integration, LossProgram

__all__ = ["why_not_finite"]


def why_not_finite(engine: Engine, program: LossProgram, states: StateTable, theta: np.ndarray) -> str | None:
    """What isn't finite at θ (P,), in words; None where a solver fails on its way, or nothing is found.

    Parameters
    ----------
    program
        Of integrations and given arrays; of others nothing is said.
    states
        Of the model, for names.
    """
    values: dict[str, Any] = {"theta": theta}
    times: dict[tuple[int, ...], np.ndarray] = {}
    for source in program.sources:
        if not source.graphs:
            values.update({f"{source.name}.{key}": array for key, array in source.data.items()})
        elif isinstance(source, Integration):
            reason = _in_equations(source, states, theta)
            found = engine.integrate(source, theta) if reason is None else None
            if found is None or found.status.any():
                return reason
            values.update(found.arrays)
            times[source.times.shape] = source.times
        else:
            return None
    for name, output in program.loss.outputs.items():
        inputs = [i for i in program.loss.inputs if any(i is node for node in topological([output]))]
        term = Graph(inputs, {name: output})
        place = _first_bad(term, values)
        if place is not None:
            return f"the loss of `{name}` isn't finite{_where(place, times)}"
        numbers = [i.name for i in inputs]
        if numbers:
            place = _first_bad(vjp(term, numbers), {**values, f"cotangent.{name}": 1.0})
        if place is not None:
            return f"the loss of `{name}` has no finite derivative{_where(place, times)}"
    return None


def _in_equations(source: Integration, states: StateTable, theta: np.ndarray) -> str | None:
    """What isn't finite in the right-hand side at the start."""
    began = source.initial.evaluate({"theta": theta})
    constants = began.get("c", np.zeros((len(source.start), 0)))
    field = standing_still(source.vector_field)
    for t, u, c in zip(source.start, began["u0"], constants, strict=True):
        values = {"t": t, "u": u, "c": c, "theta": theta}
        bad = np.flatnonzero(~np.isfinite(field.evaluate(values)["du"]))
        if len(bad) and np.isfinite(u).all():
            at = bad[0]
            name = next((n for n, window in states.windows.items() if window.start <= at < window.stop), None)
            what = "what a cost integrates" if name is None else f"the right-hand side of `{name}`"
            return f"{what} isn't finite at the start (t = {t:g})"
    return None


def _first_bad(graph: Graph, values: Mapping[str, Any]) -> tuple[Expression, tuple[int, ...]] | None:
    """The first expression that isn't finite though all it is made from is, and one of the places where it isn't."""
    found: dict[int, Any] = {}
    with np.errstate(all="ignore"):
        for node in graph.nodes:
            if node.operation == "input":
                found[id(node)] = np.asarray(values[node.name], dtype=float)
            elif node.operation == "constant":
                found[id(node)] = node.value
            else:
                arguments = [found[id(i)] for i in node.inputs]
                found[id(node)] = OPERATIONS[node.operation].evaluate(*arguments, **node.attributes)
            bad = ~np.isfinite(np.asarray(found[id(node)], dtype=float))
            if bad.any():
                return node, tuple(int(i) for i in np.argwhere(np.broadcast_to(bad, node.shape))[0])
    return None


def _where(place: tuple[Expression, tuple[int, ...]], times: Mapping[tuple[int, ...], np.ndarray]) -> str:
    node, index = place
    known = times.get(node.shape[:2])
    return "" if known is None else f" at t = {known[index[:2]]:g}"
