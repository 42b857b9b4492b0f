"""Residual problems as plain data and back: what files and results keep, without the Python functions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..errors import FileFormatError, ModelError, damaged
from ..graph.serialise import from_json, to_json
from ..model import Layout, Parameter
from ..model.values import described_values, weights_from_json
from ..nn import Network
from ..stored import from_json as stored_from_json
from .domain import Domain
from .field import Field
from .terms import Term

if TYPE_CHECKING:
    from .problem import ResidualProblem

__all__ = ["problem_from_json", "problem_to_json"]


def problem_to_json(problem: ResidualProblem) -> dict[str, Any]:
    """See `ResidualProblem.to_json`."""
    return {
        "kind": "ResidualProblem",
        "domain": problem.domain.to_json(),
        "fields": [_field_to_json(names, field) for names, field in problem.fields.items()],
        **described_values(problem),
        "networks": {n: network.to_json() for n, network in problem.equation_networks.items()},
        "layout": problem.layout.to_json(),
        "solution": to_json(problem.solution),
        "terms": {n: {**t.to_json(), "residual": to_json(problem.residuals[n])} for n, t in problem.terms.items()},
    }


def _field_to_json(names: tuple[str, ...], field: Field) -> dict[str, Any]:
    return {
        "names": list(names),
        "network": field.network.to_json(),
        "periodic": {n: int(k) for n, k in field.harmonics.items()} or None,
        "standardise": field.standardise,
        "transformed": field.transform is not None,
    }


def problem_from_json(kind: type[ResidualProblem], data: Mapping[str, Any]) -> ResidualProblem:
    """See `ResidualProblem.from_json`.

    Raises
    ------
    FileFormatError
        If the data doesn't describe a residual problem, or is damaged.
    """
    if not isinstance(data, Mapping) or data.get("kind") != "ResidualProblem":
        raise FileFormatError("This JSON doesn't describe a `ResidualProblem`.")
    with damaged("The description of the problem"):
        made = object.__new__(kind)
        made.domain = Domain.from_json(data["domain"])
        made.fields = dict(_field_from_json(f) for f in data["fields"])
        made.parameters = {n: Parameter(**p) for n, p in data["parameters"].items()}
        made.equation_networks = {n: stored_from_json(Network, s) for n, s in data["networks"].items()}
        made.layout = Layout.from_json(data["layout"])
        made.weights = weights_from_json(data, made.layout)
        made.solution = from_json(data["solution"])
        made.terms = {n: _term_from_json(t) for n, t in data["terms"].items()}
        made.residuals = {n: from_json(t["residual"]) for n, t in data["terms"].items()}
    return made


def _field_from_json(data: Mapping[str, Any]) -> tuple[tuple[str, ...], Field]:
    transform = _not_kept if data["transformed"] else None
    field = Field(stored_from_json(Network, data["network"]), transform, data["periodic"], data["standardise"])
    return tuple(data["names"]), field


def _term_from_json(data: Mapping[str, Any]) -> Term:
    return stored_from_json(Term, {n: v for n, v in data.items() if n != "residual"})


def _not_kept(*arguments: Any) -> Any:
    """Stands for the transform of a field that was read from a file: its graph is in `solution`."""
    raise ModelError("This field was read from a file, which keeps the traced solution, not the Python function.")
