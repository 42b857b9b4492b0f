"""Learned terms of a model: where a network is called, with what, and how a formula takes its place."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import ModelError, unknown
from ..graph import Expression, Graph, apply, as_expression, rebuild
from .layout import Entry, Layout
from .parameter import Parameter
from .trace import fitted
from .views import View

if TYPE_CHECKING:
    from .ode import ODE

__all__ = ["LearnedTerm", "find_learned", "replace_learned"]


@dataclass(frozen=True)
class LearnedTerm:
    """A network's calls within a vector field.

    Attributes
    ----------
    network
        Its name.
    calls
        The marked expressions, one a call with different arguments.
    graph
        Inputs t, u, θ; outputs `argument_0`, `argument_1`, …, and `output`, of the first call.
    """

    network: str
    calls: tuple[Expression, ...]
    graph: Graph

    @property
    def layout(self) -> str:
        """`pointwise` (one argument an input) or `vector` (one array)."""
        return self.calls[0].attributes["layout"]


def find_learned(vector_field: Graph) -> dict[str, LearnedTerm]:
    """Network name → its learned term."""
    calls: dict[str, list[Expression]] = {}
    for node in vector_field.nodes:
        if node.operation == "learned":
            calls.setdefault(node.attributes["network"], []).append(node)
    terms = {}
    for name, nodes in calls.items():
        first = nodes[0]
        outputs = {f"argument_{i}": a for i, a in enumerate(first.inputs[1:])}
        terms[name] = LearnedTerm(name, tuple(nodes), Graph(vector_field.inputs, {**outputs, "output": first}))
    return terms


def replace_learned(
    model: ODE, network: str, formula: Callable[..., Any], parameters: Mapping[str, Parameter]
) -> ODE:
    """See `ODE.replace`."""
    if network not in model.networks:
        raise unknown("network", network, model.networks, ModelError)
    entries = [e for e in model.layout.entries if not e.name.startswith(f"{network}.")]
    kept = [e for e in entries if e.kind == "parameter"]
    weights = [e for e in entries if e.kind != "parameter"]
    for name in parameters:
        if name in model.parameters:
            raise ModelError(f"The model has a parameter `{name}` already. Give the new one another name.")
    layout = Layout([*kept, *(Entry.of_parameter(n, p) for n, p in parameters.items()), *weights])
    theta, old = layout.variable(), model.layout.variable()
    pieces: list[Any] = []
    for entry in model.layout.entries:
        if entry.name in layout:
            start = layout.offsets[entry.name]
            pieces.append(theta[start : start + entry.size])
        else:
            pieces.append(as_expression(np.zeros(entry.size)))
    replaced: dict[Expression, Expression] = {old: np.concatenate(pieces) if pieces else theta}  # type: ignore[dict-item]
    values = View("parameter", {n: layout.view(theta, n) for n in (*model.parameters, *parameters)})
    graphs = []
    for graph in (model.vector_field, model.observation):
        # Arguments may themselves hold learned terms: innermost (oldest) first, each rebuilt with what is replaced so far.
        mapping = dict(replaced)
        for node in graph.nodes:
            if node.operation == "learned" and node.attributes["network"] == network:
                arguments = rebuild(list(node.inputs[1:]), mapping)
                mapping[node] = _formula_value(formula(values, *arguments), node, network)
        t, u, _ = graph.inputs
        outputs = rebuild(list(graph.outputs.values()), mapping)
        graphs.append(Graph((t, u, theta), dict(zip(graph.outputs, outputs, strict=True))))
    networks = {n: net for n, net in model.networks.items() if n != network}
    return model._copy(
        parameters={**model.parameters, **parameters},
        networks=networks,
        layout=layout,
        vector_field=graphs[0],
        observation=graphs[1],
    )


def _formula_value(result: Any, node: Expression, network: str) -> Expression:
    what = f"the formula for `{network}`"
    if isinstance(result, (tuple, list)):
        parts = [fitted(r, node.shape[1:] if node.attributes["layout"] == "pointwise" else (), what) for r in result]
        axis = 0 if node.attributes["layout"] == "pointwise" else -1
        stacked: Any = np.stack(parts, axis=axis) if len(parts) > 1 or node.shape != parts[0].shape else parts[0]  # type: ignore[call-overload]
        if stacked.shape != node.shape:
            raise ModelError(f"{what} returned {len(parts)} values where the network returned shape {node.shape}.")
        return stacked
    return apply("broadcast_to", fitted(result, node.shape, what), shape=node.shape)
