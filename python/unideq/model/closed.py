"""`PDE.closed`: a model with a further term, which stands for what its grid doesn't see."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import ModelError
from ..graph import Expression
from .description import warn_unused
from .further import by_field, with_further
from .names import check_dimensions, check_distinct
from .trace import call, traced

if TYPE_CHECKING:
    from .pde import PDE

__all__ = ["SUFFIX", "closed", "words_of_term"]

SUFFIX = "_subgrid"
"""Of the observables that are closures' terms."""


def words_of_term(field: str) -> str:
    """What results call a field's term."""
    return f"{field}, subgrid term"


def closed(model: PDE, closure: Any, parameters: Any, networks: Any) -> Any:
    """See `PDE.closed`."""
    own = hasattr(closure, "term") and not isinstance(closure, type)
    what = type(closure).__name__ if own else getattr(closure, "__name__", "closure").replace("<lambda>", "closure")
    if isinstance(closure, type) or not (own or callable(closure)):
        shown = f"`{what}` itself" if isinstance(closure, type) else type(closure).__name__
        raise ModelError(
            f"`closed` needs a function f(t, state, p, net) or e.g. `ude.closures.Smagorinsky()`, not {shown}."
        )
    if own:
        if parameters or networks:
            raise ModelError(f"`{what}` brings its parameters and networks along. Leave `parameters`, `networks` out.")
        parameters, networks = closure.parameters(), closure.networks()
    made = model._copy(**with_further(model, parameters, networks), bind=False)
    arguments = made._arguments()
    function = (lambda state, p, net: closure.term(model, state, p, net)) if own else closure
    terms = _terms(model, call(function, arguments, what), what)
    before = model.named["closure"].outputs if "closure" in model.named else {}
    sums = {n: before[n] + terms[n] if n in before and n in terms else e for n, e in {**before, **terms}.items()}
    observed = {n + SUFFIX: sums[n] for n in model.fields if n in sums}
    own_names = {*model.states.names, *(n + SUFFIX for n in before)}
    check_distinct(
        {
            "state": model.states.names,
            "observable": [n for n in model.observables if n not in own_names],
            "parameter": made.parameters,
            "condition": made.conditions,
            "forcing": made.forcing_names,
            "closure's term": observed,
        }
    )
    named = {key: made._named(graph.outputs) for key, graph in model.named.items()}
    for key in ("vector_field", "nonlinear"):
        if key in named:
            named[key] = made._named({"du": _with(model, named[key].outputs["du"], terms)})
    named["closure"] = made._named(sums)
    named["observation"] = made._named({**named["observation"].outputs, **observed})
    made._set_equations(named)
    check_dimensions(made)
    warn_unused(made)
    return made


def _terms(model: PDE, result: Any, what: str) -> dict[str, Expression]:
    """Field → its term, of exactly its shape: a mean or a profile that broadcasts is most likely a slip."""
    found = by_field(result, model.fields, what)
    if not found:
        raise ModelError(f"`{what}` returned an empty dict: it closes nothing.")
    terms = {n: traced(v, f"`{what}`: the term of `{n}`") for n, v in found.items()}
    for name, term in terms.items():
        if term.shape != tuple(model.grid.shape):
            raise ModelError(
                f"`{what}`: the term of `{name}` has shape {term.shape}, and a field has {tuple(model.grid.shape)}. "
                "Return one value a point of the grid."
            )
        if model.states[name].algebraic:
            raise ModelError(f"`{name}` is algebraic, without a derivative that a closure's term could be part of.")
    return terms


def _with(model: PDE, du: Expression, terms: Mapping[str, Expression]) -> Expression:
    parts = [(e + terms[n] if n in terms else e).reshape(e.size) for n, e in model.states.split(du).items()]
    joined: Any = np.concatenate(parts)
    return joined
