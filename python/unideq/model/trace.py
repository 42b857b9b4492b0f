"""Calls a user's function with symbolic arguments and checks what it returns."""

from __future__ import annotations

import inspect
import linecache
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import ModelError, TraceError, UnideqError, unknown
from ..graph import Expression, apply, as_expression
from ..graph.repeatable import check_finite, trace_call
from .names import normal_keys
from .state import StateTable

__all__ = ["call", "derivative_vector", "fitted", "traced"]

SIGNATURE = ("t", "state", "p", "net", "forcing")

_PACKAGE = str(Path(__file__).resolve().parent.parent)
_NUMPY = str(Path(np.__file__).parent)


def call(function: Callable[..., Any], arguments: Mapping[str, Any], what: str) -> Any:
    """Call `function(t, state, p, net, forcing)` with as many of these as it takes.

    A function whose arguments all carry names from this list gets them by name, in whatever order; others get the first
    ones by position. Python errors inside become `TraceError`s that say which function failed, and where.
    """
    if not callable(function):
        raise ModelError(f"`{what}` needs a function f({', '.join(arguments)}), not {type(function).__name__}.")
    positional, named = _binding(function, arguments, what)
    try:
        return trace_call(function, positional, named, what)
    except UnideqError:
        raise
    except (TypeError, AttributeError) as error:
        # A NumPy function or method that symbolic values don't have; the user's other errors stay what they are.
        if isinstance(error, AttributeError) and not isinstance(getattr(error, "obj", None), Expression):
            raise
        reason = str(error).replace("'Expression' object", "a symbolic value").rstrip(".")
        more = "It is called when the model is made, with symbolic values."
        if reason == "a symbolic value is not callable":
            more = (
                "It stands for the value at the time t. Values at other times, delays, don't exist; a chain of "
                "compartments is one: see the page `What Unideq can't do, and what to do instead`."
            )
        raise TraceError(f"`{what}` can't be traced{_place(error)}: {reason}. {more}") from error


def _binding(function: Callable[..., Any], arguments: Mapping[str, Any], what: str) -> tuple[list[Any], dict[str, Any]]:
    values = list(arguments.values())
    try:
        wanted = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):  # a built-in function: it takes what it takes
        return values, {}
    if any(q.kind == q.VAR_POSITIONAL for q in wanted):
        return values, {}
    by_position = [q for q in wanted if q.kind in (q.POSITIONAL_ONLY, q.POSITIONAL_OR_KEYWORD)]
    by_keyword = {q.name: arguments[q.name] for q in wanted if q.kind == q.KEYWORD_ONLY and q.name in arguments}
    if by_position and all(q.name in arguments for q in by_position):
        return [arguments[q.name] for q in by_position], by_keyword
    required = [q.name for q in by_position if q.default is q.empty]
    if len(required) > len(values):
        raise ModelError(
            f"`{what}` wants {len(required)} arguments ({', '.join(required)}); it gets at most {len(values)}: "
            f"({', '.join(arguments)})."
        )
    return values[: min(len(by_position), len(values))], by_keyword


def _place(error: BaseException) -> str:
    """` at FILE:LINE: `CODE`` of the user's innermost frame that the error passed through."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if not frame.filename.startswith((_PACKAGE, _NUMPY, "<__array_function__")):
            code = linecache.getline(frame.filename, frame.lineno or 0).strip()
            return f" at {Path(frame.filename).name}:{frame.lineno}" + (f": `{code}`" if code else "")
    return ""


def traced(value: Any, what: str) -> Expression:
    """What a user's function returned for one quantity, as an expression; truth values become 1 and 0."""
    if value is None:
        raise ModelError(f"{what} is None. End the function with `return`.")
    if isinstance(value, Mapping):
        raise ModelError(f"{what} is a dict ({', '.join(map(str, value))}) where one value is needed.")
    expression = as_expression(value)
    if expression.dtype == "bool":
        expression = apply("where", expression, 1.0, 0.0)
    if expression.is_constant and not np.isfinite(expression.value).all():
        raise ModelError(f"{what} is the constant {expression.value}, which isn't finite.")
    check_finite(expression, what)
    return expression


def fitted(value: Any, shape: tuple[int, ...], what: str) -> Expression:
    """A value broadcast to the shape it must have."""
    expression = traced(value, what)
    try:
        fits = np.broadcast_shapes(expression.shape, shape) == shape
    except ValueError:
        fits = False
    if not fits:
        raise ModelError(f"{what} has shape {expression.shape}, not {shape}.")
    return apply("broadcast_to", expression, shape=shape)


def derivative_vector(result: Any, states: StateTable, what: str = "the right-hand side") -> Expression:
    """What a right-hand side returned (dict, sequence, or one array) as one vector (n,)."""
    flat: Any = []
    for state, part in zip(states, _parts(result, states, what), strict=True):
        flat.append(fitted(part, state.shape, f"{what}: the derivative of `{state.name}`").reshape(state.size))
    vector: Any = np.concatenate(flat)
    return vector


def _parts(result: Any, states: StateTable, what: str) -> list[Any]:
    """One value a state."""
    if isinstance(result, Mapping):
        result = normal_keys(result)
        for name in result:
            if name not in states.names:
                raise ModelError(
                    f"{what} returned a derivative for something that isn't a state. "
                    f"{unknown('state', name, states.names)}"
                )
        missing = [n for n in states.names if n not in result]
        if missing:
            listing = ", ".join(f"`{m}`" for m in missing)
            raise ModelError(f"{what} returned no derivative for {listing}. Return one a state.")
        return [result[n] for n in states.names]
    example = f'return {{"{states.names[0]}": ...}}'
    if result is None:
        raise ModelError(f"{what} returned nothing. End it with `{example}`.")
    if isinstance(result, (tuple, list)):
        if len(states) == 1 and len(result) != 1:
            return [list(result)]  # the elements of one array state
        if len(result) != len(states):
            raise ModelError(
                f"{what} returned {len(result)} derivatives for {len(states)} states {list(states.names)}. "
                "Return one a state."
            )
        return list(result)
    if len(states) == 1:
        return [result]
    if isinstance(result, (Expression, np.ndarray)):
        array = as_expression(result)
        if array.ndim and array.shape[0] == len(states):
            return [array[i] for i in range(len(states))]
        raise ModelError(
            f"{what} returned one array of shape {array.shape} for {len(states)} states {list(states.names)}. "
            f"Write `{example}`."
        )
    raise ModelError(f"{what} returned {type(result).__name__}. Write `{example}`.")
