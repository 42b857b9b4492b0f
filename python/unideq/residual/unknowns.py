"""The symbols of a residual problem: its unknowns as expressions in a point's coordinates, and graphs made of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..errors import ModelError
from ..graph import Expression, Graph, constant, variable
from ..graph.graph import topological
from ..graph.transform import rebuild
from ..model import Layout, Parameter
from ..model.trace import call, fitted, traced
from ..model.views import NetworkView, View
from ..nn import Network
from .derivative import FIXED, differentiable
from .domain import Domain
from .field import Field
from .views import FieldView, PointView

__all__ = ["Unknowns", "inputs_of", "residual_outputs"]


class Unknowns:
    """What functions of terms are traced with.

    Parameters
    ----------
    domain, fields, parameters, networks
        Of the problem; `networks` are those within equations.
    layout
        Of θ.
    outputs
        Name → function of (at, field, p, net): quantities made of the fields.

    Attributes
    ----------
    at
        Coordinate → its variable.
    values
        Field or output → its expression in those.
    """

    def __init__(
        self,
        domain: Domain,
        fields: Mapping[tuple[str, ...], Field],
        parameters: Mapping[str, Parameter],
        networks: Mapping[str, Network],
        layout: Layout,
        outputs: Mapping[str, Callable[..., Any]],
    ) -> None:
        self.domain, self.layout = domain, layout
        self.at = {n: variable(n) for n in domain.names}
        # Named variables for parameters and weights, as in `unideq.model.declared`; `bound` puts views into θ there.
        self.stored = {e.name: variable(f"p.{e.name}", e.shape) for e in layout.entries}
        weights = {n: {w: self.stored[f"{n}.{w}"] for w in net.weight_shapes()} for n, net in networks.items()}
        self._further: dict[str, Any] = {
            "p": View("parameter", {n: self.stored[n] for n in parameters}),
            "net": NetworkView(networks, weights),
        }
        self.values: dict[str, Expression] = {}
        for names, field in fields.items():
            own = {w: self.stored[f"{'_'.join(names)}.{w}"] for w in field.network.weight_shapes()}
            self.values.update(field.values(names, domain, self.at, own, self._further))
        for name, function in outputs.items():
            what = f"output `{name}`"
            self.values[name] = fitted(self.call(function, what), (), what)

    def call(self, function: Callable[..., Any], what: str, columns: tuple[str, ...] = ()) -> Any:
        """What a user's function of (at, field, p, net) returns; `columns` are read from `at` besides."""
        arguments = {
            "at": PointView({**self.at, **{n: variable(n) for n in columns}}),
            "field": FieldView(self.values, self.at),
            **self._further,
        }
        with differentiable(self.domain.names):
            return call(function, arguments, what)

    def bound(self, outputs: Mapping[str, Expression], inputs: tuple[str, ...]) -> Graph:
        """The graph of values: coordinates held at numbers become those, parameters and weights views into θ."""
        theta = self.layout.variable()
        replaced: dict[Expression, Expression] = {}
        for node in inputs_of(outputs):
            if FIXED in node.name:
                coordinate, _, number = node.name.partition(FIXED)
                replaced[node] = constant(self._inside(coordinate, float(number)))
            elif node.name.startswith("p."):
                replaced[node] = self.layout.view(theta, node.name.removeprefix("p."))
        made = rebuild(list(outputs.values()), replaced)
        return Graph((*(variable(n) for n in inputs), theta), dict(zip(outputs, made, strict=True)))

    def _inside(self, coordinate: str, number: float) -> float:
        """The number of a `field(x=1.0)`, which has to lie in the domain: nothing holds a network elsewhere."""
        low, high = self.domain.intervals[coordinate]
        slack = 1e-9 * (high - low)
        if not low - slack <= number <= high + slack:
            raise ModelError(
                f"`field({coordinate}={number:g})` lies outside the domain: {coordinate} runs from {low:g} to {high:g}."
            )
        return number

    def read(self, value: Expression) -> set[str]:
        """Entries of the layout that a value depends on."""
        return {n.name.removeprefix("p.") for n in inputs_of({"": value}) if n.name.startswith("p.")}


def inputs_of(outputs: Mapping[str, Expression]) -> list[Expression]:
    """The variables that expressions depend on."""
    return [node for node in topological(outputs.values()) if node.operation == "input"]


def residual_outputs(name: str, result: Any) -> dict[str, Expression]:
    """Output name → residual, () or (k,), of what a term's function returned."""
    if isinstance(result, Mapping):
        if not result:
            raise ModelError(f"Term `{name}` returned an empty dict. Return one residual at least.")
        return {str(k): _one(v, f"residual `{name}.{k}`") for k, v in result.items()}
    if isinstance(result, (tuple, list)):
        if not result:
            raise ModelError(f"Term `{name}` returned nothing. Return one residual at least.")
        parts = [_one(v, f"residual `{name}`") for v in result]
        if any(part.shape for part in parts):
            parts = [part.reshape(part.size) for part in parts]
            joined: Any = np.concatenate(parts)  # type: ignore[call-overload]
            return {"residual": joined}
        stacked: Any = np.stack(parts)  # type: ignore[call-overload]
        return {"residual": stacked}
    return {"residual": _one(result, f"residual `{name}`")}


def _one(value: Any, what: str) -> Expression:
    expression = traced(value, what)
    if expression.ndim > 1:
        raise ModelError(f"{what} has shape {expression.shape} at one point; return a number, or a tuple of numbers.")
    return expression
