"""Elementwise operations: arithmetic, functions, comparisons, `where`. They broadcast as NumPy does.

A derivative is written once an input, as the linear map c ↦ c · ∂output/∂input; reverse mode applies it to the
cotangent, forward mode to the tangent.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..expression import Expression, apply, as_expression, constant
from ..operation import OPERATIONS, Operation, register
from ..printing import (
    SUM,
    Show,
    Shown,
    function,
    infix,
    show_add,
    show_divide,
    show_multiply,
    show_negative,
    show_power,
    show_subtract,
)
from .building import as_number, broadcast_shape, stretch, unbroadcast, zeros

Partial = Callable[..., Expression] | None


def _elementwise(
    name: str,
    evaluate: Callable[..., Any],
    partials: Sequence[Partial],
    show: Show,
    dtype: str = "float64",
    simplify: Callable[..., Expression | None] | None = None,
    numeric: bool = True,
) -> None:
    def infer(inputs: Sequence[Expression], attributes: dict) -> tuple[tuple[int, ...], str]:
        return broadcast_shape(inputs, name), dtype

    def prepare(inputs: tuple, attributes: dict) -> tuple[tuple, dict]:
        return tuple([as_number(i) if i.dtype == "bool" else i for i in inputs]), attributes

    def vjp(inputs: Any, attributes: dict, output: Expression, cotangent: Expression) -> list[Expression | None]:
        return [
            None
            if partial is None or i.operation == "constant"
            else unbroadcast(stretch(partial(cotangent, *inputs, output), output.shape), i.shape)
            for i, partial in zip(inputs, partials, strict=True)
        ]

    def jvp(inputs: Any, attributes: dict, output: Expression, tangents: Any) -> Expression | None:
        total = None
        for tangent, partial in zip(tangents, partials, strict=True):
            if tangent is None or partial is None:
                continue
            part = stretch(partial(tangent, *inputs, output), output.shape)
            total = part if total is None else total + part
        return total

    def pattern(inputs: Any, attributes: dict, masks: Sequence[Any]) -> Any:
        shape = broadcast_shape(inputs, name)
        result = np.zeros(shape, dtype=object)
        for i, mask, partial in zip(inputs, masks, partials, strict=True):
            if partial is not None:
                nonzero = _structural_nonzero(name, inputs, i)
                result = np.bitwise_or(result, np.where(nonzero, mask, 0))
        return result

    register(
        Operation(name, "elementwise", infer, evaluate, vjp, jvp, pattern, show, prepare if numeric else None, simplify)
    )


def _structural_nonzero(name: str, inputs: Sequence[Expression], which: Expression) -> Any:
    # A product with a constant mask, or a choice by one, keeps only the dependencies that the mask lets through.
    if name == "multiply":
        for other in inputs:
            if other is not which and other.is_constant:
                return other.value != 0
    if name == "where" and inputs[0].is_constant and inputs[1] is not inputs[2]:
        return inputs[0].value if which is inputs[1] else ~inputs[0].value
    return True


def _is(value: Expression, number: float) -> bool:
    return value.is_constant and value.size > 0 and bool(np.all(value.value == number))


# ---- simplifications --------------------------------------------------------------------------------------------


def _simplify_add(inputs: Any, attributes: dict, shape: tuple[int, ...]) -> Expression | None:
    a, b = inputs
    if _is(a, 0):
        return stretch(b, shape)
    if _is(b, 0):
        return stretch(a, shape)
    if b.operation == "negative":
        return a - b.inputs[0]
    if a.operation == "negative":
        return b - a.inputs[0]
    if a is b:
        return 2.0 * a
    return None


def _simplify_subtract(inputs: Any, attributes: dict, shape: tuple[int, ...]) -> Expression | None:
    a, b = inputs
    if _is(b, 0):
        return stretch(a, shape)
    if _is(a, 0):
        return stretch(-b, shape)
    if a is b:
        return zeros(shape)
    if b.operation == "negative":
        return a + b.inputs[0]
    return None


def _simplify_multiply(inputs: Any, attributes: dict, shape: tuple[int, ...]) -> Expression | None:
    a, b = inputs
    for one, other in ((a, b), (b, a)):
        if _is(one, 0):
            return zeros(shape)
        if _is(one, 1):
            return stretch(other, shape)
        if _is(one, -1):
            return stretch(-other, shape)
    if a.operation == "negative" and b.operation == "negative":
        return a.inputs[0] * b.inputs[0]
    if a.operation == "negative":
        return -(a.inputs[0] * b)
    if b.operation == "negative":
        return -(a * b.inputs[0])
    if b.is_constant and not a.is_constant:  # constants first, so that they meet
        return b * a
    if a.is_constant and b.operation == "multiply" and b.inputs[0].is_constant:
        return (a * b.inputs[0]) * b.inputs[1]
    return None


def _simplify_divide(inputs: Any, attributes: dict, shape: tuple[int, ...]) -> Expression | None:
    a, b = inputs
    if _is(a, 0):
        return zeros(shape)
    if b.is_constant and np.all(b.value != 0):
        return constant(1.0 / b.value) * a if _power_of_two(b.value) else (stretch(a, shape) if _is(b, 1) else None)
    if a.operation == "negative":
        return -(a.inputs[0] / b)
    return None


def _power_of_two(value: np.ndarray) -> bool:
    """Dividing by a power of two is an exact multiplication; for other numbers it would change the last bit."""
    mantissa, _ = np.frexp(value)
    return bool(np.all(np.abs(mantissa) == 0.5)) and not _is(constant(value), 1)


def _simplify_power(inputs: Any, attributes: dict, shape: tuple[int, ...]) -> Expression | None:
    base, exponent = inputs
    if exponent.is_constant and exponent.size == 1:
        number = float(exponent.value.reshape(-1)[0])
        simple = {
            0.0: lambda: constant(1.0),
            1.0: lambda: base,
            -1.0: lambda: 1.0 / base,
            0.5: lambda: apply("sqrt", base),
        }
        if number in simple:
            return stretch(simple[number](), shape)
    return None


def _simplify_negative(inputs: Any, attributes: dict, shape: tuple[int, ...]) -> Expression | None:
    (a,) = inputs
    if a.operation == "negative":
        return a.inputs[0]
    if a.operation == "subtract":
        return a.inputs[1] - a.inputs[0]
    if a.operation == "multiply" and a.inputs[0].is_constant:
        return constant(-a.inputs[0].value) * a.inputs[1]
    return None


def _simplify_where(inputs: Any, attributes: dict, shape: tuple[int, ...]) -> Expression | None:
    condition, a, b = inputs
    if a is b:
        return stretch(a, shape)
    if condition.is_constant and condition.size > 0:
        if condition.value.all():
            return stretch(a, shape)
        if not condition.value.any():
            return stretch(b, shape)
    return None


def _factor(c: Expression, other: Expression) -> Expression:
    """c · other with the older one first: products that meet again in higher derivatives are then one node."""
    return c * other if c.serial < other.serial else other * c


# ---- arithmetic -------------------------------------------------------------------------------------------------

_elementwise("add", np.add, (lambda c, a, b, y: c, lambda c, a, b, y: c), show_add, simplify=_simplify_add)
_elementwise(
    "subtract",
    np.subtract,
    (lambda c, a, b, y: c, lambda c, a, b, y: -c),
    show_subtract,
    simplify=_simplify_subtract,
)
_elementwise(
    "multiply",
    np.multiply,
    (lambda c, a, b, y: _factor(c, b), lambda c, a, b, y: _factor(c, a)),
    show_multiply,
    simplify=_simplify_multiply,
)
_elementwise(
    "divide",
    np.true_divide,
    (lambda c, a, b, y: c / b, lambda c, a, b, y: -(c * y) / b),
    show_divide,
    simplify=_simplify_divide,
)


def _power_base(c: Expression, a: Expression, b: Expression, y: Expression) -> Expression:
    return c * (b * apply("power", a, b - 1.0))


def _power_exponent(c: Expression, a: Expression, b: Expression, y: Expression) -> Expression:
    # log(0)·0**b is 0 for b > 0: keep the logarithm's argument away from zero where the base is zero.
    safe = apply("where", apply("equal", a, 0.0), 1.0, a)
    return c * (y * apply("log", safe))


_elementwise("power", np.power, (_power_base, _power_exponent), show_power, simplify=_simplify_power)
_elementwise("negative", np.negative, (lambda c, a, y: -c,), show_negative, simplify=_simplify_negative)

# ---- functions of one variable ----------------------------------------------------------------------------------


def sigmoid(x: Any) -> Any:
    """1 / (1 + exp(−x)), without overflow."""
    with np.errstate(over="ignore"):
        return np.where(
            np.asarray(x) >= 0, 1.0 / (1.0 + np.exp(-np.abs(x))), np.exp(-np.abs(x)) / (1.0 + np.exp(-np.abs(x)))
        )


def softplus(x: Any) -> Any:
    """log(1 + exp(x)), without overflow."""
    return np.logaddexp(x, 0.0)


def _show_absolute(arguments: Sequence[Shown], attributes: dict, latex: bool) -> Shown:
    return Shown(rf"\left|{arguments[0].text}\right|" if latex else f"abs({arguments[0].text})")


def _show_floor(arguments: Sequence[Shown], attributes: dict, latex: bool) -> Shown:
    inner = arguments[0].text
    return Shown(rf"\left\lfloor {inner} \right\rfloor" if latex else f"floor({inner})")


def _show_sqrt(arguments: Sequence[Shown], attributes: dict, latex: bool) -> Shown:
    return Shown(rf"\sqrt{{{arguments[0].text}}}" if latex else f"sqrt({arguments[0].text})")


_UNARY: dict[str, tuple[Callable[..., Any], Partial, Show]] = {
    "absolute": (np.abs, lambda c, x, y: c * apply("sign", x), _show_absolute),
    "sign": (np.sign, None, function("sign", r"\operatorname{sgn}")),
    "floor": (np.floor, None, _show_floor),
    "exp": (np.exp, lambda c, x, y: c * y, function("exp", r"\exp")),
    "expm1": (np.expm1, lambda c, x, y: c * (y + 1.0), function("expm1")),
    "log": (np.log, lambda c, x, y: c / x, function("log", r"\log")),
    "log1p": (np.log1p, lambda c, x, y: c / (1.0 + x), function("log1p")),
    "sqrt": (np.sqrt, lambda c, x, y: 0.5 * c / y, _show_sqrt),
    "sin": (np.sin, lambda c, x, y: c * apply("cos", x), function("sin", r"\sin")),
    "cos": (np.cos, lambda c, x, y: -(c * apply("sin", x)), function("cos", r"\cos")),
    "tan": (np.tan, lambda c, x, y: c * (1.0 + y * y), function("tan", r"\tan")),
    "arcsin": (np.arcsin, lambda c, x, y: c / apply("sqrt", 1.0 - x * x), function("arcsin", r"\arcsin")),
    "arccos": (np.arccos, lambda c, x, y: -(c / apply("sqrt", 1.0 - x * x)), function("arccos", r"\arccos")),
    "arctan": (np.arctan, lambda c, x, y: c / (1.0 + x * x), function("arctan", r"\arctan")),
    "sinh": (np.sinh, lambda c, x, y: c * apply("cosh", x), function("sinh", r"\sinh")),
    "cosh": (np.cosh, lambda c, x, y: c * apply("sinh", x), function("cosh", r"\cosh")),
    "tanh": (np.tanh, lambda c, x, y: c * (1.0 - y * y), function("tanh", r"\tanh")),
    "sigmoid": (sigmoid, lambda c, x, y: c * (y * (1.0 - y)), function("sigmoid", r"\sigma")),
    "softplus": (softplus, lambda c, x, y: c * apply("sigmoid", x), function("softplus")),
}
for _name, (_evaluate, _partial, _show) in _UNARY.items():
    _elementwise(_name, _evaluate, (_partial,), _show)

# ---- two and three variables ------------------------------------------------------------------------------------


def _winner(c: Expression, mine: Expression, other: Expression) -> Expression:
    """`c` where `mine` is the larger one, half of it at ties."""
    return c * apply("where", apply("less", other, mine), 1.0, apply("where", apply("equal", mine, other), 0.5, 0.0))


_elementwise(
    "maximum",
    np.maximum,
    (lambda c, a, b, y: _winner(c, a, b), lambda c, a, b, y: _winner(c, b, a)),
    function("max", r"\max"),
)
_elementwise(
    "minimum",
    np.minimum,
    (lambda c, a, b, y: _winner(c, -a, -b), lambda c, a, b, y: _winner(c, -b, -a)),
    function("min", r"\min"),
)
_elementwise(
    "arctan2",
    np.arctan2,
    (lambda c, a, b, y: c * b / (a * a + b * b), lambda c, a, b, y: -(c * a) / (a * a + b * b)),
    function("arctan2"),
)
_elementwise("less", np.less, (None, None), infix(" < ", SUM - 1, None), dtype="bool")
_elementwise("less_equal", np.less_equal, (None, None), infix(" <= ", SUM - 1, r" \le "), dtype="bool")
_elementwise("equal", np.equal, (None, None), infix(" == ", SUM - 1, " = "), dtype="bool")
_elementwise("logical_and", np.logical_and, (None, None), function("and"), dtype="bool", numeric=False)
_elementwise("logical_or", np.logical_or, (None, None), function("or"), dtype="bool", numeric=False)
_elementwise("logical_not", np.logical_not, (None,), function("not"), dtype="bool", numeric=False)


def _prepare_where(inputs: tuple, attributes: dict) -> tuple[tuple, dict]:
    condition, a, b = inputs
    if condition.dtype != "bool":
        condition = apply("logical_not", apply("equal", condition, 0.0))
    if a.dtype == "bool":
        a = as_expression(constant(np.where(a.value, 1.0, 0.0))) if a.is_constant else apply("where", a, 1.0, 0.0)
    if b.dtype == "bool":
        b = as_expression(constant(np.where(b.value, 1.0, 0.0))) if b.is_constant else apply("where", b, 1.0, 0.0)
    return (condition, a, b), attributes


def _show_where(arguments: Sequence[Shown], attributes: dict, latex: bool) -> Shown:
    condition, a, b = (x.text for x in arguments)
    if latex:
        return Shown(rf"\begin{{cases}} {a} & {condition} \\ {b} & \text{{otherwise}} \end{{cases}}", SUM)
    return Shown(f"where({condition}, {a}, {b})")


_elementwise(
    "where",
    np.where,
    (
        None,
        lambda c, k, a, b, y: apply("where", k, c, 0.0),
        lambda c, k, a, b, y: apply("where", k, 0.0, c),
    ),
    _show_where,
    simplify=_simplify_where,
    numeric=False,
)
OPERATIONS["where"] = Operation(**{**OPERATIONS["where"].__dict__, "prepare": _prepare_where})
