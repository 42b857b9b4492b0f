"""Elementwise operations: arithmetic, functions, comparisons, `where`. They broadcast as NumPy does.

A derivative is written once an input, as the linear map c ↦ c · ∂output/∂input; reverse mode applies it to the
cotangent, forward mode to the tangent.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np

from ...checks import choice, known_arguments, shown, text
from ...errors import OptionError
from ..expression import Expression, apply, as_expression, constant
from ..operation import Operation, register
from ..printing import (
    SUM,
    Show,
    Shown,
    around,
    function,
    infix,
    show_add,
    show_divide,
    show_multiply,
    show_negative,
    show_power,
    show_subtract,
)
from .batch_rules import broadcasting
from .building import as_number, broadcast_shape, stretch, unbroadcast, zeros

__all__ = ["register_elementwise", "sigmoid", "softplus"]

Partial = Callable[..., Expression] | None


def _numbers(inputs: tuple, attributes: dict) -> tuple[tuple, dict]:
    return tuple([as_number(i) if i.dtype == "bool" else i for i in inputs]), attributes


@known_arguments
def register_elementwise(
    name: str,
    evaluate: Callable[..., Any] | None = None,
    *,
    partials: Sequence[Partial],
    also: tuple[np.ufunc, ...] = (),
    dtype: str = "float64",
    prepare: Callable[[tuple, dict], tuple[tuple, dict]] | None = _numbers,
    simplify: Callable[[Sequence[Expression], dict, tuple[int, ...]], Expression | None] | None = None,
    breaks: Literal["jump", "kink", "stairs"] | None = None,
    tolerates: Literal["infinity", "nan"] | None = None,
    passes: Callable[[Sequence[Expression], int], Any] | None = None,
    show: Show | None = None,
    julia: str = "",
) -> Operation:
    """Add an operation that acts on arrays number by number, and broadcasts them as NumPy does.

    Parameters
    ----------
    name
        Its name. Engines call their function of that name unless their table says otherwise.
    evaluate
        What computes it on arrays (default: NumPy's function of that name). Where that is a ufunc, calls of it on
        symbolic arrays become this operation.
    partials
        For each operand, `(c, *inputs, output) -> c · ∂output/∂operand` as an expression; None where no gradient
        passes.
    also
        Further ufuncs that are this operation.
    dtype
        Of the result: `float64` or `bool`.
    passes
        `(inputs, k) -> mask`: elements of the result that can depend on operand k at all (default: all).
    prepare, simplify, breaks, tolerates, show, julia
        As in `unideq.graph.Operation`. By default booleans count as 0 and 1, and it prints as `name(x)`.

    Returns
    -------
    Operation
        The entry, now in `unideq.graph.OPERATIONS`.

    Raises
    ------
    OptionError
        If the name or the ufunc is registered already, NumPy has no function of that name and none is given, or there
        are no partials.

    Examples
    --------
    >>> import numpy as np
    >>> from unideq.graph import apply, register_elementwise, text, variable
    >>> made = register_elementwise("sinc_of_pi", np.sinc, partials=[lambda c, x, y: c * (np.cos(np.pi * x) - y) / x])
    >>> text(apply("sinc_of_pi", variable("x")))
    'sinc_of_pi(x)'
    """
    name = text(name, "name", "register_elementwise", empty=False)
    computed: Any = getattr(np, name, None) if evaluate is None else evaluate
    if not callable(computed):
        given = f"no function `{name}`" if evaluate is None else f"nothing to do with {shown(evaluate)}"
        raise OptionError(f"NumPy has {given}. Give `evaluate=`, the function that computes `{name}` on arrays.")
    if not isinstance(partials, Sequence) or not partials or not all(p is None or callable(p) for p in partials):
        needed = "a function `(c, *inputs, output) -> c · ∂output/∂operand`, or None, for each operand"
        raise OptionError(f"`partials` of `{name}` needs {needed}, not {shown(partials)}.")
    dtype = choice(dtype, "dtype", ("float64", "bool"), "register_elementwise")

    def infer(inputs: Sequence[Expression], attributes: dict) -> tuple[tuple[int, ...], str]:
        return broadcast_shape(inputs, name), dtype

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
        result = np.zeros(broadcast_shape(inputs, name), dtype=object)
        for k, (mask, partial) in enumerate(zip(masks, partials, strict=True)):
            if partial is not None:
                reached = True if passes is None else passes(inputs, k)
                result = np.bitwise_or(result, np.where(reached, mask, 0))
        return result

    return register(
        Operation(
            name=name,
            family="elementwise",
            arity=len(partials),
            infer=infer,
            evaluate=computed,
            ufuncs=(computed, *also) if isinstance(computed, np.ufunc) else also,
            prepare=prepare,
            simplify=simplify,
            vjp=vjp,
            jvp=jvp,
            flat=all(partial is None for partial in partials),
            batch=broadcasting,
            breaks=breaks,
            tolerates=tolerates,
            pattern=pattern,
            show=show or function(name),
            julia=julia,
        )
    )


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


def _power_base(c: Expression, a: Expression, b: Expression, y: Expression) -> Expression:
    return c * (b * apply("power", a, b - 1.0))


def _power_exponent(c: Expression, a: Expression, b: Expression, y: Expression) -> Expression:
    # log(0)·0**b is 0 for b > 0: keep the logarithm's argument away from zero where the base is zero.
    safe = apply("where", apply("equal", a, 0.0), 1.0, a)
    return c * (y * apply("log", safe))


def _by_constant(inputs: Sequence[Expression], which: int) -> Any:
    """A product with a constant keeps only the dependencies that its zeros let through."""
    other = inputs[1 - which]
    return other.value != 0 if other.is_constant else True


register_elementwise(
    "add",
    partials=[lambda c, a, b, y: c, lambda c, a, b, y: c],
    show=show_add,
    simplify=_simplify_add,
)
register_elementwise(
    "subtract",
    partials=[lambda c, a, b, y: c, lambda c, a, b, y: -c],
    show=show_subtract,
    simplify=_simplify_subtract,
)
register_elementwise(
    "multiply",
    partials=[lambda c, a, b, y: _factor(c, b), lambda c, a, b, y: _factor(c, a)],
    show=show_multiply,
    simplify=_simplify_multiply,
    passes=_by_constant,
)
register_elementwise(
    "divide",
    partials=[lambda c, a, b, y: c / b, lambda c, a, b, y: -(c * y) / b],
    show=show_divide,
    simplify=_simplify_divide,
)
register_elementwise(
    "power",
    partials=[_power_base, _power_exponent],
    also=(np.float_power,),
    show=show_power,
    simplify=_simplify_power,
    julia="power_or_nan",
)
register_elementwise("negative", partials=[lambda c, a, y: -c], show=show_negative, simplify=_simplify_negative)

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


register_elementwise(
    "absolute",
    partials=[lambda c, x, y: c * apply("sign", x)],
    also=(np.fabs,),
    show=around("abs", r"\left|", r"\right|"),
    breaks="kink",
    julia="abs",
)
register_elementwise("sign", partials=[None], show=function("sign", r"\operatorname{sgn}"), breaks="jump")
register_elementwise(
    "floor", partials=[None], show=around("floor", r"\left\lfloor ", r" \right\rfloor"), breaks="stairs"
)
register_elementwise("exp", partials=[lambda c, x, y: c * y], show=function("exp", r"\exp"))
register_elementwise("expm1", partials=[lambda c, x, y: c * (y + 1.0)])
register_elementwise("log", partials=[lambda c, x, y: c / x], show=function("log", r"\log"), julia="log_or_nan")
register_elementwise("log1p", partials=[lambda c, x, y: c / (1.0 + x)], julia="log1p_or_nan")
register_elementwise(
    "sqrt", partials=[lambda c, x, y: 0.5 * c / y], show=around("sqrt", r"\sqrt{", "}"), julia="sqrt_or_nan"
)
register_elementwise("cbrt", partials=[lambda c, x, y: c / (3.0 * y * y)], show=around("cbrt", r"\sqrt[3]{", "}"))
register_elementwise("sin", partials=[lambda c, x, y: c * apply("cos", x)], show=function("sin", r"\sin"))
register_elementwise("cos", partials=[lambda c, x, y: -(c * apply("sin", x))], show=function("cos", r"\cos"))
register_elementwise("tan", partials=[lambda c, x, y: c * (1.0 + y * y)], show=function("tan", r"\tan"))
register_elementwise(
    "arcsin",
    partials=[lambda c, x, y: c / apply("sqrt", 1.0 - x * x)],
    show=function("arcsin", r"\arcsin"),
    julia="asin_or_nan",
)
register_elementwise(
    "arccos",
    partials=[lambda c, x, y: -(c / apply("sqrt", 1.0 - x * x))],
    show=function("arccos", r"\arccos"),
    julia="acos_or_nan",
)
register_elementwise(
    "arctan", partials=[lambda c, x, y: c / (1.0 + x * x)], show=function("arctan", r"\arctan"), julia="atan"
)
register_elementwise("sinh", partials=[lambda c, x, y: c * apply("cosh", x)], show=function("sinh", r"\sinh"))
register_elementwise("cosh", partials=[lambda c, x, y: c * apply("sinh", x)], show=function("cosh", r"\cosh"))
register_elementwise("tanh", partials=[lambda c, x, y: c * (1.0 - y * y)], show=function("tanh", r"\tanh"))
register_elementwise(
    "sigmoid", sigmoid, partials=[lambda c, x, y: c * (y * (1.0 - y))], show=function("sigmoid", r"\sigma")
)
register_elementwise("softplus", softplus, partials=[lambda c, x, y: c * apply("sigmoid", x)])

# ---- two and three variables ------------------------------------------------------------------------------------


def _winner(c: Expression, mine: Expression, other: Expression) -> Expression:
    """`c` where `mine` is the larger one, half of it at ties."""
    return c * apply("where", apply("less", other, mine), 1.0, apply("where", apply("equal", mine, other), 0.5, 0.0))


register_elementwise(
    "maximum",
    partials=[lambda c, a, b, y: _winner(c, a, b), lambda c, a, b, y: _winner(c, b, a)],
    show=function("max", r"\max"),
    breaks="kink",
    tolerates="infinity",
    julia="max",
)
register_elementwise(
    "minimum",
    partials=[lambda c, a, b, y: _winner(c, -a, -b), lambda c, a, b, y: _winner(c, -b, -a)],
    show=function("min", r"\min"),
    breaks="kink",
    tolerates="infinity",
    julia="min",
)
register_elementwise(
    "arctan2",
    partials=[lambda c, a, b, y: c * b / (a * a + b * b), lambda c, a, b, y: -(c * a) / (a * a + b * b)],
    julia="atan",
)


def _compare(name: str, symbol: str, latex_symbol: str, breaks: Literal["jump"] | None = None) -> None:
    show = infix(f" {symbol} ", SUM - 1, f" {latex_symbol} ")
    register_elementwise(name, partials=[None, None], show=show, dtype="bool", tolerates="nan", breaks=breaks)


_compare("less", "<", "<", "jump")
_compare("less_equal", "<=", r"\le", "jump")
_compare("equal", "==", "=")  # no jump: it differs from its surroundings at single points alone
register_elementwise("logical_and", partials=[None, None], show=function("and"), dtype="bool", prepare=None)
register_elementwise("logical_or", partials=[None, None], show=function("or"), dtype="bool", prepare=None)
register_elementwise("logical_not", partials=[None], show=function("not"), dtype="bool", prepare=None)


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


def _by_choice(inputs: Sequence[Expression], which: int) -> Any:
    """A choice by a constant mask keeps only the dependencies of what is chosen."""
    condition, a, b = inputs
    if not condition.is_constant or a is b:
        return True
    return condition.value if which == 1 else ~condition.value


register_elementwise(
    "where",
    np.where,
    partials=[
        None,
        lambda c, k, a, b, y: apply("where", k, c, 0.0),
        lambda c, k, a, b, y: apply("where", k, 0.0, c),
    ],
    show=_show_where,
    prepare=_prepare_where,
    simplify=_simplify_where,
    passes=_by_choice,
    tolerates="nan",
    julia="ifelse",
)
