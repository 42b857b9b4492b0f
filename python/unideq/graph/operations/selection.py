"""Operations that pick elements or move them about: slice and pad, gather and scatter_add, roll. All linear."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...errors import TraceError
from ..expression import Expression, apply
from ..location import user_line
from ..operation import Operation, register
from ..printing import Shown, function, subscripted
from .batch_rules import Flags, Values, along_axis
from .building import as_number, free, moved_pattern, resized

# ---- slice and its adjoint, pad -----------------------------------------------------------------------------------


def _slices(window: Any) -> tuple[slice, ...]:
    return tuple(slice(start, stop, step) for start, stop, step in window)


def _slice_shape(window: Any) -> tuple[int, ...]:
    return tuple(len(range(start, stop, step)) for start, stop, step in window)


def _prepare_window(inputs: tuple, attributes: dict) -> tuple[tuple, dict]:
    """One form a window: equal parts are equal expressions, and engines may rely on `0 <= start <= stop <= length`."""
    window = []
    for start, stop, step in attributes["window"]:
        count = len(range(start, stop, step))
        step = step if count > 1 else 1
        window.append((start, start + (count - 1) * step + 1, step) if count else (0, 0, 1))
    return inputs, {**attributes, "window": tuple(window)}


def _infer_slice(inputs: Any, attributes: dict) -> tuple[tuple[int, ...], str]:
    (x,) = inputs
    window = attributes["window"]
    _check_window(window, x.shape)
    return _slice_shape(window), x.dtype


def _check_window(window: Any, shape: tuple[int, ...]) -> None:
    if len(window) != len(shape) or any(
        not (start >= 0 and stop <= n and step > 0) for (start, stop, step), n in zip(window, shape, strict=True)
    ):
        raise TraceError(f"The window {window} doesn't lie within shape {shape}{user_line()}.")


def _slice(x: Any, window: Any) -> Any:
    return x[_slices(window)]


def _vjp_slice(inputs: Any, attributes: dict, y: Expression, c: Expression) -> list[Expression | None]:
    return [apply("pad", c, window=attributes["window"], shape=inputs[0].shape)]


def _simplify_slice(inputs: Any, attributes: dict, shape: tuple[int, ...]) -> Expression | None:
    (x,) = inputs
    window = attributes["window"]
    if shape == x.shape and all(step == 1 for _, _, step in window):
        return x
    if x.operation == "slice":
        merged = tuple(
            (a + c * s, a + d * s, r * s) for (a, _, s), (c, d, r) in zip(x.attributes["window"], window, strict=True)
        )
        return apply("slice", x.inputs[0], window=merged)
    if x.operation == "pad" and x.attributes["window"] == window:
        return x.inputs[0]
    if x.operation == "concatenate":
        axis, start = x.attributes["axis"], 0
        low, high, step = window[axis]
        for part in x.inputs:
            end = start + part.shape[axis]
            if start <= low and high <= end and high > low:
                inner = tuple((low - start, high - start, step) if a == axis else w for a, w in enumerate(window))
                return apply("slice", part, window=inner)
            start = end
    return None


def _show_slice(arguments: Sequence[Shown], attributes: dict, latex: bool) -> Shown:
    window = attributes["window"]
    python = [str(a) if b == a + 1 else f"{a}:{b}" + (f":{s}" if s != 1 else "") for a, b, s in window]
    # Mathematics counts from 1 and includes the end.
    maths = [str(a + 1) if b == a + 1 else rf"{a + 1}:{s}:{b}" if s != 1 else f"{a + 1}:{b}" for a, b, s in window]
    return subscripted(arguments[0], ", ".join(python), ", ".join(maths), latex)


register(
    Operation(
        name="slice",
        family="structure",
        infer=_infer_slice,
        evaluate=_slice,
        prepare=_prepare_window,
        simplify=_simplify_slice,
        view=True,
        linear=(0,),
        vjp=_vjp_slice,
        batch=lambda node, values, flags, count: apply(
            "slice", values[0], window=((0, count, 1), *node.attributes["window"])
        ),
        keeps_axes=True,
        work=free,
        pattern=moved_pattern(_slice),
        show=_show_slice,
    )
)


def _pad(x: Any, window: Any, shape: tuple[int, ...]) -> Any:
    array = np.asarray(x)
    result = np.zeros(shape, dtype=array.dtype)
    result[_slices(window)] = array
    return result


def _infer_pad(inputs: Any, attributes: dict) -> tuple[tuple[int, ...], str]:
    window, shape = attributes["window"], attributes["shape"]
    _check_window(window, shape)
    if _slice_shape(window) != inputs[0].shape:
        raise TraceError(f"`pad` can't put shape {inputs[0].shape} into the window {window}{user_line()}.")
    return shape, "float64"


def _prepare_pad(inputs: tuple, attributes: dict) -> tuple[tuple, dict]:
    return _prepare_window((as_number(inputs[0]),), attributes)


def _batch_pad(node: Expression, values: Values, flags: Flags, count: int) -> Expression:
    at = node.attributes
    return apply("pad", values[0], window=((0, count, 1), *at["window"]), shape=(count, *at["shape"]))


register(
    Operation(
        name="pad",
        family="structure",
        infer=_infer_pad,
        evaluate=_pad,
        prepare=_prepare_pad,
        simplify=lambda inputs, attributes, shape: inputs[0] if inputs[0].shape == shape else None,
        linear=(0,),
        vjp=lambda inputs, attributes, y, c: [apply("slice", c, window=attributes["window"])],
        batch=_batch_pad,
        keeps_axes=True,
        work=free,
        pattern=moved_pattern(_pad),
    )
)

# ---- gather and its adjoint, scatter_add --------------------------------------------------------------------------


def _gather(x: Any, indices: Any, axis: int) -> Any:
    return np.take(x, indices, axis=axis)


def _prepare_gather(inputs: tuple, attributes: dict) -> tuple[tuple, dict]:
    """Indices are int64, one axis, counted from the front."""
    x, axis = inputs[0], attributes["axis"]
    indices = np.asarray(attributes["indices"], dtype=np.int64)
    n = x.shape[axis]
    if indices.ndim != 1 or (indices.size and not (-n <= indices.min() and indices.max() < n)):
        raise TraceError(f"`gather` needs one axis of indices into {n} elements{user_line()}.")
    return inputs, {"indices": np.where(indices < 0, indices + n, indices), "axis": axis}


def _prepare_scatter(inputs: tuple, attributes: dict) -> tuple[tuple, dict]:
    indices, size = np.asarray(attributes["indices"], dtype=np.int64), int(attributes["size"])
    x, axis = as_number(inputs[0]), attributes["axis"]
    if indices.shape != (x.shape[axis],) or (indices.size and not (indices.min() >= 0 and indices.max() < size)):
        raise TraceError(
            f"`scatter_add` needs an index below {size} for each of {x.shape[axis]} elements{user_line()}."
        )
    return (x,), {"indices": indices, "axis": axis, "size": size}


def _simplify_gather(inputs: Any, attributes: dict, shape: tuple[int, ...]) -> Expression | None:
    (x,) = inputs
    indices, axis = attributes["indices"], attributes["axis"]
    steps = np.diff(indices)
    if len(indices) and (not steps.size or (steps[0] > 0 and (steps == steps[0]).all())):
        step = int(steps[0]) if steps.size else 1
        part = (int(indices[0]), int(indices[-1]) + 1, step)
        return apply("slice", x, window=tuple(part if a == axis else (0, n, 1) for a, n in enumerate(x.shape)))
    if x.operation == "gather" and x.attributes["axis"] == axis:
        return apply("gather", x.inputs[0], indices=x.attributes["indices"][indices], axis=axis)
    return None


def _simplify_scatter(inputs: Any, attributes: dict, shape: tuple[int, ...]) -> Expression | None:
    """A new order of all elements is a gather: mirroring twice is then seen to be nothing."""
    indices, size = attributes["indices"], attributes["size"]
    if len(indices) == size and np.array_equal(np.sort(indices), np.arange(size)):
        return apply("gather", inputs[0], indices=np.argsort(indices), axis=attributes["axis"])
    return None


def _scatter_add(x: Any, indices: Any, axis: int, size: int) -> Any:
    array = np.moveaxis(np.asarray(x), axis, 0)
    result = np.zeros((size, *array.shape[1:]), dtype=array.dtype)
    np.add.at(result, np.asarray(indices), array)
    return np.moveaxis(result, 0, axis)


def _scatter_pattern(inputs: Any, attributes: dict, masks: Any) -> Any:
    array = np.moveaxis(masks[0], attributes["axis"], 0)
    result = np.zeros((attributes["size"], *array.shape[1:]), dtype=object)
    for row, target in zip(array, attributes["indices"], strict=True):
        result[target] = np.bitwise_or(result[target], row)
    return np.moveaxis(result, 0, attributes["axis"])


def _show_gather(arguments: Sequence[Shown], attributes: dict, latex: bool) -> Shown:
    indices, lead = attributes["indices"].tolist(), ":, " * attributes["axis"]

    def listed(first: int) -> str:
        numbers = [str(i + first) for i in indices]
        numbers = [*numbers[:3], r"\ldots" if latex else "…", numbers[-1]] if len(numbers) > 6 else numbers
        return f"{lead}[{', '.join(numbers)}]"

    return subscripted(arguments[0], listed(0), listed(1), latex)


register(
    Operation(
        name="gather",
        family="structure",
        infer=lambda inputs, attributes: (
            resized(inputs[0].shape, attributes["axis"], len(attributes["indices"])),
            inputs[0].dtype,
        ),
        evaluate=_gather,
        prepare=_prepare_gather,
        simplify=_simplify_gather,
        linear=(0,),
        vjp=lambda inputs, attributes, y, c: [
            apply("scatter_add", c, **attributes, size=inputs[0].shape[attributes["axis"]])
        ],
        batch=along_axis,
        keeps_axes=True,
        work=free,
        pattern=moved_pattern(_gather),
        show=_show_gather,
    )
)
register(
    Operation(
        name="scatter_add",
        family="structure",
        infer=lambda inputs, attributes: (resized(inputs[0].shape, attributes["axis"], attributes["size"]), "float64"),
        evaluate=_scatter_add,
        prepare=_prepare_scatter,
        simplify=_simplify_scatter,
        linear=(0,),
        vjp=lambda inputs, attributes, y, c: [
            apply("gather", c, indices=attributes["indices"], axis=attributes["axis"])
        ],
        batch=along_axis,
        keeps_axes=True,
        pattern=_scatter_pattern,
    )
)

# ---- roll -------------------------------------------------------------------------------------------------------


def _roll(x: Any, shift: int, axis: int) -> Any:
    return np.roll(x, shift, axis=axis)


def _prepare_roll(inputs: tuple, attributes: dict) -> tuple[tuple, dict]:
    """Of equal shifts the shortest, so that equal rolls are equal expressions."""
    n, shift = max(inputs[0].shape[attributes["axis"]], 1), attributes["shift"]
    return inputs, {**attributes, "shift": (shift + (n - 1) // 2) % n - (n - 1) // 2}


def _simplify_roll(inputs: Any, attributes: dict, shape: tuple[int, ...]) -> Expression | None:
    (x,) = inputs
    if attributes["shift"] == 0:
        return x
    if x.operation == "roll" and x.attributes["axis"] == attributes["axis"]:
        return apply("roll", x.inputs[0], shift=x.attributes["shift"] + attributes["shift"], axis=attributes["axis"])
    return None


register(
    Operation(
        name="roll",
        family="structure",
        infer=lambda inputs, attributes: (inputs[0].shape, inputs[0].dtype),
        evaluate=_roll,
        prepare=_prepare_roll,
        simplify=_simplify_roll,
        linear=(0,),
        vjp=lambda inputs, attributes, y, c: [apply("roll", c, shift=-attributes["shift"], axis=attributes["axis"])],
        batch=along_axis,
        keeps_axes=True,
        work=free,
        pattern=moved_pattern(_roll),
        show=function("roll", shown=("shift",)),
    )
)
