"""`ResidualProblem`: differential equations whose unknown fields are networks, trained on residuals at points."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..errors import ModelError
from ..graph import Expression, Graph, substitute, variable
from ..model import Entry, Layout, Parameter
from ..model.declared import parameter_of, weight_entries
from ..model.names import check_distinct, named_items
from ..model.trace import call, traced
from ..model.views import NetworkView, View
from ..nn import Network
from .domain import Domain
from .field import Field, FieldView, PointView
from .terms import Term

__all__ = ["ResidualProblem"]


class ResidualProblem:
    """Differential equations on a domain, with networks for the unknown fields (a PINN).

    Parameters
    ----------
    domain
        Coordinate → (low, high), or a `Domain`.
    fields
        Field → network or `Field`; a tuple of names for a network with several outputs.
    terms
        Name → `Interior`, `Boundary`, `Initial`, …
    parameters
        Name → `Parameter` or number: unknown coefficients (inverse problems). Read as `p.NAME`.
    networks
        Further networks within the equations (unknown terms), read as `net.NAME(...)`.

    Attributes
    ----------
    layout
        Of θ: parameters, then the networks' weights.
    residuals
        Term → graph with inputs coordinates (and further columns) and `theta`; one output a residual.
    solution
        Graph coordinates, `theta` → fields.
    """

    def __init__(
        self,
        domain: Domain | Mapping[str, tuple[float, float]],
        fields: Mapping[str | tuple[str, ...], Network | Field],
        terms: Mapping[str, Term],
        parameters: Mapping[str, Any] | None = None,
        networks: Mapping[str, Network] | None = None,
    ) -> None:
        self.domain = Domain.of(domain)
        self.parameters: dict[str, Parameter] = {
            n: parameter_of(n, v) for n, v in named_items("parameters", "Parameter", parameters)
        }
        self.fields: dict[tuple[str, ...], Field] = {}
        for key, given in fields.items():
            names = (key,) if isinstance(key, str) else tuple(key)
            field = given if isinstance(given, Field) else Field(given)
            field.check("_".join(names), names, self.domain)
            self.fields[names] = field
        self.networks: dict[str, Network] = {"_".join(n): f.network for n, f in self.fields.items()}
        self._further = dict(named_items("networks", "Network", networks))
        self.networks.update(self._further)
        check_distinct(
            {
                "coordinate": self.domain.names,
                "parameter": self.parameters,
                "field": [n for names in self.fields for n in names],
                "network": self._further,
            }
        )
        entries = [Entry.of_parameter(n, p) for n, p in self.parameters.items()]
        self.layout = Layout([*entries, *weight_entries(self.networks)])
        self.terms = dict(terms)
        self._values = {e.name: variable(f"p.{e.name}", e.shape) for e in self.layout.entries}
        self.residuals: dict[str, Graph] = {}
        for name, term in self.terms.items():
            term.check(name, self.domain)
            self.residuals[name] = self._trace(name, term)
        at = {n: variable(n) for n in self.domain.names}
        self.solution = self._bound(self._fields_at(at), at)

    # ---- tracing ----------------------------------------------------------------------------------------------

    def _fields_at(self, at: Mapping[str, Expression]) -> dict[str, Expression]:
        found: dict[str, Expression] = {}
        for names, field in self.fields.items():
            network = field.network
            inputs: Any = np.stack(field.inputs(self.domain, at))  # type: ignore[call-overload]
            weights = {w: self._values[f"{'_'.join(names)}.{w}"] for w in network.weight_shapes()}
            raw: Any = network.expand(weights, inputs)
            values = {n: raw[k] for k, n in enumerate(names)}
            if field.transform is not None:
                given = {"at": PointView(at), "raw": View("field", values)}
                made = call(field.transform, given, f"the transform of `{'_'.join(names)}`")
                parts = made if isinstance(made, (tuple, list)) else (made,)
                values = {n: traced(v, f"the transformed `{n}`") for n, v in zip(names, parts, strict=True)}
            found.update(values)
        return found

    def _trace(self, name: str, term: Term) -> Graph:
        at = {n: variable(n) for n in (*self.domain.names, *term.columns(self.domain))}
        weights = {n: {w: self._values[f"{n}.{w}"] for w in net.weight_shapes()} for n, net in self._further.items()}
        coordinates = {n: at[n] for n in self.domain.names}
        arguments = {
            "at": PointView(at),
            "field": FieldView(self._fields_at, coordinates),
            "p": View("parameter", {n: self._values[n] for n in self.parameters}),
            "net": NetworkView(self._further, weights),
        }
        result = call(term.function, arguments, name)
        return self._bound(residual_outputs(name, result), at)

    def _bound(self, outputs: Mapping[str, Expression], at: Mapping[str, Expression]) -> Graph:
        """Values of parameters and weights become views into θ; points that nothing reads are left out."""
        theta = self.layout.variable()
        views = {value: self.layout.view(theta, name) for name, value in self._values.items()}
        named = Graph((*at.values(), *self._values.values()), outputs)
        bound = substitute(named, views, (*at.values(), theta))
        used = {node.name for node in bound.nodes if node.operation == "input"}
        return Graph((*(v for n, v in at.items() if n in used), theta), bound.outputs)

    def initial_theta(self, seed: int = 0) -> np.ndarray:
        """θ (P,) at the parameters' initial values, with networks drawn from a generator with this seed."""
        values: dict[str, Any] = {n: p.array for n, p in self.parameters.items()}
        for k, (name, network) in enumerate(self.networks.items()):
            generator = np.random.default_rng([seed, k])
            values.update({f"{name}.{w}": array for w, array in network.draw(generator).items()})
        return self.layout.pack(values)


def residual_outputs(name: str, result: Any) -> dict[str, Expression]:
    """Output name → residual, () or (k,), of what a term's function returned."""
    if isinstance(result, Mapping):
        return {str(k): _one(v, f"residual `{name}.{k}`") for k, v in result.items()}
    if isinstance(result, (tuple, list)):
        parts = [_one(v, f"residual `{name}`") for v in result]
        stacked: Any = np.stack(parts)  # type: ignore[call-overload]
        return {"residual": stacked}
    return {"residual": _one(result, f"residual `{name}`")}


def _one(value: Any, what: str) -> Expression:
    expression = traced(value, what)
    if expression.ndim > 1:
        raise ModelError(f"{what} has shape {expression.shape} at one point; return a number, or a tuple of numbers.")
    return expression
