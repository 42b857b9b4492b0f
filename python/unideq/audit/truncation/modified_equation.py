"""Modified equations of a traced model: what its stencils add to the derivatives that they stand for.

A stencil S(x) = Σ cₖ x(ξ + oₖ dx) has the Taylor series Σⱼ Mⱼ ∂ʲx with moments Mⱼ = Σ cₖ (oₖ dx)ʲ/j! (Warming & Hyett
1974). Its first non-zero moment says which derivative it stands for, the next one its leading error. Putting

    S(x; s) = Σⱼ Mⱼ s^(j−m) ∂ʲx,    s = 1: the stencil,  s = 0: the derivative without error

in the place of every stencil of a vector field f gives f(u; s), whose Taylor coefficients in s are the terms of the
modified equation, order by order in dx. Errors that cancel between stencils (staggered differences) cancel here too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from ...errors import ModelError
from ...graph import Expression, Graph, apply, pushforward, rebuild, topological, variable
from ...grid.reading import ORDERS, moments, scheme_name
from ...model import Model
from ...model.equations import readable
from .stencil_words import derivative_name, factor_text, opaque_stencils, term_label
from .uniform_grid import ACCURACY, UniformGrid, central_weights

__all__ = ["ModifiedEquation", "StencilTerm", "modified_equation"]


@dataclass(frozen=True)
class StencilTerm:
    """The leading error of one stencil, as it enters one field's equation.

    Where `actual` is false no stencil at hand makes it: it is the error that a coarser scheme would make.

    Attributes
    ----------
    field
        The state in whose equation it stands.
    order
        Power of dx.
    label
        Its shape without the coefficient: `u·u_xx`.
    scheme
        What makes it: `backward difference of u_x`.
    factor
        Coefficient before the shape, dx included.
    factor_text
        The same as text: `dx/2`.
    """

    field: str
    order: int
    label: str
    scheme: str
    factor: float
    factor_text: str
    graph: Graph
    actual: bool = True

    def evaluate(self, values: Mapping[str, Any]) -> np.ndarray:
        """The shape (without `factor`) at one state."""
        return self.graph.evaluate(values)["shape"]


@dataclass(frozen=True)
class ModifiedEquation:
    """A vector field with its networks silenced, as a series in the spacing.

    Attributes
    ----------
    model, space
        Whose, and where.
    values
        Values of the parameters, name of the graph's input → array.
    terms
        The stencils' leading errors that can be told apart.
    margin
        Cells next to a boundary where the series doesn't hold.
    """

    model: Model
    space: UniformGrid
    values: dict[str, np.ndarray]
    terms: tuple[StencilTerm, ...]
    margin: int
    exact: Graph
    series: Graph

    def inputs(self, t: float, state: np.ndarray) -> dict[str, Any]:
        """Values of all graph inputs at a time and a flat state (n,)."""
        return {"t": t, **self.values, **self.model.states.split(state)}

    def whole_error(self, t: float, state: np.ndarray) -> np.ndarray:
        """f − f with exact derivatives, (n,): all that the stencils add."""
        values = self.inputs(t, state)
        return self.exact.evaluate(values)["du"] - self.series.evaluate({**values, "s": 0.0})["du"]

    def without_error(self, t: float, state: np.ndarray) -> np.ndarray:
        """f with exact derivatives (n,)."""
        return self.series.evaluate({**self.inputs(t, state), "s": 0.0})["du"]

    def by_order(self, t: float, state: np.ndarray) -> np.ndarray:
        """Terms of the modified equation, (ORDERS, n): those of dx, dx², …, powers of dx included."""
        values = self.inputs(t, state)
        count = 2 * ORDERS + 1
        nodes = 0.3 * np.cos(np.pi * (np.arange(count) + 0.5) / count)
        sampled = np.stack([self.series.evaluate({**values, "s": s})["du"] for s in nodes])
        powers = nodes[:, None] ** np.arange(count)
        return np.linalg.solve(powers, sampled)[1 : ORDERS + 1]


def modified_equation(model: Model, space: UniformGrid, theta: np.ndarray | None = None) -> ModifiedEquation:
    """Expand a model's vector field in the spacing of its grid.

    Parameters
    ----------
    model
        A model whose states have the grid's axes last.
    space
        The grid.
    theta
        Flat parameters of the model; default: its initial values.
    """
    if model.inputs:
        raise ModelError("Truncation errors are read at equations without forcings of a trajectory's own.")
    unpacked = model.layout.unpack(model.resolve_theta(theta))
    outputs, names = readable(model, silenced(model))
    states = [variable(s.name, s.shape) for s in model.states]
    inputs = (variable("t"), *states, *model.known_values.values(), *model.values.values())
    exact = Graph(inputs, {"du": outputs["du"]})
    stencils = [n for n in exact.nodes if n.operation == "stencil"]
    s = variable("s")
    series = rebuild([outputs["du"]], _expanded(exact, space, s))[0]
    values = {v.name: np.asarray(unpacked[name]) for name, v in model.values.items()}
    values |= {v.name: np.asarray(model.conditions[name].typical) for name, v in model.known_values.items()}
    terms = []
    for node in stencils:
        terms += _terms(model, exact, node, space, names)
    reach = [max(abs(o) for o in n.attributes["offsets"]) for n in stencils]
    margin = (max(reach, default=0) + ACCURACY) if not all(space.periodic) else 0
    return ModifiedEquation(
        model, space, values, tuple(terms), margin, exact, Graph((*inputs, s), {"du": series})
    )  # fmt: skip


def silenced(model: Model) -> Graph:
    """The named vector field with all networks' outputs put to zero; nothing at all where steps are learned whole."""
    if getattr(model, "coupling", "") == "prediction":
        return model._named({"du": apply("broadcast_to", 0.0, shape=(model.size,))})
    if "vector_field" not in model.named:
        raise ModelError("The solver is a black box: its truncation error can't be read. Leave `truncation` out.")
    graph = model.named_vector_field
    return Graph(graph.inputs, dict(zip(graph.outputs, without_networks(graph), strict=True)))


