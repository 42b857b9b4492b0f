"""Interpolation of measured values at a symbolic time: a piecewise polynomial with constant coefficients.

Piece i is p(t) = Σₖ coefficients[k, i, …] (t − anchors[i])ᵏ and holds from breaks[i−1] to breaks[i] (closed on the
left); the first and last pieces reach to ∓∞. Values may be arrays: the result has shape t.shape + value shape.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..expression import Expression, apply
from ..operation import Operation, register
from ..printing import Shown, identifier
from .batch_rules import as_it_is
from .building import zeros


def evaluate_polynomial(t: Any, breaks: Any, anchors: Any, coefficients: Any, label: str = "") -> Any:
    """NumPy reference semantics."""
    t = np.asarray(t, dtype=float)
    piece = np.searchsorted(breaks, t, side="right")
    local = (t - anchors[piece]).reshape(t.shape + (1,) * (coefficients.ndim - 2))
    result = np.broadcast_to(coefficients[-1][piece], t.shape + coefficients.shape[2:])
    for row in coefficients[-2::-1]:
        result = result * local + row[piece]
    return np.asarray(result, dtype=float)


def _derivative(t: Expression, attributes: dict) -> Expression:
    coefficients = attributes["coefficients"]
    if len(coefficients) == 1:
        lower = np.zeros_like(coefficients)
    else:
        powers = np.arange(1, len(coefficients)).reshape((-1,) + (1,) * (coefficients.ndim - 1))
        lower = coefficients[1:] * powers
    label = attributes["label"]
    return apply(
        "piecewise_polynomial",
        t,
        breaks=attributes["breaks"],
        anchors=attributes["anchors"],
        coefficients=lower,
        label=f"{label}'" if label else "",
    )


def _vjp(inputs: Any, attributes: dict, y: Expression, c: Expression) -> list[Expression | None]:
    t = inputs[0]
    product = c * _derivative(t, attributes)
    return [apply("sum", product, axes=tuple(range(t.ndim, product.ndim))) if product.ndim > t.ndim else product]


def _jvp(inputs: Any, attributes: dict, y: Expression, tangents: Any) -> Expression | None:
    if tangents[0] is None:
        return None
    t = inputs[0]
    slope = _derivative(t, attributes)
    return slope * apply("reshape", tangents[0], shape=t.shape + (1,) * (slope.ndim - t.ndim))


def _pattern(inputs: Any, attributes: dict, masks: Any) -> Any:
    extra = attributes["coefficients"].shape[2:]
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
        infer=lambda inputs, attributes: (inputs[0].shape + attributes["coefficients"].shape[2:], "float64"),
        evaluate=evaluate_polynomial,
        prepare=lambda inputs, attributes: (inputs, {"label": "", **attributes}),
        simplify=_simplify,
        vjp=_vjp,
        jvp=_jvp,
        batch=as_it_is,
        pattern=_pattern,
        show=_show,
    )
)
