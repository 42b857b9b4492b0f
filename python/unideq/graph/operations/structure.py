"""Operations that lay whole arrays out anew: reshape, transpose, broadcast, concatenate. All linear."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ...errors import TraceError
from ..expression import Expression, apply
from ..location import user_line
from ..operation import Operation, register
from ..printing import ATOM, POWER, Shown, show_first
from .batch_rules import along_axis, lifted
from .building import free, moved_pattern, resized, unbroadcast, zeros

# ---- reshape ----------------------------------------------------------------------------------------------------


def _infer_reshape(inputs: Any, attributes: dict) -> tuple[tuple[int, ...], str]:
    (x,) = inputs
    shape = attributes["shape"]
    if math.prod(shape) != x.size or min(shape, default=0) < 0:
        raise TraceError(f"`reshape` can't make {shape} of shape {x.shape}{user_line()}.")
    return shape, x.dtype


def _reshape(x: Any, shape: tuple[int, ...]) -> Any:
    return np.reshape(x, shape)


def _simplify_reshape(inputs: Any, attributes: dict, shape: tuple[int, ...]) -> Expression | None:
    (x,) = inputs
    if x.shape == shape:
        return x
    if x.operation == "reshape":
        return apply("reshape", x.inputs[0], shape=shape)
    return None


register(
    Operation(
        name="reshape",
        family="structure",
        infer=_infer_reshape,
        evaluate=_reshape,
        simplify=_simplify_reshape,
        view=True,
        linear=(0,),
        vjp=lambda inputs, attributes, y, c: [apply("reshape", c, shape=inputs[0].shape)],
        batch=lambda node, values, flags, count: apply("reshape", values[0], shape=(count, *node.shape)),
        work=free,
        pattern=moved_pattern(_reshape),
        show=show_first,
    )
)

# ---- transpose --------------------------------------------------------------------------------------------------


def _transpose(x: Any, axes: tuple[int, ...]) -> Any:
    return np.transpose(x, axes)


def _simplify_transpose(inputs: Any, attributes: dict, shape: tuple[int, ...]) -> Expression | None:
    (x,) = inputs
    axes = attributes["axes"]
    if axes == tuple(range(len(axes))):
        return x
    if x.operation == "transpose":
        first = x.attributes["axes"]
        return apply("transpose", x.inputs[0], axes=tuple(first[a] for a in axes))
    return None


def _show_transpose(arguments: Sequence[Shown], attributes: dict, latex: bool) -> Shown:
    base = arguments[0].inside(ATOM, latex)
    if not latex:
        return Shown(f"{base}.T")
    return Shown(rf"{{{base}}}^{{\top}}" if "^" in base else rf"{base}^{{\top}}", POWER)


register(
    Operation(
        name="transpose",
        family="structure",
        infer=lambda inputs, attributes: (tuple(inputs[0].shape[a] for a in attributes["axes"]), inputs[0].dtype),
        evaluate=_transpose,
        simplify=_simplify_transpose,
        view=True,
        linear=(0,),
        vjp=lambda inputs, attributes, y, c: [
            apply("transpose", c, axes=tuple(int(a) for a in np.argsort(attributes["axes"])))
        ],
        batch=lambda node, values, flags, count: apply(
            "transpose", values[0], axes=(0, *(a + 1 for a in node.attributes["axes"]))
        ),
        work=free,
        pattern=moved_pattern(_transpose),
        show=_show_transpose,
    )
)

# ---- broadcast_to -----------------------------------------------------------------------------------------------


def _infer_broadcast(inputs: Any, attributes: dict) -> tuple[tuple[int, ...], str]:
    (x,) = inputs
    try:
        fits = np.broadcast_shapes(x.shape, attributes["shape"]) == attributes["shape"]
    except ValueError:
        fits = False
    if not fits:
        raise TraceError(f"`broadcast_to` can't stretch {x.shape} to {attributes['shape']}{user_line()}.")
    return attributes["shape"], x.dtype


def _broadcast_to(x: Any, shape: tuple[int, ...]) -> Any:
    return np.broadcast_to(x, shape)


def _simplify_broadcast(inputs: Any, attributes: dict, shape: tuple[int, ...]) -> Expression | None:
    (x,) = inputs
    if x.shape == shape:
        return x
    if x.operation == "broadcast_to":
        return apply("broadcast_to", x.inputs[0], shape=shape)
    if x.operation == "reshape":  # new axes of length 1 in front come with the broadcasting anyway
        inner = x.inputs[0]
        if x.shape == (1,) * (x.ndim - inner.ndim) + inner.shape or (inner.size == 1 and inner.ndim <= len(shape)):
            return apply("broadcast_to", inner, shape=shape)
    return None


register(
    Operation(
        name="broadcast_to",
        family="structure",
        infer=_infer_broadcast,
        evaluate=_broadcast_to,
        simplify=_simplify_broadcast,
        linear=(0,),
        vjp=lambda inputs, attributes, y, c: [unbroadcast(c, inputs[0].shape)],
        batch=lambda node, values, flags, count: apply(
            "broadcast_to", lifted(values[0], node.inputs[0], node.ndim), shape=(count, *node.shape)
        ),
        work=free,
        pattern=moved_pattern(_broadcast_to),
        show=show_first,
    )
)

# ---- concatenate ------------------------------------------------------------------------------------------------


def _infer_concatenate(inputs: Any, attributes: dict) -> tuple[tuple[int, ...], str]:
    axis = attributes["axis"]
    first = inputs[0]
    for i in inputs:
        if i.ndim != first.ndim or any(
            a != axis and n != m for a, (n, m) in enumerate(zip(i.shape, first.shape, strict=True))
        ):
            shapes = ", ".join(str(i.shape) for i in inputs)
            raise TraceError(f"`concatenate` along axis {axis} can't join shapes {shapes}{user_line()}.")
        if i.dtype != first.dtype:
            raise TraceError(f"`concatenate` can't join booleans with numbers{user_line()}.")
    return resized(first.shape, axis, sum(i.shape[axis] for i in inputs)), first.dtype


def _concatenate(*arrays: Any, axis: int) -> Any:
    return np.concatenate(arrays, axis=axis)


def _vjp_concatenate(inputs: Any, attributes: dict, y: Expression, c: Expression) -> list[Expression | None]:
    axis, start, parts = attributes["axis"], 0, []
    for i in inputs:
        window = tuple((start, start + i.shape[axis], 1) if a == axis else (0, n, 1) for a, n in enumerate(c.shape))
        parts.append(apply("slice", c, window=window))
        start += i.shape[axis]
    return parts


def _jvp_concatenate(inputs: Any, attributes: dict, y: Expression, tangents: Any) -> Expression | None:
    if all(t is None for t in tangents):
        return None
    whole = [zeros(i.shape) if t is None else t for i, t in zip(inputs, tangents, strict=True)]
    return apply("concatenate", *whole, **attributes)


def _simplify_concatenate(inputs: Any, attributes: dict, shape: tuple[int, ...]) -> Expression | None:
    if len(inputs) == 1:
        return inputs[0]
    # Consecutive slices of one array that add up to all of it are that array.
    axis = attributes["axis"]
    source = inputs[0].inputs[0] if inputs[0].operation == "slice" else None
    if source is not None and source.shape == shape:
        start = 0
        for i in inputs:
            whole = tuple((start, start + i.shape[axis], 1) if a == axis else (0, n, 1) for a, n in enumerate(shape))
            if i.operation != "slice" or i.inputs[0] is not source or i.attributes["window"] != whole:
                return None
            start += i.shape[axis]
        return source
    return None


def _show_concatenate(arguments: Sequence[Shown], attributes: dict, latex: bool) -> Shown:
    inner = ", ".join(a.text for a in arguments)
    return Shown(rf"\left[{inner}\right]" if latex else f"[{inner}]")


register(
    Operation(
        name="concatenate",
        family="structure",
        arity=None,
        infer=_infer_concatenate,
        evaluate=_concatenate,
        simplify=_simplify_concatenate,
        vjp=_vjp_concatenate,
        jvp=_jvp_concatenate,
        batch=along_axis,
        keeps_axes=True,
        work=free,
        pattern=moved_pattern(_concatenate),
        show=_show_concatenate,
    )
)
