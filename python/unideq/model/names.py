"""Which names states, parameters, networks, forcings and observables may have."""

from __future__ import annotations

import keyword
import unicodedata
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from ..errors import ModelError

if TYPE_CHECKING:
    from .model import Model

__all__ = [
    "TERMS",
    "check_dimensions",
    "check_distinct",
    "check_name",
    "check_reserved",
    "named_items",
    "normal",
    "normal_keys",
]

# Dimensions and columns of the results, and the one method of the views that users' functions read names from.
_FOR_NOBODY = frozenset({"time", "trajectory", "seed", "iteration", "t", "keys"})
_MEASURED = ("state", "observable", "condition")
TERMS = ("total", "continuity", "regularisation", "population", "divergence")
"""Terms of the loss, beside those of the measured variables."""
RESERVED: dict[str, tuple[str, ...]] = {
    "start": _MEASURED,  # coordinate of the data: where integrations begin
    "held_out": _MEASURED,  # which measurements training didn't see
    "segment": ("parameter",),  # dimension of multiple shooting's segment starts
    **dict.fromkeys(TERMS, ("state", "observable")),
    "point": ("coordinate", "column"),  # dimension of the points of residual terms
}
"""Names of the files' and reports' own variables and dimensions → the kinds of things that stand beside them there."""


def normal(name: Any) -> Any:
    """The name as Python reads it in `state.NAME`: `µ` (micro) and `μ` (mu) are one letter."""
    return unicodedata.normalize("NFKC", name) if isinstance(name, str) else name


def normal_keys(values: Mapping[str, Any] | None) -> dict[str, Any]:
    """A dict of a user with its names as Python reads them; two that are one are refused."""
    found: dict[str, Any] = {}
    for name, value in (values or {}).items():
        if normal(name) in found:
            raise ModelError(f"`{name}` stands twice: Python reads both spellings as one name. Rename one of them.")
        found[normal(name)] = value
    return found


def check_name(kind: str, name: object) -> str:
    """The name as Python reads it, if it can be read as an attribute and doesn't clash with the results' own names."""
    if not isinstance(name, str):
        raise ModelError(f"{kind} names are strings, not {name!r}.")
    name = normal(name)
    assert isinstance(name, str)
    if not name.isidentifier():
        raise ModelError(f"{kind} name {name!r} isn't a Python identifier. Rename it.")
    if keyword.iskeyword(name):
        raise ModelError(f"{kind} name {name!r} is a Python keyword. Write `{name}_`.")
    if name.startswith("_"):
        raise ModelError(f"{kind} name {name!r} begins with an underscore. Rename it.")
    if name in _FOR_NOBODY:
        raise ModelError(f"{kind} name {name!r} is taken: results and equations use it. Choose another.")
    return name


def check_reserved(groups: Mapping[str, Iterable[str]]) -> None:
    """No name of a new model may be one that files and reports have beside it; kind → names."""
    for kind, names in groups.items():
        for name in names:
            if kind in RESERVED.get(name, ()):
                raise ModelError(
                    f"{kind.capitalize()} name {name!r} is taken: results and files use it beside {kind}s. Write "
                    f"`{name}_`, or choose another."
                )


def check_dimensions(model: Model) -> None:
    """No name may be that of a dimension in results: xarray takes such a variable for the dimension's coordinate."""
    shapes = {**{s.name: s.shape for s in model.states}, **model.observables}
    shapes |= {n: p.array.shape for n, p in model.parameters.items()}
    dims = {dim: name for name, shape in shapes.items() for dim in model.dims(name, shape)}
    for name in (*shapes, *model.conditions, *model.forcing_names):
        if name in dims:
            of = f"a dimension of `{dims[name]}`"
            raise ModelError(f"`{name}` names a quantity, and {of} has that name in results. Rename the quantity.")


def check_distinct(groups: Mapping[str, Iterable[str]]) -> None:
    """No name may stand for two things, or equations and results can't be read."""
    seen: dict[str, str] = {}
    for kind, names in groups.items():
        for name in names:
            if name in seen:
                raise ModelError(f"`{name}` names a {seen[name]} and a {kind}. Rename one of them.")
            seen[name] = kind


def named_items(argument: str, kind: str, value: Mapping[str, Any] | None) -> list[tuple[str, Any]]:
    """The items of a dict argument, with names that can be used."""
    if value is None:
        return []
    if not isinstance(value, Mapping):
        raise ModelError(f"`{argument}` needs a dict name → value, not {type(value).__name__}.")
    for name in value:
        check_name(kind, name)
    return list(normal_keys(value).items())
