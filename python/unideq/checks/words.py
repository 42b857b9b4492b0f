"""Words for what isn't a number: flags, choices, text, files, functions, instances of classes, lists and dicts."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from ..errors import OptionError, unknown
from .numbers import plain
from .refusal import Error, or_none, refused

__all__ = [
    "PRECISIONS",
    "checked_names",
    "choice",
    "flag",
    "function",
    "instance",
    "known_keys",
    "mapping",
    "sequence",
    "settle",
    "text",
]

PRECISIONS = ("float64", "float32")
"""What programs may compute in."""


def flag(value: Any, name: str, of: str = "", *, error: Error = OptionError, hint: str = "") -> bool:
    """True or False: neither 0, nor 1, nor a word."""
    found = plain(value)
    if not isinstance(found, (bool, np.bool_)):
        raise refused(value, name, of, "True or False", error=error, hint=hint)
    return bool(found)


def choice(
    value: Any, name: str, choices: Iterable[str], of: str = "", *, none: bool = False, error: Error = OptionError
) -> Any:
    """One of some words; an unknown one raises with the closest match and the list."""
    known = tuple(choices)
    if none and value is None:
        return None
    if not isinstance(value, str) or not value:
        listing = ", ".join(f'`"{c}"`' for c in known)
        raise refused(value, name, of, f"one of {listing}" + or_none(none), error=error)
    if value not in known:
        raise unknown(f"`{name}` of `{of}`" if of else name, value, known, error)
    return str(value)


def text(value: Any, name: str, of: str = "", *, empty: bool = True, error: Error = OptionError, hint: str = "") -> str:
    """Text; not empty unless it may be. Nothing in it that files can't hold."""
    if not isinstance(value, str) or "\0" in value or not (empty or value):
        raise refused(value, name, of, "text" if empty else "text that isn't empty", error=error, hint=hint)
    return str(value)


def function(
    value: Any,
    name: str,
    of: str = "",
    *,
    needs: str = "a function",
    takes: int = 0,
    none: bool = False,
    error: Error = OptionError,
) -> Any:
    """Something that can be called with `takes` arguments; `needs` says with which. 0 means that nobody looks."""
    if none and value is None:
        return None
    if not callable(value):
        raise refused(value, name, of, needs + or_none(none), error=error)
    if takes:
        try:
            inspect.signature(value).bind(*range(takes))
        except TypeError:
            raise refused(value, name, of, needs, error=error, hint=f"It is called with {takes}.") from None
        except ValueError:  # a built-in function doesn't say
            pass
    return value


def instance(
    value: Any,
    kinds: type | tuple[type, ...],
    name: str,
    of: str = "",
    *,
    needs: str,
    none: bool = False,
    error: Error = OptionError,
) -> Any:
    """Something of one of these classes; `needs` says which, with an example. A class without its brackets is told."""
    if (none and value is None) or isinstance(value, kinds):
        return value
    hint = f"Add the brackets: `{value.__name__}()`." if isinstance(value, type) and issubclass(value, kinds) else ""
    raise refused(value, name, of, needs + or_none(none), error=error, hint=hint)


def sequence(
    value: Any,
    name: str,
    of: str = "",
    *,
    needs: str = "a list",
    each: Callable[[Any], Any] | None = None,
    least: int = 0,
    error: Error = OptionError,
    hint: str = "",
) -> tuple[Any, ...]:
    """A list, tuple, range or array as a tuple; no text, no dict, no set (whose order is chance).

    Parameters
    ----------
    needs
        In words, with an example.
    each
        Word for every entry.
    least
        Number of entries at least.
    """
    ordered = isinstance(value, (Sequence, np.ndarray)) and not isinstance(value, (str, bytes))
    if not ordered or (isinstance(value, np.ndarray) and value.ndim == 0) or len(value) < least:
        raise refused(value, name, of, needs, error=error, hint=hint)
    entries: list[Any] = value.tolist() if isinstance(value, np.ndarray) else list(value)
    return tuple(entries if each is None else map(each, entries))


def mapping(
    value: Any,
    name: str,
    of: str = "",
    *,
    needs: str = "a dict name → value",
    none: bool = False,
    error: Error = OptionError,
    hint: str = "",
) -> dict[str, Any]:
    """A dict whose keys are text; {} for None, where that may be given."""
    if none and value is None:
        return {}
    if not isinstance(value, Mapping):
        raise refused(value, name, of, needs + or_none(none), error=error, hint=hint)
    for key in value:
        if not isinstance(key, str):
            raise refused(key, name, of, f"{needs}, with names as text", error=error, hint=hint)
    return dict(value)


def known_keys(given: Iterable[str], choices: Iterable[str], what: str, error: Error = OptionError) -> None:
    """Raise where a name isn't one of the possible ones: with the closest of them, and their list."""
    known = tuple(choices)
    for name in given:
        if name not in known:
            raise unknown(what, name, known, error)


def settle(settings: Any, word: Callable[..., Any], *names: str, **limits: Any) -> None:
    """Check settings of a (frozen) dataclass with a word, and keep the plain values."""
    for name in names:
        value = word(getattr(settings, name), name=name, of=type(settings).__name__, **limits)
        object.__setattr__(settings, name, value)


def checked_names(value: Any, name: str, choices: Iterable[str], of: str = "") -> tuple[str, ...]:
    """One of some names, or a list of them, as a tuple."""
    known = tuple(choices)
    listed = (value,) if isinstance(value, str) else value
    needs = f"one or more of {', '.join(f'`{c}`' for c in known)}"
    return tuple(choice(v, name.removesuffix("s"), known, of) for v in sequence(listed, name, of, needs=needs, least=1))
