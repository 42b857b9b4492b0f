"""Is a user's function a function of its arguments, made of finite numbers? Else a trace would freeze what it isn't."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..errors import ModelError, TraceError, UnideqError
from .expression import Expression
from .graph import topological
from .latex import text
from .location import tracing, warn_user

__all__ = ["check_finite", "trace_call"]

_SHORT = 60
"""Longest printed expression in a message, in characters."""


def trace_call(function: Callable[..., Any], arguments: Any, named: Mapping[str, Any], what: str) -> Any:
    """Call a user's function with symbolic values, twice, and compare: equal expressions are one object.

    Raises
    ------
    TraceError
        If the second call returns something else, or fails: names what differs, and the remedy.
    """
    with tracing():
        first = function(*arguments, **named)
    try:
        with tracing():
            found = _difference(first, function(*arguments, **named))
    except UnideqError:
        raise
    except Exception as error:
        raise TraceError(
            f"{_called(what)} isn't a function of its arguments: called again with the same ones, it failed with "
            f"{error!r}. It must not use up or change what it reads from outside."
        ) from error
    if found is not None:
        where, before, after = found
        raise TraceError(
            f"{_called(what)} isn't a function of its arguments: called twice with the same ones, it gave `{before}` "
            f"and then `{after}`{where}. Random numbers, the time of day, counters and changed arrays would be frozen "
            "as they were at the first call. Draw or read them before, outside of the function; what changes in time "
            "is a `forcings=` entry, what differs between trajectories a `ude.Condition`."
        )
    return first


def _difference(first: Any, second: Any, where: str = "") -> tuple[str, str, str] | None:
    """Where two results differ, and the two things that stand there; None where they don't."""
    if first is second:
        return None
    if isinstance(first, Expression) and isinstance(second, Expression):
        a, b = (text(one, limit=_SHORT) for one in _innermost(first, second))
        return where, a, b if a != b else f"{b}, which differs in later digits"
    if isinstance(first, Mapping) and isinstance(second, Mapping):
        if set(first) != set(second):
            return where, ", ".join(map(str, first)), ", ".join(map(str, second))
        parts = [(f" in `{key}`", first[key], second[key]) for key in first]
    elif isinstance(first, (list, tuple)) and isinstance(second, (list, tuple)) and len(first) == len(second):
        parts = [(where or f" in value {k + 1}", a, b) for k, (a, b) in enumerate(zip(first, second, strict=True))]
    elif _is_symbol(first) and _is_symbol(second):
        parts = [(where, getattr(first, part), getattr(second, part)) for part in ("real", "imaginary")]
    elif _equal(first, second):
        return None
    else:
        return where, _short(first), _short(second)
    found = (_difference(a, b, place) for place, a, b in parts)
    return next((f for f in found if f is not None), None)


def _is_symbol(value: Any) -> bool:
    """Whether it is the Fourier symbol of a linear part."""
    return hasattr(value, "real") and hasattr(value, "imaginary")


def _innermost(first: Expression, second: Expression) -> tuple[Expression, Expression]:
    """The smallest parts in which two expressions differ."""
    while first.operation == second.operation and len(first.inputs) == len(second.inputs):
        pairs = [(a, b) for a, b in zip(first.inputs, second.inputs, strict=True) if a is not b]
        if len(pairs) != 1:
            break
        first, second = pairs[0]
    return first, second


def _equal(first: Any, second: Any) -> bool:
    if type(first) is not type(second):
        return False
    try:
        return bool(np.array_equal(np.asarray(first), np.asarray(second), equal_nan=True))
    except (TypeError, ValueError, TraceError):
        # Objects that can't be compared, or hold symbols: their kind is all that is known of them.
        return True


def _called(what: str) -> str:
    return what if " " in what else f"`{what}`"


def _short(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= _SHORT else shown[: _SHORT - 1] + "…"


def check_finite(value: Expression, what: str) -> None:
    """Look for numbers in an expression that aren't finite.

    Infinite limits of `np.minimum`, `np.maximum` and comparisons are fine. Behind an `np.where` such a number is warned
    of: the value may be right where it isn't chosen, but its gradient is NaN.

    Raises
    ------
    ModelError
        If one enters the value, as in `x / 0` or `np.nan * x`.
    """
    nodes = topological([value])
    found = next((pair for pair in map(_unsound, nodes) if pair is not None), None)
    if found is None:
        return
    number, node = found
    shown = f"{what} holds {number}, in `{text(node, limit=_SHORT)}`"
    if node not in _unmasked(value):
        warn_user(
            f"{shown}. `np.where` may not choose it, but its gradient is NaN there all the same. Put a finite number "
            "in its place: `np.where(known, values, 0.0)` before it is used."
        )
        return
    raise ModelError(
        f"{shown}, which isn't finite, and so nothing that follows from it is. Look for missing values in the arrays "
        "that the function uses, divisions by zero, and logarithms or roots of constants."
    )


def _unsound(node: Expression) -> tuple[str, Expression] | None:
    """What isn't finite among the constants that a node takes, as a word, and the node."""
    if node.operation == "divide" and node.inputs[1].is_constant and not node.inputs[1].value.all():
        return "a division by zero", node
    for one in node.inputs:
        if not one.is_constant or one.dtype == "bool" or np.isfinite(one.value).all():
            continue
        missing = bool(np.isnan(one.value).any())
        if node.entry.tolerates == "nan" or (node.entry.tolerates == "infinity" and not missing):
            continue
        return ("NaN" if missing else "an infinite number"), node
    return None


def _unmasked(value: Expression) -> set[Expression]:
    """The nodes that reach a value without passing through a choice."""
    seen: set[Expression] = set()
    stack = [value]
    while stack:
        node = stack.pop()
        if node not in seen and node.operation != "where":
            seen.add(node)
            stack.extend(node.inputs)
    return seen
