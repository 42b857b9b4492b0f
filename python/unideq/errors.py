"""Every error that Unideq raises on purpose, and the closest-match wording that they share."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

__all__ = [
    "DataError",
    "EngineError",
    "EngineMissing",
    "EngineUnsupported",
    "ExtraMissing",
    "FileFormatError",
    "ModelError",
    "OptionError",
    "SolveError",
    "TraceError",
    "UnideqError",
    "UnideqWarning",
    "damaged",
    "unknown",
]


class UnideqError(Exception):
    """Base of all errors raised by Unideq: catch this one to catch them all.

    Attributes
    ----------
    julia : what Julia said, with its stack trace, where the error comes from there; else empty.
    """

    julia: str = ""


class TraceError(UnideqError, TypeError):
    """A user's function did something that can't be recorded symbolically; names the line and what to write instead."""


class DataError(UnideqError, ValueError):
    """Observations or forcings that can't be used: what is wrong with them, and where."""


class ModelError(UnideqError, ValueError):
    """A model whose parts don't fit together: wrong states, shapes or parameter values."""


class OptionError(UnideqError, ValueError):
    """An unknown or impossible setting; lists the possible ones."""


class SolveError(UnideqError, RuntimeError):
    """An integration that didn't reach its end; says where it stopped and what to try."""


class EngineError(UnideqError, RuntimeError):
    """An engine that didn't start, or failed where it shouldn't; says what it was doing."""


class EngineUnsupported(UnideqError, NotImplementedError):
    """The chosen engine lacks a feature; names the engine that has it."""


class EngineMissing(UnideqError, ImportError):
    """No engine, or not the requested one, is installed; names the command that installs it."""


class ExtraMissing(UnideqError, ImportError):
    """Optional packages that a feature needs; names the command that installs them."""


class FileFormatError(UnideqError, ValueError):
    """A file that isn't ours, is damaged, or was written by a newer version."""


class UnideqWarning(UserWarning):
    """Something worth knowing that didn't stop the work."""


def unknown(kind: str, name: object, choices: Iterable[object], error: type[UnideqError] = OptionError) -> UnideqError:
    """Make (not raise) the error for an unknown name, with the closest match and the list of possible names."""
    known = [str(choice) for choice in choices]
    folded = {choice.lower(): choice for choice in known}
    close = difflib.get_close_matches(str(name).lower(), list(folded), n=1)
    hint = f" Did you mean `{folded[close[0]]}`?" if close else ""
    listing = ", ".join(f"`{choice}`" for choice in known) or "none"
    return error(f"Unknown {kind} `{name}`.{hint} Possible: {listing}.")


@contextmanager
def damaged(what: str, advice: str = "") -> Iterator[None]:
    """Whatever goes wrong while stored data are read says that those are damaged; `what` begins the sentence."""
    try:
        yield
    except (FileFormatError, EngineError, EngineMissing, EngineUnsupported):
        raise
    except Exception as error:  # by where the damage is: any
        told = str(error) if isinstance(error, UnideqError) else repr(error)
        raise FileFormatError(f"{what} is damaged: {told.rstrip('.')}.{advice and ' '}{advice}") from error
