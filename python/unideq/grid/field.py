"""Fields going into operators and coming out: shapes checked, arrays and symbols treated alike."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import ModelError, OptionError
from ..graph import Expression, as_expression, text, topological

__all__ = ["field_of", "handed_back", "time_of"]


def field_of(u: Any, shape: tuple[int, ...], what: str = "u") -> Expression:
    """The field as an expression, its trailing axes being the grid's.

    Raises
    ------
    ModelError
        If they aren't; names both shapes.
    """
    x = as_expression(u)
    if x.ndim < len(shape) or x.shape[x.ndim - len(shape) :] != shape:
        raise ModelError(
            f"`{what}` has shape {x.shape}, but the grid has {shape}: the last axes of a field are the grid's, "
            "in its order."
        )
    return x if x.dtype != "bool" else x * 1.0


def time_of(t: Any) -> Expression | None:
    """The time of boundary conditions as an expression; None stands for the model's own."""
    if t is None:
        return None
    time = as_expression(t)
    if time.shape:
        raise ModelError(f"`t` is one number, not an array of shape {time.shape}.")
    return time


def handed_back(result: Expression, *given: Any) -> Any:
    """The result as an array where all that was given is numbers, else as it is."""
    if result.is_constant:
        return result if any(isinstance(g, Expression) for g in given) else np.array(result.value)
    if not any(_symbolic(g) for g in given):
        free = sorted({text(node) for node in topological([result]) if node.operation == "input"})
        if free == ["t"] and not any(callable(g) for g in given):
            raise OptionError("A boundary value is a function of t, and the field is an array. Write `t=…` as well.")
    return result


def _symbolic(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return any(map(_symbolic, value))
    return isinstance(value, Expression)
