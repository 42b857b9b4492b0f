"""One registry for all settings that are written to JSON under a name, and the one way back.

A family (networks, samplers, losses, …) has a base, which says what its members are called; a member registers by
`@stored`. `thing.to_json()` gives plain data, `from_json(Base, data)` the thing again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, ClassVar, TypeVar

import numpy as np

from .errors import FileFormatError, damaged, unknown

__all__ = ["Stored", "from_json", "members", "stored"]

S = TypeVar("S", bound="Stored")
Kind = TypeVar("Kind", bound="type[Stored]")
_MEMBERS: dict[str, dict[str, type[Stored]]] = {}
"""Family → name in files → class."""


class Stored:
    """Base of what is written to JSON under a name: a dataclass, by its fields.

    Attributes
    ----------
    family
        What members are, for messages: `sampler`. The base of a family sets it.
    tag
        Key of the name in the JSON; "" where a family has one member, and no name is written.
    kind
        A member's name; by default that of its class.
    """

    family: ClassVar[str] = ""
    tag: ClassVar[str] = "kind"
    kind: ClassVar[str] = ""

    @classmethod
    def stored_name(cls) -> str:
        """A member's name in files."""
        return cls.kind or cls.__name__

    @classmethod
    def parts(cls) -> Mapping[str, type[Stored]]:
        """Fields whose values are stored things themselves → the bases of their families."""
        return {}

    def stored_values(self) -> dict[str, Any]:
        """What is written besides the name: the fields."""
        return {f.name: getattr(self, f.name) for f in fields(self)}  # type: ignore[arg-type]

    @classmethod
    def from_values(cls: type[S], values: dict[str, Any]) -> S:
        """The thing, from what `stored_values` gave, back from JSON; lists are tuples, parts are things."""
        return cls(**values)

    def to_json(self) -> dict[str, Any]:
        """Name and settings as plain data; see `unideq.stored.from_json`."""
        named = {self.tag: self.stored_name()} if self.tag else {}
        return {**named, **{n: _plain(v) for n, v in self.stored_values().items()}}


def stored(cls: Kind) -> Kind:
    """Class decorator: makes a member of a family readable from files under its name."""
    _MEMBERS.setdefault(cls.family, {})[cls.stored_name()] = cls
    return cls


def members(base: type[S]) -> dict[str, type[S]]:
    """Name in files → class, of all members of a family."""
    return {n: c for n, c in _MEMBERS.get(base.family, {}).items() if issubclass(c, base)}


def from_json(base: type[S], data: Any) -> S:
    """What `to_json` of a member wrote.

    Parameters
    ----------
    base
        Of the family.
    data
        The member's name and settings.

    Raises
    ------
    FileFormatError
        If the name is unknown, or a setting is unknown, missing or refused.

    Examples
    --------
    >>> import unideq as ude
    >>> from unideq.stored import from_json
    >>> from_json(ude.samplers.Sampler, ude.samplers.Sobol(redraw=10).to_json())
    Sobol(redraw=10)
    """
    if not isinstance(data, Mapping) or (base.tag and base.tag not in data):
        raise FileFormatError(f"The description of a {base.family} is damaged: {data!r}.")
    values, found, name = dict(data), members(base), base.__name__
    if base.tag:
        name = str(values.pop(base.tag))
        if name not in found:
            raise unknown(base.family, name, found, FileFormatError)
    cls = found[name]
    parts = cls.parts()
    with damaged(f"The description of a `{name}` {base.family}"):
        return cls.from_values({n: _read(parts[n], v) if n in parts else _tuples(v) for n, v in values.items()})


def _read(base: type[Stored], value: Any) -> Any:
    return from_json(base, value) if isinstance(value, Mapping) else value


def _plain(value: Any) -> Any:
    if isinstance(value, Stored):
        return value.to_json()
    if isinstance(value, (tuple, list)):
        return [_plain(v) for v in value]
    if isinstance(value, Mapping):
        return {n: _plain(v) for n, v in value.items()}
    return value.tolist() if isinstance(value, (np.generic, np.ndarray)) else value


def _tuples(value: Any) -> Any:
    return tuple(_tuples(v) for v in value) if isinstance(value, list) else value