def without_networks(graph: Graph, network: str | None = None) -> list[Expression]:
    """A graph's outputs with a network's output (default: all networks') put to zero."""
    quiet = {
        node: apply("broadcast_to", 0.0, shape=node.shape)
        for node in graph.nodes
        if node.operation == "learned" and network in (None, node.attributes["network"])
    }
    return rebuild(list(graph.outputs.values()), quiet)


def _expanded(graph: Graph, space: UniformGrid, s: Expression) -> dict[Expression, Expression]:
    """Every stencil along an axis of the grid → its series in s."""
    replaced: dict[Expression, Expression] = {}
    for node in graph.nodes:
        if node.operation != "stencil":
            continue
        (x,) = rebuild([node.inputs[0]], replaced)
        index = space.axis(node.attributes["axis"], x.ndim)
        if index is None:
            continue
        found, order = moments(node, space.spacings[index])
        if order < 0:
            continue
        total: Any = None
        for j in range(order, min(order + ORDERS + 1, len(found))):
            if found[j]:
                term = found[j] * s ** (j - order) * _derivative(x, node, space.spacings[index], j)
                total = term if total is None else total + term
        replaced[node] = total
    return replaced


def _derivative(x: Expression, node: Expression, spacing: float, order: int) -> Expression:
    """∂^order x along a stencil's axis, with its boundary rule."""
    if not order:
        return x
    offsets, weights = central_weights(order)
    coefficients = tuple(w / spacing**order for w in weights)
    where = {k: node.attributes[k] for k in ("axis", "boundary")}
    return apply("stencil", x, coefficients=coefficients, offsets=offsets, **where)


# ---- one stencil's leading error ------------------------------------------------------------------------------------


_COARSER = ((1, Fraction(-1, 2), "a first-order difference"), (2, Fraction(1, 6), "a second-order difference"))
"""Power of dx, size of its coefficient, and name of what a closure is most likely to inherit for first derivatives."""


def _terms(
    model: Model, graph: Graph, node: Expression, space: UniformGrid, names: Mapping[Expression, str]
) -> list[StencilTerm]:
    """The leading error of a stencil in every equation that it enters, and those that a coarser scheme would make."""
    x = node.inputs[0]
    index = space.axis(node.attributes["axis"], x.ndim)
    if index is None:
        return []
    axis, spacing = space.names[index], space.spacings[index]
    found, order = moments(node, spacing)
    if order < 1:
        return []
    opaque = opaque_stencils(graph, space, names)
    scheme = f"{scheme_name(node)} of {derivative_name(x, axis, order, names, opaque)}"
    beyond = [j for j in range(order + 1, min(order + ORDERS + 1, len(found))) if found[j]]
    errors = [(j, float(found[j]), scheme, True) for j in beyond[:1]]
    if order == 1:
        of = scheme[scheme.index(" of ") :]
        errors += [(1 + q, float(c) * found[1] * spacing**q, words + of, False) for q, c, words in _COARSER]
    tangent = variable("tangent.stencil", node.shape)
    (moved,) = pushforward([graph.outputs["du"]], {node: tangent})
    terms = []
    for name, part in model.states.split(moved).items():
        if part.is_constant and not part.value.any():
            continue
        if any(n.operation in ("stencil", "stencil_adjoint") for n in _between(part, tangent)):
            continue  # a stencil of a stencil: only the sum over both means something
        for j, moment, words, actual in errors:
            label, sign = term_label(part, tangent, derivative_name(x, axis, j, names, opaque), names, opaque)
            (shape,) = rebuild([part], {tangent: _derivative(x, node, spacing, j)})
            factor = sign * moment
            shown = factor_text(factor, j - order, spacing, axis if space.ndim > 1 else "")
            made = Graph(graph.inputs, {"shape": sign * shape})
            terms.append(StencilTerm(name, j - order, label, words, factor, shown, made, actual))
    return terms


def _between(output: Expression, source: Expression) -> list[Expression]:
    """The nodes that an output reaches a source through."""
    reached = {id(source)}
    found = []
    for node in topological([output]):
        if any(id(i) in reached for i in node.inputs):
            reached.add(id(node))
            found.append(node)
    return found
