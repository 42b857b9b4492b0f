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
_LABELLED = ("pandas", "xarray")


@cache
def _foreign() -> tuple[str, ...]:
    """Where code lives that a user hasn't written: this package, the packages of arrays, the standard library."""
    return (
        _PACKAGE,
        *_folders("numpy", "scipy", *_LABELLED),
        "<__array_function__",
        "<frozen ",
    )


@cache
def _folders(*packages: str) -> tuple[str, ...]:
    import numpy as np

    site = Path(np.__file__).resolve().parent.parent
    return tuple(f"{site / name}{os.sep}" for name in packages)


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
            return _place(name, frame.f_lineno)
        frame = frame.f_back
    return ""


def _place(name: str, line: int) -> str:
    code = linecache.getline(name, line).strip()
    return f" at {Path(name).name}:{line}" + (f": `{code}`" if code else "")


def warn_user(message: str) -> None:
    """Warn at the line of the user's that called into this package, however deep in it the reason was found."""
    frame, level = sys._getframe(1), 2
    while frame is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, UnideqWarning, stacklevel=level - 1 if frame is None else level)


@contextmanager
def tracing() -> Iterator[None]:
    """Call a user's function within this: what NumPy, pandas and xarray make of a symbolic value is said plainly.

    NumPy hides the `TraceError` of `array[0] = symbol` behind a `ValueError`; the others fail somewhere inside.
    """
    try:
        yield
    except Exception as error:
        met = _labelled_meeting(error)
        if met is not None:
            raise labelled(met) from error
        if isinstance(error, ValueError) and isinstance(error.__cause__, TraceError):
            raise error.__cause__ from None
        raise


def labelled(place: str | None = None) -> TraceError:
    """What to say where an object of pandas or xarray meets a symbolic value."""
    return TraceError(
        "An object of pandas or xarray can't be combined with a symbolic value"
        f"{user_line() if place is None else place}. Take its numbers: `.values`."
    )


def is_labelled(value: object) -> bool:
    """Whether a value is an object of pandas or xarray."""
    return type(value).__module__.partition(".")[0] in _LABELLED


def _labelled_meeting(error: BaseException) -> str | None:
    """The user's line where pandas or xarray was handed a symbolic value and failed; None: something else failed."""
    from .expression import Expression

    place, met = None, False
    frames = error.__traceback__
    while frames is not None:
        name = frames.tb_frame.f_code.co_filename
        if name.startswith(_folders(*_LABELLED)):
            met = met or any(isinstance(v, Expression) for v in frames.tb_frame.f_locals.values())
        elif _is_users(name):
            place, met = _place(name, frames.tb_lineno), False
        frames = frames.tb_next
    return place if met else None
