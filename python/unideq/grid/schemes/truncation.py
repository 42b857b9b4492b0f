"""Truncation errors as SymPy expressions: what a scheme adds to the equation that it solves."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

from ...checks import whole
from ...errors import ExtraMissing

if TYPE_CHECKING:
    from .base import Scheme

__all__ = ["expansion", "sympy_names"]

_FARTHEST = 24  # Taylor terms looked at beyond the derivative; every linear scheme here has two within ten


def sympy_names(variable: str = "x", field: str = "u") -> tuple[Any, Any, Any, Any]:
    """SymPy itself, the symbols `x` and `dx`, and the function `u(x)`: how truncation errors are written.

    Raises
    ------
    ExtraMissing
        If SymPy isn't installed.
    """
    try:
        import sympy
    except ImportError as error:
        raise ExtraMissing(
            'Truncation errors are SymPy expressions. Type `pip install "unideq[discover]"`.', name="sympy"
        ) from error
    x = sympy.Symbol(variable)
    return sympy, x, sympy.Symbol(f"d{variable}"), sympy.Function(field)(x)


def expansion(scheme: Scheme, derivative: int, terms: int, variable: str, field: str) -> Any:
    """Leading terms of D_h u − ∂ᵐu from the scheme's series."""
    terms = whole(terms, "terms", least=1)
    sympy, x, dx, u = sympy_names(variable, field)
    largest = derivative + _FARTHEST + 2 * terms
    series = scheme.series(derivative, largest)
    leading = [(q, c) for q, c in sorted(series.items()) if q != derivative][:terms]
    return sum((_number(sympy, c) * dx ** (q - derivative) * u.diff(x, q) for q, c in leading), sympy.Integer(0))


def _number(sympy: Any, value: Fraction) -> Any:
    if value.denominator > 10**12:  # an optimised coefficient, known to double precision only
        return sympy.Float(float(value))
    return sympy.Rational(value.numerator, value.denominator)
