"""`d`: derivatives of symbolic values in a point's coordinates, of any order, exact."""

from __future__ import annotations

from typing import Any

from ..errors import TraceError
from ..graph import Expression, as_expression, constant, pushforward
from ..graph.location import user_line

__all__ = ["d"]


def d(value: Any, *wrt: Any) -> Expression:
    """Derivative of a value in the coordinates of its point, inside the functions of a `ResidualProblem`.

    Parameters
    ----------
    value
        A field, or any expression made of fields, coordinates and parameters.
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
        If something in `wrt` isn't a coordinate, or an order isn't a whole number >= 1.

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
        for _ in range(order):
            (result,) = pushforward([result], {coordinate: constant(1.0)})
    return result


def _pairs(wrt: tuple[Any, ...]) -> list[tuple[Expression, int]]:
    pairs: list[tuple[Expression, int]] = []
    for item in wrt:
        if isinstance(item, Expression):
            if item.operation != "input" or str(item.name).startswith("p."):
                raise TraceError(
                    f"`d` differentiates in coordinates, such as `at.x`; this is {_described(item)}{user_line()}."
                )
            pairs.append((item, 1))
        elif isinstance(item, int) and not isinstance(item, bool) and item >= 1 and pairs:
            pairs[-1] = pairs[-1][0], item
        else:
            raise TraceError(
                f"`d` takes coordinates, each with its order: `d(u, at.x, 2)`; {item!r} is neither{user_line()}."
            )
    return pairs


def _described(item: Expression) -> str:
    if item.operation == "input":
        return f"the parameter `{str(item.name).removeprefix('p.')}`"
    return "a value computed from them" if item.inputs else "a number"
