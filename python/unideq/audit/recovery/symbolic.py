"""Found equations as text, SymPy expressions and LaTeX."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...errors import ExtraMissing
from .library import Library, LibraryTerm

__all__ = ["latex_of", "sympy_of", "text_of"]


def _sympy() -> Any:
    try:
        import sympy
    except ImportError as error:
        raise ExtraMissing(
            'Recovery needs PySINDy and SymPy. Type `pip install "unideq[discover]"`.', name="sympy"
        ) from error
    return sympy


def text_of(terms: Sequence[LibraryTerm], coefficients: Sequence[float]) -> str:
    """`-0.9·x·y + 0.1·x²`, or `0`."""
    if not terms:
        return "0"
    pieces = []
    for term, value in zip(terms, coefficients, strict=True):
        size = f"{abs(value):.4g}"
        body = size if term.key == "constant" else f"{size}·{term.text}"
        sign = "-" if value < 0 else "+"
        pieces.append(f" {sign} {body}" if pieces else (f"-{body}" if value < 0 else body))
    return "".join(pieces)


def sympy_of(
    library: Library, terms: Sequence[LibraryTerm], coefficients: Sequence[float], names: Sequence[str]
) -> Any:
    """The formula in SymPy symbols named like the arguments.

    A function that SymPy can't evaluate or doesn't know by name appears as an undefined function.
    """
    sympy = _sympy()
    symbols = [sympy.Symbol(n, real=True) for n in names]
    total = sympy.Integer(0)
    for term, value in zip(terms, coefficients, strict=True):
        total += sympy.Float(float(value)) * _term(sympy, library, term, symbols)
    return total


def _term(sympy: Any, library: Library, term: LibraryTerm, symbols: list[Any]) -> Any:
    if not term.function:
        result = sympy.Integer(1)
        for symbol, exponent in zip(symbols, term.powers, strict=True):
            result *= symbol**exponent
        return result
    inner = [symbols[i] for i in term.arguments]
    known = getattr(sympy, term.function, None)
    if term.function in ("sin", "cos", "exp", "log", "sqrt", "tanh") and known is not None:
        return known(*inner)
    try:  # plain arithmetic runs on symbols as it stands
        return sympy.sympify(library.table[term.function](*inner))
    except Exception:  # NumPy functions reject symbols in several ways
        return sympy.Function(term.function)(*inner)


def latex_of(left: Mapping[str, str], expressions: Mapping[str, Any]) -> str:
    """An `aligned` environment with one row a component; coefficients to four digits."""
    sympy = _sympy()
    rows = [f"{left[name]} &= {sympy.latex(expression.evalf(4))}" for name, expression in expressions.items()]
    body = " \\\\\n".join(rows)
    return f"\\begin{{aligned}}\n{body}\n\\end{{aligned}}"
