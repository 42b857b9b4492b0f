"""Names in Julia source: no keyword, nothing that Julia or the script uses otherwise, every name once."""

from __future__ import annotations

import re

from .julia_helpers import HELPERS
from .operation import OPERATIONS

__all__ = ["Names"]

_KEYWORDS = """
baremodule begin break catch const continue do else elseif end export false finally for function
global if import in isa let local macro module quote return struct true try using while where
abstract mutable primitive type outer
"""
"""Julia's reserved words."""
_USED = """
u du p t e pi π ℯ im ans Inf NaN nothing missing I log log1p sqrt asin acos maximum sum dropdims cat vcat
hcat vec reshape permutedims circshift fill repeat zeros ones falses only copy size length ndims eltype view
solve sol problem remake range open print println join ARGS PROGRAM_FILE stdout Base Core Main
vector_field observables table times time_span initial_state zip enumerate first last map reduce
string float time_origin stops jumps prevfloat
"""
"""What scripts call or name themselves, besides the functions of operations and the helpers."""


class Names:
    """Hands out Julia names.

    Parameters
    ----------
    taken
        Further names that can't be used.
    """

    def __init__(self, *taken: str) -> None:
        called = {entry.julia for entry in OPERATIONS.values() if entry.family == "elementwise"}
        self._taken = {*_KEYWORDS.split(), *_USED.split(), *HELPERS, *called, *taken}

    def new(self, wish: str) -> str:
        """The name wished for, with `_` behind it where it is taken; dots become `_`."""
        name = re.sub(r"\W", "_", wish.replace("'", "_slope"))
        while name in self._taken:
            name += "_"
        self._taken.add(name)
        return name

    def scope(self) -> Names:
        """Names for local variables: those given out here aren't taken outside."""
        return Names(*self._taken)

    def numbered(self, stem: str) -> str:
        """The first free of `stem1`, `stem2`, …"""
        k = 1
        while f"{stem}{k}" in self._taken:
            k += 1
        return self.new(f"{stem}{k}")
