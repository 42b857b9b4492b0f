"""Stencils: yᵢ = Σₖ cₖ xᵢ₊ₒₖ along one axis, with a boundary rule; and their adjoint.

Boundary rules: `periodic` wraps around, `zero` takes what lies outside as 0, `edge` repeats the outermost value.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...errors import TraceError
from ..expression import Expression, apply
from ..location import user_line
from ..operation import Operation, register
from ..printing import Shown
from .batch_rules import along_axis
from .building import as_number

BOUNDARIES = ("periodic", "zero", "edge")


def _sources(n: int, offset: int, boundary: str) -> tuple[np.ndarray, np.ndarray]:
    """Index that each point reads at this offset, and whether it lies inside."""
    index = np.arange(n) + offset
    if boundary == "periodic":
        return index % n, np.ones(n, bool)
    if boundary == "edge":
        return np.clip(index, 0, n - 1), np.ones(n, bool)
    return np.clip(index, 0, n - 1), (index >= 0) & (index < n)


def _column(weights: np.ndarray, ndim: int, axis: int) -> np.ndarray:
    return weights.reshape(tuple(-1 if a == axis else 1 for a in range(ndim)))


def evaluate_stencil(x: Any, coefficients: Any, offsets: Any, axis: int, boundary: str) -> Any:
    """NumPy reference semantics."""
    x = np.asarray(x)
    result = np.zeros(x.shape)
    for c, o in zip(coefficients, offsets, strict=True):
        index, inside = _sources(x.shape[axis], o, boundary)
        result += c * np.where(_column(inside, x.ndim, axis), np.take(x, index, axis=axis), 0.0)
    return result


def evaluate_adjoint(x: Any, coefficients: Any, offsets: Any, axis: int, boundary: str) -> Any:
    """Transpose of `evaluate_stencil`."""
    x = np.moveaxis(np.asarray(x), axis, 0)
    result = np.zeros(x.shape)
    for c, o in zip(coefficients, offsets, strict=True):
        index, inside = _sources(x.shape[0], o, boundary)
        np.add.at(result, index[inside], c * x[inside])
    return np.moveaxis(result, 0, axis)


def _pattern(inputs: Any, attributes: dict, masks: Any) -> Any:
    mask, axis = masks[0], attributes["axis"]
    result = np.zeros(mask.shape, dtype=object)
    for o in attributes["offsets"]:
        index, inside = _sources(mask.shape[axis], o, attributes["boundary"])
        result = np.bitwise_or(result, np.where(_column(inside, mask.ndim, axis), np.take(mask, index, axis=axis), 0))
    return result


def _adjoint_pattern(inputs: Any, attributes: dict, masks: Any) -> Any:
    mask = np.moveaxis(masks[0], attributes["axis"], 0)
    result = np.zeros(mask.shape, dtype=object)
    for o in attributes["offsets"]:
        index, inside = _sources(mask.shape[0], o, attributes["boundary"])
        np.bitwise_or.at(result, index[inside], mask[inside])
    return np.moveaxis(result, 0, attributes["axis"])


def _prepare(inputs: tuple, attributes: dict) -> tuple[tuple, dict]:
    x = as_number(inputs[0])
    axis = int(attributes["axis"])
    if not -x.ndim <= axis < x.ndim:
        raise TraceError(f"A stencil along axis {axis} needs that axis; the array has shape {x.shape}{user_line()}.")
    axis %= x.ndim
    offsets = tuple(int(o) for o in attributes["offsets"])
    coefficients = tuple(float(c) for c in attributes["coefficients"])
    boundary = attributes["boundary"]
    if len(offsets) != len(coefficients):
        raise TraceError(
            f"A stencil needs as many coefficients as offsets, not {len(coefficients)} and {len(offsets)}{user_line()}."
        )
    if boundary not in BOUNDARIES:
        raise TraceError(f"Unknown stencil boundary `{boundary}`{user_line()}. Possible: {', '.join(BOUNDARIES)}.")
    if offsets and max(offsets) - min(offsets) >= x.shape[axis]:
        raise TraceError(
            f"The stencil spans {max(offsets) - min(offsets) + 1} points, the axis has {x.shape[axis]}{user_line()}. "
            "Use a finer grid or a scheme of lower order."
        )
    return (x,), {"coefficients": coefficients, "offsets": offsets, "axis": axis, "boundary": boundary}


def _show(transposed: bool) -> Any:
    def show(arguments: Any, attributes: dict, latex: bool) -> Shown:
        terms = ", ".join(
            f"{o:+d}: {c:g}" for o, c in zip(attributes["offsets"], attributes["coefficients"], strict=True)
        )
        if latex:
            name = rf"S_{{[{terms}]}}" + (r"^{\top}" if transposed else "")
            return Shown(rf"{name}\left({arguments[0].text}\right)")
        return Shown(f"stencil{'_adjoint' if transposed else ''}[{terms}]({arguments[0].text})")

    return show


def _adjoint(c: Expression, attributes: dict, name: str) -> Expression:
    if attributes["boundary"] in ("periodic", "zero"):  # their transpose is the mirrored stencil
        mirrored = {**attributes, "offsets": tuple(-o for o in attributes["offsets"])}
        return apply(name, c, **mirrored)
    return apply("stencil_adjoint" if name == "stencil" else "stencil", c, **attributes)


def _register(name: str, evaluate: Any, pattern: Any) -> None:
    register(
        Operation(
            name=name,
            family="stencil",
            infer=lambda inputs, attributes: (inputs[0].shape, "float64"),
            evaluate=evaluate,
            prepare=_prepare,
            linear=(0,),
            vjp=lambda inputs, attributes, y, c: [_adjoint(c, attributes, name)],
            batch=along_axis,
            keeps_axes=True,
            pattern=pattern,
            show=_show(name == "stencil_adjoint"),
        )
    )


_register("stencil", evaluate_stencil, _pattern)
_register("stencil_adjoint", evaluate_adjoint, _adjoint_pattern)
