"""Sums and maxima over axes. Axes are a sorted tuple; reduced axes disappear (keep them with a reshape)."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...errors import TraceError
from ..expression import Expression, apply
from ..location import user_line
from ..operation import Operation, register
from ..printing import function
from .batch_rules import Flags, Values
from .building import as_number, union


def _kept(shape: tuple[int, ...], axes: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(1 if i in axes else n for i, n in enumerate(shape))


def _infer(inputs: Any, attributes: dict) -> tuple[tuple[int, ...], str]:
    return tuple(n for i, n in enumerate(inputs[0].shape) if i not in attributes["axes"]), "float64"


def _spread(value: Expression, like: Expression, axes: tuple[int, ...]) -> Expression:
    return apply("broadcast_to", apply("reshape", value, shape=_kept(like.shape, axes)), shape=like.shape)


def _prepare(inputs: tuple, attributes: dict) -> tuple[tuple, dict]:
    x = as_number(inputs[0])
    return (x,), {"axes": tuple(sorted({int(a) % x.ndim for a in attributes["axes"]}))}


def _prepare_max(inputs: tuple, attributes: dict) -> tuple[tuple, dict]:
    inputs, attributes = _prepare(inputs, attributes)
    if any(inputs[0].shape[a] == 0 for a in attributes["axes"]):
        raise TraceError(f"No elements have no maximum or minimum: the shape is {inputs[0].shape}{user_line()}.")
    return inputs, attributes


def _pattern(inputs: Any, attributes: dict, masks: Any) -> Any:
    return union(masks[0], attributes["axes"])


def _simplify(inputs: Any, attributes: dict, shape: tuple[int, ...]) -> Expression | None:
    x = inputs[0]
    if all(x.shape[a] == 1 for a in attributes["axes"]):
        return apply("reshape", x, shape=shape)
    return None


def _batch(node: Expression, values: Values, flags: Flags, count: int) -> Expression:
    return apply(node.operation, values[0], axes=tuple(a + 1 for a in node.attributes["axes"]))


register(
    Operation(
        name="sum",
        family="reduction",
        infer=_infer,
        evaluate=lambda x, axes: np.sum(x, axis=axes),
        prepare=_prepare,
        simplify=_simplify,
        linear=(0,),
        vjp=lambda inputs, attributes, y, c: [_spread(c, inputs[0], attributes["axes"])],
        batch=_batch,
        pattern=_pattern,
        show=function("sum", r"\sum"),
    )
)


def _share(inputs: Any, attributes: dict, y: Expression) -> Expression:
    """1 at the maximum, shared equally between ties."""
    x, axes = inputs[0], attributes["axes"]
    at = apply("where", apply("equal", x, _spread(y, x, axes)), 1.0, 0.0)
    return at / _spread(apply("sum", at, axes=axes), x, axes)


def _jvp_max(inputs: Any, attributes: dict, y: Expression, tangents: Any) -> Expression | None:
    if tangents[0] is None:
        return None
    return apply("sum", _share(inputs, attributes, y) * tangents[0], axes=attributes["axes"])


register(
    Operation(
        name="amax",
        family="reduction",
        infer=_infer,
        evaluate=lambda x, axes: np.max(x, axis=axes),
        prepare=_prepare_max,
        simplify=_simplify,
        vjp=lambda inputs, attributes, y, c: [
            _share(inputs, attributes, y) * _spread(c, inputs[0], attributes["axes"])
        ],
        jvp=_jvp_max,
        batch=_batch,
        pattern=_pattern,
        show=function("max", r"\max"),
    )
)
