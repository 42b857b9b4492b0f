"""The wording that all words share: the class, the setting, what it needs, what was given, what to write instead."""

from __future__ import annotations

import reprlib
from typing import Any

import numpy as np

from ..errors import OptionError, UnideqError
from ..times import in_numbers

__all__ = ["Error", "or_none", "refused", "shown"]

Error = type[UnideqError]

_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = 80
_SHORT.maxlist = _SHORT.maxtuple = _SHORT.maxdict = 8


def refused(value: Any, name: str, of: str, needs: str, *, error: Error = OptionError, hint: str = "") -> UnideqError:
    """Make (not raise) the error for a value that a setting can't have, in the wording that all share."""
    subject = f"`{of}` needs `{name}` as {needs}" if of else f"`{name}` needs {needs}"
    hints = [h for h in (_without_quotes(value, name, needs), in_numbers(value), hint) if h]
    return error(" ".join([f"{subject}, not {shown(value)}.", *hints]))


def shown(value: Any) -> str:
    """A value in a message: in one line, and not longer than a reader wants it."""
    if isinstance(value, np.ndarray) and value.size > 3:
        return f"an array of {value.dtype} of shape {value.shape}"
    if hasattr(value, "dims") or hasattr(value, "columns"):
        return f"a {type(value).__name__}"
    return " ".join(_SHORT.repr(value).split())


def _without_quotes(value: Any, name: str, needs: str) -> str:
    """The remedy for a number or truth value given as text."""
    if not isinstance(value, str):
        return ""
    if "number" in needs:
        try:
            return f"Write it without quotes: `{name}={float(value):g}`."
        except ValueError:
            return ""
    words = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
    return f"Write `{name}={words[value.lower()]}`." if needs == "True or False" and value.lower() in words else ""


def or_none(none: bool) -> str:
    return " or None" if none else ""
