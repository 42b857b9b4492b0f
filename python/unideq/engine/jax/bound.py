"""Constants of a graph as compiled code sees them: arguments, where they were taken out, or values.

While JAX traces a function under `binding`, `value_of(node)` gives a constant's argument; `lower` asks it for every
constant.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from functools import wraps
from typing import Any

import jax
import numpy as np

from ...errors import EngineError
from ...graph import Expression
from ...graph.operations.interpolation import COLUMNS

__all__ = ["COLUMNS", "TABLES", "bound", "is_plain", "plain_value", "table_of", "value_of"]

TABLES = "piecewise_polynomial"
"""The operation whose attributes are data: forcings."""
_bound: ContextVar[_Bound | None] = ContextVar("bound", default=None)


@dataclass(frozen=True)
class _Bound:
    """Constants with their arguments, and those that are compiled as they are, both by identity.

    `complete`: there are no others.
    """

    arguments: Mapping[int, Any]
    kept: frozenset[int]
    complete: bool


def bound(
    function: Callable[..., Any],
    where: Callable[..., Any],
    nodes: Sequence[Expression],
    kept: Sequence[Expression],
    complete: bool,
) -> Callable[..., Any]:
    """The function, to be traced with constants bound; see `Arguments.binding`."""

    @wraps(function)
    def run(*arguments: Any) -> Any:
        # Identities mean something as long as the expressions live: until then the caller holds them.
        places = dict(zip(map(id, nodes), where(*arguments), strict=True))
        token = _bound.set(_Bound(places, frozenset(map(id, kept)), complete))
        try:
            return function(*arguments)
        finally:
            _bound.reset(token)

    return run


def value_of(node: Expression) -> Any:
    """The argument that stands for a constant, or its value.

    Raises
    ------
    EngineError
        For a number that nobody took out: compiled in, it would be another program's, too.
    """
    bound = _bound.get()
    if bound is None or id(node) in bound.kept:
        return plain_value(node)
    found = bound.arguments.get(id(node))
    if found is None:
        if not bound.complete or is_plain(node):
            return plain_value(node)
        raise EngineError(f"A constant of shape {node.shape} isn't among the program's arguments. Please report this.")
    return found


def plain_value(node: Expression) -> Any:
    """A constant's NumPy array, in the precision that is configured: JAX wouldn't convert it everywhere."""
    return node.value if node.dtype == "bool" else _as_configured(node.value)


def _as_configured(values: Any) -> Any:
    return values if jax.config.jax_enable_x64 else np.asarray(values, np.float32)  # type: ignore[attr-defined]


def table_of(node: Expression) -> dict[str, Any]:
    """The attributes of an operation, a table's columns being arguments."""
    bound = _bound.get()
    if node.operation != TABLES:
        return node.attributes
    if bound is None or id(node) in bound.kept or id(node) not in bound.arguments:
        return {**node.attributes, **{name: _as_configured(node.attributes[name]) for name in COLUMNS}}
    return {**node.attributes, **dict(zip(COLUMNS, bound.arguments[id(node)], strict=True))}


def is_plain(node: Expression) -> bool:
    """Whether a constant comes from code rather than from data, and XLA may know it: one small number, or truth."""
    if node.dtype == "bool":
        return node.size == 1
    first = node.value.flat[0] if node.size else 0.0
    return bool(abs(first) <= 64 and float(2 * first).is_integer() and (node.value == first).all())
