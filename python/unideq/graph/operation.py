"""One entry a primitive, with everything about it in one place; nothing else lists operations by name.

An `Operation` holds its shape rule, NumPy evaluation (the reference semantics), derivatives, linearity, rule over a
batch, cost, dependency pattern and printed form. Engines take NumPy's name for it unless their table says otherwise, so
adding an operation is one entry in `unideq/graph/operations/`, and one line in the table of an engine that calls it by
another name or whose function means something else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ..checks import choice, instance, known_arguments
from ..errors import OptionError
from .printing import Show, function

if TYPE_CHECKING:
    from .expression import Expression

__all__ = ["LEAF", "OPERATIONS", "UFUNCS", "BatchRule", "Operation", "per_element", "register"]

Inputs = Sequence["Expression"]
Attributes = dict[str, Any]
BatchRule = Callable[["Expression", Inputs, Sequence[bool], int], "Expression | None"]
"""`(node, inputs, varying, count) -> Expression | None`, see `Operation.batch`."""


_BY_NAME = function("")
"""Stands for `function(name)`."""


def per_element(node: Expression) -> int:
    """One scalar operation an element of the result, or of the first operand where that has more."""
    return max(node.size, node.inputs[0].size)


@known_arguments
@dataclass(frozen=True, kw_only=True)
class Operation:
    """A primitive of the graph.

    Attributes
    ----------
    name
        The word that serialised graphs use; NumPy's where NumPy has the function.
    family
        `elementwise`, `structure`, `reduction`, `linear`, `stencil`, `fourier`, `convolution`, `interpolation`,
        `control`, `network` (the Julia engine alone has those) or `module` (JAX alone).
    arity
        Number of operands; None: any.
    infer
        `(inputs, attributes) -> (shape, dtype)`; raises `TraceError` where shapes don't fit.
    evaluate
        `(*arrays, **attributes) -> array` with NumPy.
    ufuncs
        NumPy's ufuncs that are this operation.
    prepare
        Normalises arguments and attributes before anything else (broadcasting, default axes).
    simplify
        `(inputs, attributes, shape) -> Expression | None`: a simpler equal expression.
    foldable
        Whether it is computed at once where all operands are constants.
    view
        Whether NumPy makes it without copying: its array shares its numbers with the operand.
    linear
        Operands in each of which it is linear, the others held: f(x + y) = f(x) + f(y) and f(c x) = c f(x).
    vjp
        `(inputs, attributes, output, cotangent) -> one cotangent (or None) an input`, as expressions.
    jvp
        `(inputs, attributes, output, tangents) -> tangent`, tangents being None where zero. None: what follows from
        `linear`, which then names all operands.
    flat
        Whether no gradient passes.
    breaks
        Where it isn't smooth: its value (`jump`) or slope (`kink`) jumps where its operands meet, a single one where it
        is zero; or its value jumps at every whole number (`stairs`).
    tolerates
        Which constants an operand may hold without harm to the value: finite numbers alone (None), also `infinity`,
        also `nan`.
    batch
        `(node, inputs, varying, count) -> Expression | None`: it at `count` points at once, as an expression of the
        inputs over the batch; those that are `varying` have the batch's axis in front. None: once for each point.
    keeps_axes
        Whether it may have more axes anywhere, which it leaves alone, once its attributes count them.
    work
        `node -> scalar operations`, a product and its sum counted as one.
    pattern
        `(inputs, attributes, masks) -> masks`: which elements each output element depends on; masks are object arrays
        of bit sets (Python integers).
    show
        `(arguments, attributes, latex) -> Shown`: text or LaTeX from printed arguments, see `unideq.graph.printing`
        (default: `name(arguments)`).
    julia
        The function of numbers that exported Julia source calls, for elementwise operations (default: the name).
    """

    name: str
    family: str
    arity: int | None = 1
    infer: Callable[[Inputs, Attributes], tuple[tuple[int, ...], str]]
    evaluate: Callable[..., Any]
    ufuncs: tuple[np.ufunc, ...] = ()
    prepare: Callable[[tuple, Attributes], tuple[tuple, Attributes]] | None = None
    simplify: Callable[[Inputs, Attributes, tuple[int, ...]], Expression | None] | None = None
    foldable: bool = True
    view: bool = False
    linear: tuple[int, ...] = ()
    vjp: Callable[[Inputs, Attributes, Expression, Expression], Sequence[Expression | None]]
    jvp: Callable[[Inputs, Attributes, Expression, Sequence[Expression | None]], Expression | None] | None = None
    flat: bool = False
    breaks: Literal["jump", "kink", "stairs"] | None = None
    tolerates: Literal["infinity", "nan"] | None = None
    batch: BatchRule | None = None
    keeps_axes: bool = False
    work: Callable[[Expression], int] = per_element
    pattern: Callable[[Inputs, Attributes, Sequence[Any]], Any]
    show: Show = _BY_NAME
    julia: str = ""

    def __post_init__(self) -> None:
        choice(self.breaks, "breaks", ("jump", "kink", "stairs"), "Operation", none=True)
        choice(self.tolerates, "tolerates", ("infinity", "nan"), "Operation", none=True)
        if self.show is _BY_NAME:
            object.__setattr__(self, "show", function(self.name))
        object.__setattr__(self, "julia", self.julia or self.name)
        if self.jvp is None and self.linear != tuple(range(self.arity or 0)):
            raise OptionError(
                f"The operation `{self.name}` isn't linear in all of its operands and needs a rule for forward mode. "
                "Give it `jvp=`."
            )


def _nothing(*_: Any) -> Any:
    raise NotImplementedError("inputs and constants aren't computed")


LEAF = Operation(
    name="",
    family="leaf",
    arity=0,
    infer=_nothing,
    evaluate=_nothing,
    vjp=_nothing,
    work=lambda node: 0,
    pattern=_nothing,
)
"""What stands for an entry at inputs and constants, which no operation makes."""

OPERATIONS: dict[str, Operation] = {}
"""Name → operation."""
UFUNCS: dict[np.ufunc, str] = {}
"""NumPy's ufunc → the operation that it is."""


def register(operation: Operation) -> Operation:
    """Add an operation to the table.

    Raises
    ------
    OptionError
        If the name is taken, or one of the ufuncs.
    """
    instance(operation, Operation, "operation", "register", needs="an `Operation(name=…, …)`")
    if operation.name in OPERATIONS:
        raise OptionError(f"An operation `{operation.name}` is registered already. Choose another name.")
    for ufunc in operation.ufuncs:
        if ufunc in UFUNCS:
            raise OptionError(f"The ufunc `{ufunc.__name__}` is the operation `{UFUNCS[ufunc]}` already. Leave it out.")
    OPERATIONS[operation.name] = operation
    UFUNCS.update(dict.fromkeys(operation.ufuncs, operation.name))
    return operation
