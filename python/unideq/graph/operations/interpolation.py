"""Interpolation of measured values at a symbolic time: a piecewise polynomial with constant coefficients.

Piece i is p(t) = Σₖ coefficients[k, i, …] (t − anchors[i])ᵏ and holds from breaks[i−1] to breaks[i] (closed on the
left); the first and last pieces reach to ∓∞. Values may be arrays: the result has shape t.shape + value shape.

With a second operand, `row`, there is one such polynomial a row (a trajectory): all attributes have a leading axis of
rows, and shorter rows repeat their last break, anchor and piece. Rows are whole numbers without derivative.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...errors import TraceError
from ..expression import Expression, apply
from ..operation import Operation, register
from ..printing import Shown, identifier
from .batch_rules import as_it_is
from .building import zeros

COLUMNS = ("breaks", "anchors", "coefficients")


def evaluate_polynomial(t: Any, *row: Any, breaks: Any, anchors: Any, coefficients: Any, label: str = "") -> Any:
    """NumPy reference semantics."""
    t = np.asarray(t, dtype=float)
    if row:
        return _of_rows(t, np.asarray(row[0]).astype(int), breaks, anchors, coefficients)
    piece = np.searchsorted(breaks, t, side="right")
    local = (t - anchors[piece]).reshape(t.shape + (1,) * (coefficients.ndim - 2))
    result = np.broadcast_to(coefficients[-1][piece], t.shape + coefficients.shape[2:])
    for row_ in coefficients[-2::-1]:
        result = result * local + row_[piece]
    return np.asarray(result, dtype=float)


def _of_rows(t: np.ndarray, rows: np.ndarray, breaks: Any, anchors: Any, coefficients: Any) -> np.ndarray:
    """Each time in the polynomial of its own row."""
    result = np.empty(t.shape + coefficients.shape[3:])
    for row in np.unique(rows):
        own = rows == row
        result[own] = evaluate_polynomial(
            t[own], breaks=breaks[row], anchors=anchors[row], coefficients=coefficients[row]
        )
    return result


def _prepared(inputs: tuple, attributes: dict) -> tuple[tuple, dict]:
    """Times and rows of one shape; a known row's own polynomial is one without rows."""
    attributes = {"label": "", **attributes}
    if len(inputs) == 2 and inputs[1].is_constant and not inputs[1].shape:
        row = int(inputs[1].value)
        return inputs[:1], {**attributes, **{key: np.asarray(attributes[key])[row] for key in COLUMNS}}
    if len(inputs) == 2 and inputs[0].shape != inputs[1].shape:
        shape = np.broadcast_shapes(inputs[0].shape, inputs[1].shape)
        inputs = tuple(apply("broadcast_to", i, shape=shape) for i in inputs)
    return inputs, attributes


def _values(inputs: Any, attributes: dict) -> tuple[int, ...]:
    """Shape of one value."""
    return attributes["coefficients"].shape[1 + len(inputs) :]


def _infer(inputs: Any, attributes: dict) -> tuple[tuple[int, ...], str]:
    if len(inputs) not in (1, 2):
        raise TraceError(f"A piecewise polynomial takes a time, or a time and a row, not {len(inputs)} operands.")
    return inputs[0].shape + _values(inputs, attributes), "float64"


def _derivative(inputs: Any, attributes: dict) -> Expression:
    """In time."""
    by_degree = np.moveaxis(attributes["coefficients"], len(inputs) - 1, 0)
    if len(by_degree) == 1:
        lower = np.zeros_like(by_degree)
    else:
        powers = np.arange(1, len(by_degree)).reshape((-1,) + (1,) * (by_degree.ndim - 1))
        lower = by_degree[1:] * powers
    label = attributes["label"]
    return apply(
        "piecewise_polynomial",
        *inputs,
        breaks=attributes["breaks"],
        anchors=attributes["anchors"],
        coefficients=np.moveaxis(lower, 0, len(inputs) - 1),
        label=f"{label}'" if label else "",
    )


def _vjp(inputs: Any, attributes: dict, y: Expression, c: Expression) -> list[Expression | None]:
    t = inputs[0]
    product = c * _derivative(inputs, attributes)
    in_time = apply("sum", product, axes=tuple(range(t.ndim, product.ndim))) if product.ndim > t.ndim else product
    return [in_time, *(None for _ in inputs[1:])]


def _jvp(inputs: Any, attributes: dict, y: Expression, tangents: Any) -> Expression | None:
    if tangents[0] is None:
        return None
    t = inputs[0]
    slope = _derivative(inputs, attributes)
    return slope * apply("reshape", tangents[0], shape=t.shape + (1,) * (slope.ndim - t.ndim))


def _pattern(inputs: Any, attributes: dict, masks: Any) -> Any:
    extra = _values(inputs, attributes)
    mask = np.reshape(masks[0], inputs[0].shape + (1,) * len(extra))
    return np.broadcast_to(mask, inputs[0].shape + extra)


def _show(arguments: Any, attributes: dict, latex: bool) -> Shown:
    name = attributes["label"] or "interpolated"
    if latex:
        stem = name.rstrip("'")
        head = identifier(stem) + name[len(stem) :]
        return Shown(rf"{head}\left({arguments[0].text}\right)", head=head)
    return Shown(f"{name}({arguments[0].text})")


def _simplify(inputs: Any, attributes: dict, shape: tuple[int, ...]) -> Expression | None:
    return zeros(shape) if not attributes["coefficients"].any() else None


register(
    Operation(
        name="piecewise_polynomial",
        family="interpolation",
        arity=None,
        infer=_infer,
        evaluate=evaluate_polynomial,
        prepare=_prepared,
        simplify=_simplify,
        vjp=_vjp,
        jvp=_jvp,
        batch=as_it_is,
        pattern=_pattern,
        show=_show,
    )
)
