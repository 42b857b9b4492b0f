"""`ResidualProblem`: differential equations whose unknown fields are networks, trained on residuals at points."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..checks import known_arguments
from ..errors import ModelError, UnideqError, unknown
from ..graph import Expression, Graph, factored
from ..model import Entry, Layout, Parameter
from ..model.declared import parameter_of, weight_entries
from ..model.names import check_distinct, check_name, check_reserved, named_items
from ..model.values import Valued
from ..nn import Network
from .data import Data
from .declared import checked_fields, checked_networks
from .description import described, warn_stepping, warn_unread
from .domain import Domain, Points
from .evaluation import at_points
from .field import Field
from .stored import problem_from_json, problem_to_json
from .terms import Term
from .unknowns import Unknowns, inputs_of, residual_outputs

__all__ = ["ResidualProblem"]


class ResidualProblem(Valued):
    """Differential equations on a domain, with networks for the unknown fields (a PINN).

    Parameters
    ----------
    domain
        Coordinate → (low, high), or a `Domain`.
    fields
        Field → network or `Field`; a tuple of names for a network with several outputs.
    terms
        Name → `Interior`, `Boundary`, `Initial`, `PointSet` or `Data`.
    parameters
        Name → `Parameter` or number: unknown coefficients (inverse problems). Read as `p.NAME`.
    networks
        Further networks within the equations (unknown terms), read as `net.NAME(...)`.
    outputs
        Name → function of (at, field, p, net): quantities made of the fields, such as velocities from a stream
        function. They stand beside the fields in predictions and data, and terms read them as `field.NAME`.

    Attributes
    ----------
    layout
        Of θ: parameters, then the networks' weights.
    terms
        Name → term; a `Data` term is one a measured variable, `NAME.VARIABLE`.
    residuals
        Term → graph with inputs coordinates (and further columns) and `theta`; one output a residual.
    solution
        Graph coordinates, `theta` → fields and outputs.

    Raises
    ------
    ModelError, DataError, TraceError
        If the parts don't fit, a term has no points or nothing to learn from, or a function can't be traced; names the
        place and what to write instead.

    Examples
    --------
    >>> import numpy as np, unideq as ude
    >>> problem = ude.ResidualProblem(
    ...     {"x": (0, 1)},
    ...     {"u": ude.nn.MLP(1, 1)},
    ...     {
    ...         "poisson": ude.Interior(lambda at, field: ude.d(field.u, at.x, 2) + np.pi**2 * np.sin(np.pi * at.x)),
    ...         "ends": ude.Boundary(lambda at, field: field.u),
    ...     },
    ... )
    >>> problem
    ResidualProblem(domain=['x'], fields=['u'], terms=['poisson', 'ends'], parameters=[], networks=[])
    >>> problem({"x": np.linspace(0, 1, 5)})["u"].shape
    (5,)
    """

    terms: dict[str, Term]
    residuals: dict[str, Graph]

    @known_arguments
    def __init__(
        self,
        domain: Domain | Mapping[str, tuple[float, float]],
        fields: Mapping[Any, Network | Field],
        terms: Mapping[str, Term | Data],
        parameters: Mapping[str, Any] | None = None,
        networks: Mapping[str, Network] | None = None,
        outputs: Mapping[str, Callable[..., Any]] | None = None,
    ) -> None:
        self.domain = Domain.of(domain)
        self.parameters: dict[str, Parameter] = {
            n: parameter_of(n, v) for n, v in named_items("parameters", "Parameter", parameters)
        }
        self.fields = checked_fields(fields, self.domain)
        self.equation_networks = checked_networks(networks)
        functions = dict(named_items("outputs", "Output", outputs))
        self._check_names(functions)
        entries = [Entry.of_parameter(n, p) for n, p in self.parameters.items()]
        self.layout, self.weights = Layout([*entries, *weight_entries(self.networks)]), {}
        unknowns = Unknowns(self.domain, self.fields, self.parameters, self.equation_networks, self.layout, functions)
        self.solution = unknowns.bound(unknowns.values, self.domain.names)
        self.terms, self.residuals = {}, {}
        read: set[str] = set()
        residuals: dict[str, list[Expression]] = {}
        for name, term in self._checked_terms(terms).items():
            found = self._traced(unknowns, name, term)
            read |= {entry for value in found.values() for entry in unknowns.read(value)}
            residuals[name] = list(found.values())
            self.terms[name] = term
            self.residuals[name] = factored(unknowns.bound(found, self._inputs_of(found, term)))
        warn_unread(self, read)
        warn_stepping(unknowns, residuals)

    # ---- parts ------------------------------------------------------------------------------------------------

    @property
    def networks(self) -> dict[str, Network]:
        """All networks: the fields', named after those, then those within equations."""
        return {**{"_".join(n): f.network for n, f in self.fields.items()}, **self.equation_networks}

    @property
    def field_names(self) -> tuple[str, ...]:
        """The unknown fields."""
        return tuple(n for names in self.fields for n in names)

    @property
    def output_names(self) -> tuple[str, ...]:
        """Quantities made of the fields."""
        return tuple(n for n in self.solution.outputs if n not in self.field_names)

    def label(self, term: str, output: str) -> str:
        """What the objective calls a residual: `TERM`, or `TERM.NAME` where the term has several."""
        return term if output == "residual" else f"{term}.{output}"

    def read_by(self, name: str, points: Mapping[str, np.ndarray]) -> Points:
        """The columns that a term's graph reads."""
        return {n: points[n] for n in self.residuals[name].input_names if n != "theta"}

    def _check_names(self, outputs: Mapping[str, Any]) -> None:
        check_reserved({"coordinate": self.domain.names, "parameter": self.parameters})
        check_distinct(
            {
                "coordinate": self.domain.names,
                "parameter": self.parameters,
                "field": self.field_names,
                "output": outputs,
                "network": self.equation_networks,
            }
        )
        for names in self.fields:
            if len(names) > 1 and ("_".join(names) in self.equation_networks or "_".join(names) in self.field_names):
                raise ModelError(f"`{'_'.join(names)}` names two networks. Rename one.")

    def _checked_terms(self, terms: Any) -> dict[str, Term]:
        given = named_items("terms", "Term", terms)
        if not given:
            raise ModelError(
                "A `ResidualProblem` needs terms, what shall vanish and where: "
                '`{"pde": ude.Interior(lambda at, field: ...), "walls": ude.Boundary(...)}`.'
            )
        found: dict[str, Term] = {}
        for name, term in given:
            if isinstance(term, Data):
                found.update(term.terms(name, self.domain, tuple(self.solution.outputs)))
            elif isinstance(term, Term):
                term.check(name, self.domain)
                found[name] = term
            else:
                raise ModelError(f"Term `{name}` needs e.g. `unideq.Interior(function)`, not {type(term).__name__}.")
        return found

    # ---- tracing ----------------------------------------------------------------------------------------------

    def _traced(self, unknowns: Unknowns, name: str, term: Term) -> dict[str, Expression]:
        columns = term.columns(self.domain)
        check_reserved({"column": columns})
        for column in columns:
            check_name("Column", column)
            if column == "theta":
                raise ModelError(f"Term `{name}` has a column `theta`, which graphs call something else. Rename it.")
        found = residual_outputs(name, self._called(unknowns, name, term, columns))
        for key, value in found.items():
            if not any(self.layout[entry].free for entry in unknowns.read(value)):
                raise ModelError(
                    f"Term `{self.label(name, key)}` doesn't depend on anything unknown: training can't change it. "
                    "Use `field.NAME`, `p.NAME` or `net.NAME(...)` in its function, or leave it out."
                )
        return found

    @staticmethod
    def _called(unknowns: Unknowns, name: str, term: Term, columns: tuple[str, ...]) -> Any:
        """What a term's function returned; errors within it say which term it is."""
        try:
            return unknowns.call(term.function, name, columns)
        except UnideqError as error:
            text = str(error)
            raise (error if f"`{name}`" in text else type(error)(f"In term `{name}`: {text}")) from error.__cause__

    def _inputs_of(self, outputs: Mapping[str, Expression], term: Term) -> tuple[str, ...]:
        """Coordinates and columns that residuals read; the first coordinate at least, which says how many points."""
        used = {node.name for node in inputs_of(outputs)}
        names = [n for n in (*self.domain.names, *term.columns(self.domain)) if n in used]
        return tuple(names or self.domain.names[:1])

    # ---- values -----------------------------------------------------------------------------------------------

    def __call__(self, points: Mapping[str, Any], parameters: Any = None) -> dict[str, np.ndarray]:
        """Fields and outputs at points, evaluated with NumPy.

        Parameters
        ----------
        points
            Coordinate → values; they broadcast against each other.
        parameters
            Dict of names, a flat θ, or None for the initial values.

        Returns
        -------
        dict
            Field or output → values of the points' common shape.
        """
        return at_points(self.solution, points, self.resolve_theta(parameters))

    def residual(self, name: str, points: Mapping[str, Any], parameters: Any = None) -> dict[str, np.ndarray]:
        """Residuals of a term at points, evaluated with NumPy.

        Parameters
        ----------
        name
            Of the term.
        points
            Coordinate (and further column) → values; they broadcast against each other. What the residual doesn't read
            may be left out.
        parameters
            Dict of names, a flat θ, or None for the initial values.

        Returns
        -------
        dict
            `TERM`, or `TERM.NAME` for every residual of the term, → values of the points' common shape, with a last
            axis for the components of a tuple.
        """
        if name not in self.residuals:
            raise unknown("term", name, self.residuals)
        values = at_points(self.residuals[name], points, self.resolve_theta(parameters))
        return {self.label(name, key): value for key, value in values.items()}

    # ---- reading ----------------------------------------------------------------------------------------------

    def describe(self) -> str:
        """Domain, fields, parameters, networks and terms with the sizes of their graphs, as text."""
        return described(self)

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(domain={list(self.domain.names)}, fields={list(self.field_names)}, "
            f"terms={list(self.terms)}, parameters={list(self.parameters)}, networks={list(self.equation_networks)})"
        )

    # ---- JSON -------------------------------------------------------------------------------------------------

    def to_json(self) -> dict[str, Any]:
        """All there is to the problem, without the Python functions: read back by `from_json`."""
        return problem_to_json(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> ResidualProblem:
        """Inverse of `to_json`."""
        return problem_from_json(cls, data)
