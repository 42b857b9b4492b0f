"""Learned terms of a model: where a network is called, with what, and how a formula takes its place."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import ModelError, unknown
from ..graph import Expression, Graph, rebuild
from .delays import reads_past
from .layout import Entry, Layout
from .parameter import Parameter
from .trace import call, fitted, traced
from .views import View

if TYPE_CHECKING:
    from .model import Model

__all__ = ["LearnedTerm", "find_learned", "replace_learned"]


@dataclass(frozen=True)
class LearnedTerm:
    """A network's calls within a vector field (and, after those, within `observe`).

    Attributes
    ----------
    network
        Its name.
    calls
        The marked expressions, one a call with different arguments.
    graph
        Inputs t, u, θ; outputs `argument_0`, `argument_1`, …, and `output`, of the first call.
    named
        The same in named values, for printing: see `unideq.model.equations.readable`.
    """

    network: str
    calls: tuple[Expression, ...]
    graph: Graph
    named: Graph

    @property
    def layout(self) -> str:
        """`pointwise` (one argument an input), `grid` (the same, for networks on grids) or `vector` (one array)."""
        return self.calls[0].attributes["layout"]


def find_learned(model: Model) -> dict[str, LearnedTerm]:
    """Network name → its learned term."""
    calls: dict[str, dict[Expression, None]] = {}
    for graph in model.named.values():
        for node in graph.nodes:
            if node.operation == "learned":
                calls.setdefault(node.attributes["network"], {})[node] = None
    terms = {}
    for name, nodes in calls.items():
        first = next((node for node in nodes if not reads_past(node)), None)
        if first is None:  # a table of its arguments would need the past of every time in it
            continue
        arguments = {f"argument_{i}": a for i, a in enumerate(first.inputs[1:])}
        named = Graph(model.named_observation.inputs, {**arguments, "output": first})
        bound = model.bound(Graph(named.inputs, {str(k): n for k, n in enumerate(nodes) if not reads_past(n)}))
        terms[name] = LearnedTerm(name, tuple(bound.outputs.values()), model.bound(named), named)
    return terms


def replace_learned(
    model: Model, network: str, formula: Callable[..., Any], parameters: Mapping[str, Parameter]
) -> Any:
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
    new = model._copy(
        parameters={**model.parameters, **parameters},
        networks={n: net for n, net in model.networks.items() if n != network},
        weights={n: w for n, w in model.weights.items() if n in layout},
        layout=layout,
        bind=False,
    )
    values = View("parameter", {**{n: new.values[n] for n in new.parameters}, **new.known_values})
    what = f"the formula for `{network}`"
    graphs = {}
    for key, graph in model.named.items():
        # Arguments may themselves hold learned terms: innermost (oldest) first, rebuilt with what is replaced so far.
        mapping: dict[Expression, Expression] = {}
        for node in graph.nodes:
            if node.operation == "learned" and node.attributes["network"] == network:
                arguments = rebuild(list(node.inputs[1:]), mapping)
                given = {"p": values, **{f"argument_{i}": a for i, a in enumerate(arguments)}}
                _check_arity(formula, given, what)
                mapping[node] = _formula_value(call(formula, given, what), node, model.networks[network].outputs, what)
        outputs = rebuild(list(graph.outputs.values()), mapping)
        graphs[key] = new._named(dict(zip(graph.outputs, outputs, strict=True)))
    new._set_equations(graphs)
    return new


def _check_arity(formula: Any, given: Mapping[str, Any], what: str) -> None:
    try:
        inspect.signature(formula).bind(*given.values())
    except TypeError as error:
        expected = f"(p, {', '.join(list(given)[1:])})"
        raise ModelError(f"{what} is called as formula{expected}, which it can't be: {error}.") from None
    except ValueError:  # a built-in function without a signature
        return


def _formula_value(result: Any, node: Expression, outputs: int, what: str) -> Expression:
    """What a formula returned, in the shape of the network's output."""
    outputs_first = node.attributes["layout"] != "vector"
    if not isinstance(result, (tuple, list)):
        shape = traced(result, what).shape
        if outputs > 1 and shape != node.shape:
            raise ModelError(
                f"{what} returned one value of shape {shape}; the network returned {outputs} outputs of shape "
                f"{node.shape}. Return a tuple of {outputs}."
            )
        return fitted(result, node.shape, what)
    if len(result) != outputs:
        raise ModelError(f"{what} returned {len(result)} values where the network returned {outputs}.")
    if not outputs_first:
        parts = [fitted(r, node.shape[:-1], what) for r in result]
        stacked: Any = np.stack(parts, axis=-1)  # type: ignore[call-overload]
    elif outputs == 1:
        stacked = fitted(result[0], node.shape, what)
    else:
        parts = [fitted(r, node.shape[1:], what) for r in result]
        stacked = np.stack(parts)  # type: ignore[call-overload]
    return stacked
