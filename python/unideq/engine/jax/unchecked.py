"""diffrax without its check that output times are in order, which is a call from compiled code back into Python.

`Integration` promises the order already. What calls back can't be kept on disk (`compiled_files`), and the check's
branch is compiled with every solve.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import diffrax

__all__ = ["unchecked_times"]

_within: ContextVar[bool] = ContextVar("within", default=False)


class _Internal:
    """Stands for `equinox.internal` in diffrax's integration: its `error_if` lets everything pass in our solves."""

    def __init__(self, theirs: Any) -> None:
        self._theirs = theirs

    def __getattr__(self, name: str) -> Any:
        return getattr(self._theirs, name)

    def error_if(self, x: Any, *check: Any, **settings: Any) -> Any:
        return x if _within.get() else self._theirs.error_if(x, *check, **settings)


_module = getattr(diffrax, "_integrate", None)
if hasattr(getattr(_module, "eqxi", None), "error_if"):  # another version: its checks stay
    _module.eqxi = _Internal(_module.eqxi)  # type: ignore[union-attr]


@contextmanager
def unchecked_times() -> Iterator[None]:
    """What is traced within has no such check; solves of others have it as ever."""
    token = _within.set(True)
    try:
        yield
    finally:
        _within.reset(token)
