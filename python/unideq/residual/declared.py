"""What a residual problem is declared with: fields and networks, checked name by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import ModelError
from ..model.names import check_name, named_items
from ..nn import Network
from .domain import Domain
from .field import Field

__all__ = ["checked_fields", "checked_networks"]


def checked_fields(fields: Any, domain: Domain) -> dict[tuple[str, ...], Field]:
    """Names of a network's fields → `Field`, of what `ResidualProblem(fields=...)` was given."""
    if not isinstance(fields, Mapping) or not fields:
        raise ModelError('A `ResidualProblem` needs fields: `{"u": ude.nn.MLP(2, 1)}`.')
    found: dict[tuple[str, ...], Field] = {}
    for key, given in fields.items():
        names = tuple(check_name("Field", n) for n in (key if isinstance(key, tuple) else (key,)))
        if not names or len(set(names)) < len(names):
            raise ModelError(f"A network's fields need names of their own, not {key!r}.")
        field = given if isinstance(given, Field) else Field(given)
        field.check(names, domain)
        found[names] = field
    several = [n for names in found for n in names]
    for name in several:
        if several.count(name) > 1:
            raise ModelError(f"Two networks have a field `{name}`. Rename one.")
    return found


def checked_networks(networks: Any) -> dict[str, Network]:
    """Name → network within equations."""
    found = dict(named_items("networks", "Network", networks))
    for name, network in found.items():
        if not isinstance(network, Network):
            raise ModelError(f"Network `{name}` needs e.g. `unideq.nn.MLP(1, 1)`, not {type(network).__name__}.")
    return found
