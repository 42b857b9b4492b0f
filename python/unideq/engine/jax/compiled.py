"""A bounded cache of compiled functions: what is used goes on living, what a thousand fits left behind does not."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any

__all__ = ["CompiledCache"]


class CompiledCache:
    """Least recently used entries leave first. Dropping a jitted function frees its executables.

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
