"""A bounded cache of compiled code: what is used goes on living, what a thousand fits left behind does not."""

from __future__ import annotations

import weakref
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any

__all__ = ["CompiledCache", "HashedKey", "IdentityCache"]


class HashedKey:
    """A key that is hashed once: keys hold whole graphs, and tuples don't remember their hash."""

    __slots__ = ("_hash", "value")

    def __init__(self, value: Hashable) -> None:
        self.value = value
        self._hash = hash(value)

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, HashedKey) and self.value == other.value)


class CompiledCache:
    """Least recently used entries leave first; dropping them frees what the engine compiled.

    Parameters
    ----------
    capacity
        Number of functions kept.
    """

    def __init__(self, capacity: int = 64) -> None:
        self.capacity = capacity
        self._entries: OrderedDict[Hashable, Any] = OrderedDict()

    def get(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """The entry of that key, made if need be."""
        if key in self._entries:
            self._entries.move_to_end(key)
            return self._entries[key]
        made = make()
        self._entries[key] = made
        while len(self._entries) > self.capacity:
            self._entries.popitem(last=False)
        return made

    def clear(self) -> None:
        """Forget everything."""
        self._entries.clear()

    def __len__(self) -> int:
        return len(self._entries)


class IdentityCache:
    """What was prepared from an object, kept as long as that object lives."""

    def __init__(self) -> None:
        self._entries: dict[int, tuple[weakref.ref, Any]] = {}

    def get(self, thing: Any, make: Callable[[], Any]) -> Any:
        """What `make()` gave for this very object."""
        number = id(thing)
        entry = self._entries.get(number)
        if entry is None or entry[0]() is not thing:
            forget = lambda _, number=number, entries=self._entries: entries.pop(number, None)  # noqa: E731
            entry = (weakref.ref(thing, forget), make())
            self._entries[number] = entry
        return entry[1]

    def __len__(self) -> int:
        return len(self._entries)
