"""One entry a primitive, with everything about it in one place; engines keep one lowering table each.

An `Operation` holds its shape rule, NumPy evaluation (the reference semantics), derivative rules, dependency pattern
and printed form.
Adding an operation is one entry in `unideq/graph/operations/` and one line in each engine's table;
a test fails when a table misses one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .printing import Shown

if TYPE_CHECKING:
    from .expression import Expression

__all__ = ["OPERATIONS", "Operation", "register"]

Inputs = Sequence["Expression"]
Attributes = dict[str, Any]


@dataclass(frozen=True)
class Operation:
    """A primitive of the graph.

    Attributes
    ----------
    name
        The word that serialised graphs use.
    family
        `elementwise`, `structure`, `reduction`, `linear`, `stencil`, `fourier`, `convolution`, `interpolation`,
        `control` or `network`.
    infer
        `(inputs, attributes) -> (shape, dtype)`; raises `TraceError` where shapes don't fit.
    evaluate
        `(*arrays, **attributes) -> array` with NumPy.
    vjp
        `(inputs, attributes, output, cotangent) -> one cotangent (or None) an input`, as expressions.
    jvp
        `(inputs, attributes, output, tangents) -> tangent`, tangents being None where zero.
    pattern
        `(inputs, attributes, masks) -> masks`: which elements each output element depends on; masks are object arrays
        of bit sets (Python integers).
    show
        `(arguments, attributes, latex) -> Shown`: text or LaTeX from printed arguments, see `unideq.graph.printing`.
    prepare
        Normalises arguments and attributes before anything else (broadcasting, default axes).
    simplify
        `(inputs, attributes, shape) -> Expression | None`: a simpler equal expression.
    """

    name: str
    family: str
    infer: Callable[[Inputs, Attributes], tuple[tuple[int, ...], str]]
    evaluate: Callable[..., Any]
    vjp: Callable[[Inputs, Attributes, Expression, Expression], Sequence[Expression | None]]
    jvp: Callable[[Inputs, Attributes, Expression, Sequence[Expression | None]], Expression | None]
    pattern: Callable[[Inputs, Attributes, Sequence[Any]], Any]
    show: Callable[[Sequence[Shown], Attributes, bool], Shown]
    prepare: Callable[[tuple, Attributes], tuple[tuple, Attributes]] | None = None
    simplify: Callable[[Inputs, Attributes, tuple[int, ...]], Expression | None] | None = None
    foldable: bool = True


OPERATIONS: dict[str, Operation] = {}


def register(operation: Operation) -> Operation:
    """Add an operation to the table; a name can be taken only once."""
    if operation.name in OPERATIONS:
        raise ValueError(f"operation `{operation.name}` is registered twice")
    OPERATIONS[operation.name] = operation
    return operation
