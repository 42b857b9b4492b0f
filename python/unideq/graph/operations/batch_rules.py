"""Rules over a batch that several families share: what an operation at one point becomes at many, `Operation.batch`.

Operands that vary have the batch's axis in front of their own.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..expression import Expression, apply
from .building import stretch

__all__ = ["Flags", "Values", "along_axis", "as_it_is", "broadcasting", "lifted", "shared_weights", "spread"]

Values = Sequence[Expression]
"""A node's inputs in the new graph."""
Flags = Sequence[bool]
"""Which of them have the batch's axis."""


def spread(value: Expression, flag: bool, count: int) -> Expression:
    """The value with the batch's axis, whether it varies or not."""
    return value if flag else stretch(value, (count, *value.shape))


def lifted(value: Expression, old: Expression, ndim: int) -> Expression:
    """A varying operand with the axes that broadcasting to `ndim` would give it behind the batch's."""
    return apply("reshape", value, shape=(len(value), *(1,) * (ndim - old.ndim), *old.shape))


def broadcasting(node: Expression, values: Values, flags: Flags, count: int) -> Expression:
    """For operations that broadcast their operands."""
    every = [lifted(v, i, node.ndim) if f else v for v, i, f in zip(values, node.inputs, flags, strict=True)]
    return apply(node.operation, *every, **node.attributes)


def as_it_is(node: Expression, values: Values, flags: Flags, count: int) -> Expression:
    """For operations that leave leading axes alone."""
    return apply(node.operation, *values, **node.attributes)


def along_axis(node: Expression, values: Values, flags: Flags, count: int) -> Expression:
    """For operations along the axis that their attributes name."""
    every = [spread(v, f, count) for v, f in zip(values, flags, strict=True)]
    return apply(node.operation, *every, **{**node.attributes, "axis": node.attributes["axis"] + 1})


def shared_weights(node: Expression, values: Values, flags: Flags, count: int) -> Expression | None:
    """For convolutions and Lux networks: leading axes of the first operand are a batch, for one set of weights."""
    return as_it_is(node, values, flags, count) if flags == (True, False) else None
