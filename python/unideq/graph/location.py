"""Where in the user's own code something happened: the tail of every tracing error; and what NumPy hides of it."""

from __future__ import annotations

import linecache
import os
import sys
import sysconfig
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from ..errors import TraceError, UnideqWarning

_PACKAGE = str(Path(__file__).resolve().parent.parent) + os.sep


@cache
def _foreign() -> tuple[str, ...]:
    """Where code lives that a user hasn't written: this package, NumPy and SciPy, the standard library."""
    import numpy as np

    site = Path(np.__file__).resolve().parent.parent
    return (
        _PACKAGE,
        *(f"{site / name}{os.sep}" for name in ("numpy", "scipy")),
        "<__array_function__",
        "<frozen ",
    )


def _is_users(name: str) -> bool:
    if name.startswith(_foreign()):
        return False
    library = sysconfig.get_path("stdlib") + os.sep
    return not name.startswith(library) or f"{os.sep}site-packages{os.sep}" in name


def user_line() -> str:
    """` at FILE:LINE: CODE` for the innermost frame that a user may have written, or an empty string."""
    frame = sys._getframe(1)
    while frame is not None:
        name = frame.f_code.co_filename
        if _is_users(name):
            code = linecache.getline(name, frame.f_lineno).strip()
            return f" at {Path(name).name}:{frame.f_lineno}" + (f": `{code}`" if code else "")
        frame = frame.f_back
    return ""


def warn_user(message: str) -> None:
    """Warn at the line of the user's that called into this package, however deep in it the reason was found."""
    frame, level = sys._getframe(1), 2
    while frame is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, UnideqWarning, stacklevel=level - 1 if frame is None else level)


@contextmanager
def tracing() -> Iterator[None]:
    """Call a user's function within this: NumPy hides the `TraceError` of `array[0] = symbol` behind a `ValueError`."""
    try:
        yield
    except ValueError as error:
        if isinstance(error.__cause__, TraceError):
            raise error.__cause__ from None
        raise
