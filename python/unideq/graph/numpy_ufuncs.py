"""How NumPy's ufuncs that aren't operations themselves are made of those."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .expression import Expression, apply
from .numpy_products import matmul

__all__ = ["COMPOSED"]


def _arcsinh(x: Expression) -> Expression:
    # Even part and sign apart: log(x + √(x² + 1)) cancels for negative and for small x.
    negative = apply("less", x, 0.0)
    a = apply("where", negative, -x, x)
    return apply("where", negative, -1.0, 1.0) * apply("log1p", a + a * a / (1.0 + apply("sqrt", a * a + 1.0)))


def _arccosh(x: Expression) -> Expression:
    above = x - 1.0
    return apply("log1p", above + apply("sqrt", above * (x + 1.0)))


def _ignoring_nan(operation: str) -> Callable[[Expression, Expression], Expression]:
    def choose(a: Expression, b: Expression) -> Expression:
        both = apply(operation, a, b)
        return apply("where", apply("equal", a, a), apply("where", apply("equal", b, b), both, a), b)

    return choose


def _either(a: Expression, b: Expression) -> Expression:
    both, one = apply("logical_and", a, b), apply("logical_or", a, b)
    return apply("logical_and", one, apply("logical_not", both))


COMPOSED: dict[Any, Callable[..., Expression]] = {
    np.positive: lambda x: x,
    np.conjugate: lambda x: x,
    np.square: lambda x: apply("power", x, 2.0),
    np.reciprocal: lambda x: apply("divide", 1.0, x),
    np.exp2: lambda x: apply("power", 2.0, x),
    np.log2: lambda x: apply("log", x) * (1.0 / np.log(2.0)),
    np.log10: lambda x: apply("log", x) * (1.0 / np.log(10.0)),
    np.logaddexp: lambda a, b: b + apply("softplus", a - b),
    np.hypot: lambda a, b: apply("sqrt", a * a + b * b),
    np.arcsinh: _arcsinh,
    np.arccosh: _arccosh,
    np.arctanh: lambda x: 0.5 * (apply("log1p", x) - apply("log1p", -x)),
    np.deg2rad: lambda x: x * (np.pi / 180.0),
    np.rad2deg: lambda x: x * (180.0 / np.pi),
    np.radians: lambda x: x * (np.pi / 180.0),
    np.degrees: lambda x: x * (180.0 / np.pi),
    np.ceil: lambda x: -apply("floor", -x),
    np.trunc: lambda x: apply("sign", x) * apply("floor", apply("absolute", x)),
    np.fmax: _ignoring_nan("maximum"),
    np.fmin: _ignoring_nan("minimum"),
    np.isnan: lambda x: apply("logical_not", apply("equal", x, x)),
    np.isfinite: lambda x: apply("less", apply("absolute", x), np.inf),
    np.greater: lambda a, b: apply("less", b, a),
    np.greater_equal: lambda a, b: apply("less_equal", b, a),
    np.not_equal: lambda a, b: apply("logical_not", apply("equal", a, b)),
    np.logical_xor: _either,
    np.bitwise_and: lambda a, b: apply("logical_and", a, b),
    np.bitwise_or: lambda a, b: apply("logical_or", a, b),
    np.bitwise_xor: _either,
    np.invert: lambda a: apply("logical_not", a),
    np.heaviside: lambda x, h: apply(
        "where", apply("equal", x, 0.0), h, apply("where", apply("less", 0.0, x), 1.0, 0.0)
    ),
    np.remainder: lambda a, b: a - b * apply("floor", a / b),
    np.floor_divide: lambda a, b: apply("floor", apply("divide", a, b)),
    np.matmul: lambda a, b: matmul(a, b),
}
