"""`d`: derivatives of symbolic values in a point's coordinates, of any order, exact."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from ..errors import TraceError, unknown
from ..graph import Expression, as_expression, constant, pushforward
from ..graph.graph import topological
from ..graph.location import user_line

__all__ = ["d", "differentiable"]

FIXED = "@"
"""In names of inputs that stand for a coordinate held at a number, `x@1.0`: what `field(x=1.0)` is computed from."""

_coordinates: ContextVar[tuple[str, ...] | None] = ContextVar("coordinates", default=None)


@contextmanager
def differentiable(coordinates: Sequence[str]) -> Iterator[None]:
    """Within this, `d` takes these coordinates and nothing else."""
    token = _coordinates.set(tuple(coordinates))
    try:
        yield
    finally:
        _coordinates.reset(token)


def d(value: Any, *wrt: Any) -> Expression:
    """Derivative of a value in the coordinates of its point, inside the functions of a `ResidualProblem`.

    Parameters
    ----------
    value
        A field, or any expression made of fields, coordinates, parameters and networks.
    wrt
        Coordinates in the order of differentiation, each followed by its order where that isn't 1: `d(u, x)` = ∂u/∂x,
        `d(u, x, 2)` = ∂²u/∂x², `d(u, x, 2, y)` = ∂³u/∂y∂x².

    Returns
    -------
    Expression
        Of the value's shape. Forward mode on the graph (no finite differences); all derivatives that a residual
        contains share what they have in common.

    Raises
    ------
    TraceError
        If something in `wrt` isn't a coordinate, an order isn't a whole number >= 1, or the value holds
        `field(x=1.0)`, whose x is a number, and is differentiated in x.

    Examples
    --------
    >>> import numpy as np, unideq as ude
    >>> problem = ude.ResidualProblem(
    ...     {"x": (0.0, 1.0)},
    ...     {"u": ude.nn.MLP(1, 1)},
    ...     {"poisson": ude.Interior(lambda at, field: ude.d(field.u, at.x, 2) + np.sin(at.x))},
    ... )
    """
    if not wrt:
        raise TraceError(f"`d` needs a coordinate: `d(u, at.x)`{user_line()}.")
    result = as_expression(value)
    for coordinate, order in _pairs(wrt):
        _check_moves(result, coordinate)
        for _ in range(order):
            (result,) = pushforward([result], {coordinate: constant(1.0)})
    return result


def _pairs(wrt: tuple[Any, ...]) -> list[tuple[Expression, int]]:
    pairs: list[tuple[Expression, int]] = []
    for item in wrt:
        if isinstance(item, Expression):
            pairs.append((_coordinate(item), 1))
        elif isinstance(item, int) and not isinstance(item, bool) and item >= 1 and pairs:
            pairs[-1] = pairs[-1][0], item
        else:
            raise TraceError(
                f"`d` takes coordinates, each with its order: `d(u, at.x, 2)`; {item!r} is neither{user_line()}."
            )
    return pairs


def _coordinate(item: Expression) -> Expression:
    if item.operation != "input" or str(item.name).startswith("p."):
        raise TraceError(f"`d` differentiates in coordinates, such as `at.x`; this is {_described(item)}{user_line()}.")
    known = _coordinates.get()
    if known is not None and item.name not in known:
        raise TraceError(f"{unknown('coordinate to differentiate in', item.name, known)}{user_line()}")
    return item


def _described(item: Expression) -> str:
    if item.operation == "input":
        return f"the parameter `{str(item.name).removeprefix('p.')}`"
    return "a value computed from them" if item.inputs else "a number"


def _check_moves(value: Expression, coordinate: Expression) -> None:
    """`field(x=1.0)` doesn't change with x; whoever differentiates it in x means ∂u/∂x there."""
    name = coordinate.name
    for node in topological([value]):
        if node.operation == "input" and str(node.name).startswith(f"{name}{FIXED}"):
            number = str(node.name).partition(FIXED)[2]
            raise TraceError(
                f"`d` in `{name}` of a value that holds `field({name}={number})`, which doesn't change with `{name}`"
                f"{user_line()}. For ∂/∂{name} there, let it move with the point: `field({name}=at.{name} + distance)`."
            )
