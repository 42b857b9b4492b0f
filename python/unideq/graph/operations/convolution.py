"""Convolutions of channels on a grid, as networks use them, with the gradient by the kernel as an operation of its own.

With x (*lead, C_in, *space), K (C_out, C_in, *size), odd sizes and r = (size − 1)/2:

    convolution(x, K):         y[o, i] = Σ_c Σ_j K[o, c, j] x[c, i + j − r]
    convolution_kernel(x, y):  K[o, c, j] = Σ_lead Σ_i y[o, i] x[c, i + j − r]

Points outside of the grid are taken from the other end (`periodic`) or as 0 (`zero`), axis by axis. Both are bilinear,
and the transpose in x is the convolution with the flipped kernel, its channels swapped: the pair is closed under
differentiation.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from ...errors import TraceError, unknown
from ..expression import Expression, apply
from ..location import user_line
from ..operation import Operation, register
from ..printing import PRODUCT, UNARY, Shown
from .batch_rules import shared_weights
from .building import as_number, union

BOUNDARIES = ("periodic", "zero")
DIMENSIONS = (1, 2)

# ---- checks -----------------------------------------------------------------------------------------------------


def _checked_boundary(boundary: Any, dims: int) -> tuple[str, ...]:
    rules = (boundary,) * dims if isinstance(boundary, str) else tuple(boundary)
    for rule in rules:
        if rule not in BOUNDARIES:
            raise TraceError(f"{unknown('boundary of a convolution', rule, BOUNDARIES)}{user_line()}")
    if len(rules) != dims:
        raise TraceError(f"A convolution in {dims}-D needs a boundary rule an axis, not {rules}{user_line()}.")
    return rules


def _check_size(size: tuple[int, ...], space: tuple[int, ...]) -> None:
    if any(k % 2 == 0 for k in size):
        raise TraceError(
            f"A convolution needs a kernel of odd length along each axis, not {size}{user_line()}: "
            "only those have a middle."
        )
    if any(k > n for k, n in zip(size, space, strict=True)):
        raise TraceError(
            f"The kernel spans {size} points, the grid has {space}{user_line()}. Use a shorter kernel or a finer grid."
        )


def _prepare_convolution(inputs: tuple, attributes: dict) -> tuple[tuple, dict]:
    x, kernel = (as_number(i) for i in inputs)
    dims = kernel.ndim - 2
    if dims not in DIMENSIONS:
        raise TraceError(
            "A convolution needs a kernel (channels out, channels in, size) or (channels out, channels in, size, "
            f"size), not of shape {kernel.shape}{user_line()}."
        )
    if x.ndim < dims + 1:
        raise TraceError(
            f"A convolution over {dims} {'axes' if dims > 1 else 'axis'} needs an array (…, channels, space), not of "
            f"shape {x.shape}{user_line()}."
        )
    if x.shape[-dims - 1] != kernel.shape[1]:
        raise TraceError(
            f"The kernel {kernel.shape} takes {kernel.shape[1]} channels, the array {x.shape} has "
            f"{x.shape[-dims - 1]}{user_line()}."
        )
    _check_size(kernel.shape[2:], x.shape[-dims:])
    return (x, kernel), {"boundary": _checked_boundary(attributes["boundary"], dims)}


def _prepare_kernel(inputs: tuple, attributes: dict) -> tuple[tuple, dict]:
    x, y = (as_number(i) for i in inputs)
    size = tuple(int(k) for k in attributes["size"])
    dims = len(size)
    if dims not in DIMENSIONS or min(size) < 1:
        raise TraceError(f"`convolution_kernel` needs `size` as 1 or 2 lengths, not {size}{user_line()}.")
    same = x.ndim == y.ndim > dims and all(
        n == m for a, (n, m) in enumerate(zip(x.shape, y.shape, strict=True)) if a != x.ndim - dims - 1
    )
    if not same:
        raise TraceError(
            f"`convolution_kernel` needs arrays that differ in the channels alone, not {x.shape} and {y.shape}"
            f"{user_line()}."
        )
    _check_size(size, x.shape[-dims:])
    return (x, y), {"size": size, "boundary": _checked_boundary(attributes["boundary"], dims)}


# ---- evaluation -------------------------------------------------------------------------------------------------


def _windows(x: Any, size: tuple[int, ...], boundary: tuple[str, ...]) -> np.ndarray:
    """What each output point sees: a view (*lead, C, *space, *size) of the extended array."""
    x = np.asarray(x, dtype=float)
    dims = len(size)
    for axis, (k, rule) in enumerate(zip(size, boundary, strict=True), x.ndim - dims):
        widths = [(k // 2, k // 2) if a == axis else (0, 0) for a in range(x.ndim)]
        x = np.pad(x, widths, mode="wrap" if rule == "periodic" else "constant")
    return np.lib.stride_tricks.sliding_window_view(x, size, axis=tuple(range(-dims, 0)))  # type: ignore[call-overload]


def evaluate_convolution(x: Any, kernel: Any, boundary: tuple[str, ...]) -> Any:
    """NumPy reference semantics."""
    kernel = np.asarray(kernel, dtype=float)
    dims = kernel.ndim - 2
    seen = _windows(x, kernel.shape[2:], boundary)
    taps = tuple(range(seen.ndim - dims, seen.ndim))
    product = np.tensordot(seen, kernel, axes=((seen.ndim - 2 * dims - 1, *taps), tuple(range(1, dims + 2))))
    return np.moveaxis(product, -1, -dims - 1)


def evaluate_kernel(x: Any, y: Any, size: tuple[int, ...], boundary: tuple[str, ...]) -> Any:
    """NumPy reference semantics."""
    y = np.asarray(y, dtype=float)
    dims = len(size)
    summed = tuple(a for a in range(y.ndim) if a != y.ndim - dims - 1)
    return np.tensordot(y, _windows(x, size, boundary), axes=(summed, summed))


# ---- derivatives ------------------------------------------------------------------------------------------------


def _flipped(kernel: Expression) -> Expression:
    """The kernel of the transposed convolution: mirrored in space, inputs and outputs swapped."""
    mirrored = kernel[(slice(None), slice(None), *(slice(None, None, -1) for _ in kernel.shape[2:]))]
    return apply("transpose", mirrored, axes=(1, 0, *range(2, kernel.ndim)))


def _vjp_convolution(inputs: Any, attributes: dict, y: Expression, c: Expression) -> list[Expression | None]:
    x, kernel = inputs
    return [
        apply("convolution", c, _flipped(kernel), **attributes),
        apply("convolution_kernel", x, c, size=kernel.shape[2:], **attributes),
    ]


def _vjp_kernel(inputs: Any, attributes: dict, kernel: Expression, c: Expression) -> list[Expression | None]:
    x, y = inputs
    boundary = attributes["boundary"]
    return [
        apply("convolution", y, _flipped(c), boundary=boundary),
        apply("convolution", x, c, boundary=boundary),
    ]


# ---- dependency patterns ----------------------------------------------------------------------------------------


def _shifted(
    masks: np.ndarray, size: tuple[int, ...], boundary: tuple[str, ...]
) -> Iterator[tuple[tuple[int, ...], np.ndarray]]:
    """Tap j, and the bit sets of x[…, i + j − r] at every point i: none (0) where that lies outside."""
    for tap in itertools.product(*(range(k) for k in size)):
        moved = masks
        for axis, (j, k, rule) in enumerate(zip(tap, size, boundary, strict=True), masks.ndim - len(size)):
            n, offset = masks.shape[axis], j - k // 2
            moved = np.roll(moved, -offset, axis=axis)
            if rule == "zero":
                source = np.arange(n) + offset
                inside = ((source >= 0) & (source < n)).reshape([-1 if a == axis else 1 for a in range(masks.ndim)])
                moved = np.where(inside, moved, 0)
        yield tap, moved


def _pattern_convolution(inputs: Any, attributes: dict, masks: Any) -> Any:
    x, kernel = inputs
    dims, boundary = kernel.ndim - 2, attributes["boundary"]
    size, channels = kernel.shape[2:], x.ndim - dims - 1
    shape = (*x.shape[:channels], kernel.shape[0], *x.shape[channels + 1 :])
    result = np.zeros(shape, dtype=object)
    if np.any(masks[0]) and kernel.is_constant:
        for tap, moved in _shifted(masks[0], size, boundary):
            for o in range(kernel.shape[0]):
                passing = np.flatnonzero(kernel.value[(o, slice(None), *tap)])  # a known zero lets nothing through
                place = (..., o, *(slice(None) for _ in size))
                result[place] = np.bitwise_or(result[place], union(np.take(moved, passing, axis=channels), (channels,)))
    elif np.any(masks[0]):  # all outputs see the same: all channels within reach
        for _, moved in _shifted(union(masks[0], (channels,), keepdims=True), size, boundary):
            result = np.bitwise_or(result, moved)
    if np.any(masks[1]):
        weights = union(masks[1], tuple(range(1, kernel.ndim)))  # by every weight of the output channel
        result = np.bitwise_or(result, weights.reshape(-1, *(1 for _ in size)))
    return result


def _pattern_kernel(inputs: Any, attributes: dict, masks: Any) -> Any:
    size, boundary = attributes["size"], attributes["boundary"]
    dims = len(size)
    x, y = masks
    summed = tuple(a for a in range(x.ndim) if a != x.ndim - dims - 1)
    result = np.zeros((y.shape[-dims - 1], x.shape[-dims - 1], *size), dtype=object)
    by_output = union(y, summed)
    for tap, moved in _shifted(x, size, boundary):
        result[(slice(None), slice(None), *tap)] = np.bitwise_or(by_output[:, None], union(moved, summed)[None, :])
    return result


# ---- printing and registration ----------------------------------------------------------------------------------


def _show_convolution(arguments: Any, attributes: dict, latex: bool) -> Shown:
    x, kernel = arguments
    if latex:
        return Shown(rf"{kernel.inside(UNARY, latex)} \ast {x.inside(UNARY, latex)}", PRODUCT)
    return Shown(f"convolve({x.text}, {kernel.text})")


def _show_kernel(arguments: Any, attributes: dict, latex: bool) -> Shown:
    x, y = arguments
    if latex:
        return Shown(rf"{y.inside(UNARY, latex)} \star {x.inside(UNARY, latex)}", PRODUCT)
    return Shown(f"convolution_kernel({x.text}, {y.text})")


def _infer_convolution(inputs: Any, attributes: dict) -> tuple[tuple[int, ...], str]:
    x, kernel = inputs
    dims = kernel.ndim - 2
    return (*x.shape[: -dims - 1], kernel.shape[0], *x.shape[-dims:]), "float64"


def _infer_kernel(inputs: Any, attributes: dict) -> tuple[tuple[int, ...], str]:
    x, y = inputs
    channels = -len(attributes["size"]) - 1
    return (y.shape[channels], x.shape[channels], *attributes["size"]), "float64"


register(
    Operation(
        name="convolution",
        family="convolution",
        arity=2,
        infer=_infer_convolution,
        evaluate=evaluate_convolution,
        prepare=_prepare_convolution,
        linear=(0, 1),
        vjp=_vjp_convolution,
        batch=shared_weights,
        work=lambda node: node.size * math.prod(node.inputs[1].shape[1:]),
        pattern=_pattern_convolution,
        show=_show_convolution,
    )
)
register(
    Operation(
        name="convolution_kernel",
        family="convolution",
        arity=2,
        infer=_infer_kernel,
        evaluate=evaluate_kernel,
        prepare=_prepare_kernel,
        linear=(0, 1),
        vjp=_vjp_kernel,
        work=lambda node: node.inputs[1].size * math.prod(node.shape[1:]),
        pattern=_pattern_kernel,
        show=_show_kernel,
    )
)
