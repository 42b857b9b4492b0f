"""Julia's exceptions as Unideq's errors: our words in front, Julia's own kept in `error.julia`."""

from __future__ import annotations

import re
from typing import Any

from ...errors import EngineError, EngineMissing, EngineUnsupported, UnideqError

__all__ = ["translated"]

_PACKAGE = re.compile(r"Package (\w+)(?: \[[0-9a-f-]+\])? (?:not found in current path|is required but does not seem)")


def translated(error: Any, doing: str) -> UnideqError | KeyboardInterrupt:
    """The error of ours for a `juliacall.JuliaError`.

    Parameters
    ----------
    error
        With Julia's exception and backtrace.
    doing
        What the engine was doing, as in `compiling the objective`.
    """
    text = str(error)
    kind, message = _kind_and_message(error.exception, text)
    if kind == "InterruptException":
        return KeyboardInterrupt()
    package = _PACKAGE.search(text)
    if package:
        found: UnideqError = EngineMissing(
            f"The Julia engine needs the package `{package.group(1)}` for {doing}, and the active Julia project lacks "
            "it. `unideq doctor` names the command that adds it."
        )
    elif kind == "Unsupported":
        found = EngineUnsupported(message)
    elif kind == "ArgumentError":
        found = EngineError(f"The Julia engine refused, {doing}: {message}")
    elif kind == "OutOfMemoryError":
        found = EngineError(f"Julia ran out of memory, {doing}: try fewer seeds, trajectories or output times.")
    else:
        found = EngineError(
            f"The Julia engine failed, {doing}: {kind}: {message} This shouldn't happen: please report it, with "
            '`error.julia`. `engine="jax"` may go on.'
        )
    found.julia = text
    return found


def _kind_and_message(exception: Any, text: str) -> tuple[str, str]:
    """Name of the exception's Julia type, and the first line of what it says."""
    import juliacall

    base: Any = vars(juliacall)["Base"]
    kind = str(base.nameof(base.typeof(exception)))
    first = text.strip().splitlines()[0] if text.strip() else ""
    return kind, first.removeprefix(f"{kind}: ")
