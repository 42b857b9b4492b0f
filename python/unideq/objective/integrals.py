"""Integrals along solutions: further components of the state, so that the solver's error control reaches them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..graph import Expression, Graph, apply, rebuild, variable
from ..graph.transform import substitute
from .program import Integration

__all__ = ["with_integrals"]

ATOL = 1e-6
"""Absolute tolerance of an integral where the states have several."""


def with_integrals(integration: Integration, integrands: Graph) -> Integration:
    """The same, with dq/dt = f, q(start) = 0 solved beside du/dt, and every q recorded under its f's name.

    Parameters
    ----------
    integrands
        f, averaged over its elements, by name; in inputs of the vector field's names.
    """
    field, starts, solver = integration.vector_field, integration.initial, integration.solver
    u, count = field.input("u"), len(integrands.outputs)
    wide = variable("u", (u.size + count,))

    def widened(graph: Graph) -> Graph:
        return substitute(graph, {u: wide[: u.size]}, tuple(wide if i is u else i for i in graph.inputs))

    slopes: Any = [field.outputs["du"], *(np.mean(f).reshape(1) for f in integrands.outputs.values())]  # type: ignore[call-overload]
    inputs = {i.name: i for i in (*field.inputs, *integrands.inputs)}
    begun: list[Any] = [starts.outputs["u0"], np.zeros((len(integration.start), count))]
    observe = widened(integration.observe)
    events = integration.events
    if events is not None:
        crossing = None if events.crossing is None else widened(events.crossing)
        read = {i.name: i for i in (*events.jump.inputs, *inputs.values(), wide)}
        jump = _through(widened(events.jump), u, wide, slopes[1:], tuple(read.values()))
        events = replace(events, jump=jump, crossing=crossing)
    rest = integration.rest
    if rest is not None:
        still: Any = np.concatenate([rest.outputs["du"], np.zeros(count)])
        rest = widened(Graph(rest.inputs, {"du": still}))
    q = {name: wide[u.size + k] for k, name in enumerate(integrands.outputs)}
    joined: Any = np.concatenate(slopes)
    u0: Any = np.concatenate(begun, axis=1)
    seen = {"u": wide, **{i.name: i for i in observe.inputs}}
    atol = (*solver.atol, *(ATOL,) * count) if isinstance(solver.atol, tuple) else solver.atol
    return replace(
        integration,
        vector_field=widened(Graph(tuple(inputs.values()), {"du": joined})),
        initial=Graph(starts.inputs, {**starts.outputs, "u0": u0}),
        observe=Graph(tuple(seen.values()), {**observe.outputs, **q}),
        solver=replace(solver, atol=atol),
        events=events,
        rest=rest,
    )


def _through(
    jump: Graph, u: Expression, wide: Expression, integrands: Sequence[Expression], inputs: tuple[Expression, ...]
) -> Graph:
    """What happens at events, with integrals that go on: where the event's moment moves, one side of it is longer."""
    after: Any = jump.outputs["jump"]
    along: Any = wide[u.size :]
    if "late" in jump.outputs:
        sides: Any = [np.concatenate(rebuild(list(integrands), {u: state})) for state in (wide[: u.size], after)]
        longer: Any = apply("stop_gradient", sides[0]) - apply("stop_gradient", sides[1])
        along = along + longer * jump.outputs["late"]
    joined: Any = np.concatenate([after, along])
    return Graph(inputs, {"jump": joined})
