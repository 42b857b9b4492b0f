"""Which names states, parameters, networks, forcings and observables may have."""

from __future__ import annotations

import keyword
from collections.abc import Iterable, Mapping
from typing import Any

from ..errors import ModelError

__all__ = ["check_distinct", "check_name", "named_items"]

# Dimensions and columns of the results, and the one method of the views that users' functions read names from.
RESERVED = frozenset({"time", "trajectory", "seed", "iteration", "t", "keys"})


def check_name(kind: str, name: object) -> str:
    """The name, if it can be read as an attribute and doesn't clash with the results' own names."""
    if not isinstance(name, str):
        raise ModelError(f"{kind} names are strings, not {name!r}.")
    if not name.isidentifier():
        raise ModelError(f"{kind} name {name!r} isn't a Python identifier. Rename it.")
    if keyword.iskeyword(name):
        raise ModelError(f"{kind} name {name!r} is a Python keyword. Write `{name}_`.")
    if name.startswith("_"):
        raise ModelError(f"{kind} name {name!r} begins with an underscore. Rename it.")
    if name in RESERVED:
        raise ModelError(f"{kind} name {name!r} is taken: results and equations use it. Choose another.")
    return name


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
    return [(check_name(kind, name), item) for name, item in value.items()]
