"""Candidate terms of a learned term's formula: monomials of its arguments, and functions of them."""

from __future__ import annotations

import inspect
import itertools
import keyword
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...checks import flag, known_keys, sequence, settle, whole
from ...errors import ModelError, OptionError, UnideqError

__all__ = ["FUNCTIONS", "Library", "LibraryTerm"]

FUNCTIONS: dict[str, Callable[..., Any]] = {
    "sin": np.sin,
    "cos": np.cos,
    "exp": np.exp,
    "log": np.log,
    "sqrt": np.sqrt,
    "tanh": np.tanh,
}
"""Functions that a library takes by name."""

_POWERS = {2: "²", 3: "³", 4: "⁴", 5: "⁵", 6: "⁶", 7: "⁷", 8: "⁸", 9: "⁹"}


def factor(text: str) -> str:
    """An argument as it stands in a product: `S`, `(S/N)`."""
    return text if re.fullmatch(r"\w+(\[\d+\])?", text) else f"({text})"


@dataclass(frozen=True)
class LibraryTerm:
    """One candidate.

    Attributes
    ----------
    text
        As printed: `hare·lynx`, `hare²`, `sin(hare)`, `1`.
    key
        As part of a parameter's name: `hare_lynx`, `hare2`, `sin_hare`, `constant`.
    powers
        Exponent of each argument, for a monomial.
    function, arguments
        Name of a function, and the indices of its arguments.
    """

    text: str
    key: str
    powers: tuple[int, ...] = ()
    function: str = ""
    arguments: tuple[int, ...] = ()


@dataclass(frozen=True)
class Library:
    """What a formula may be made of.

    Parameters
    ----------
    degree
        Largest total degree of the monomials in all arguments; 0 leaves the constant alone.
    functions
        Names among `sin`, `cos`, `exp`, `log`, `sqrt`, `tanh`, or a dict name → NumPy function. A function of one
        argument is applied to every argument, a function of several to the first ones in order.
    constant
        Whether the constant 1 is a candidate.

    Examples
    --------
    >>> from unideq.audit.recovery import Library
    >>> [term.text for term in Library(2, ["sin"]).terms(["x", "y"])]
    ['1', 'x', 'y', 'x²', 'x·y', 'y²', 'sin(x)', 'sin(y)']

    Raises
    ------
    OptionError
        If a function's name is unknown or the library can't have terms.
    """

    degree: int = 3
    functions: Any = ()
    constant: bool = True
    table: dict[str, Callable[..., Any]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        settle(self, whole, "degree", least=0, most=9)
        settle(self, flag, "constant")
        given = self.functions
        if isinstance(given, str):
            given = (given,)
        if isinstance(given, Mapping):
            for name, function in given.items():
                if not callable(function):
                    raise OptionError(f"The library's `{name}` needs a NumPy function, not {type(function).__name__}.")
                if not str(name).isidentifier() or keyword.iskeyword(str(name)):
                    raise OptionError(f"The library's function name {name!r} isn't a Python identifier. Rename it.")
            table = dict(given)
        else:
            given = sequence(given, "functions", "Library", needs="a list of names, or a dict name → function")
            known_keys(given, FUNCTIONS, "library function")
            table = {name: FUNCTIONS[name] for name in given}
        object.__setattr__(self, "table", table)

    @classmethod
    def of(cls, value: Any) -> Library:
        """A library from None (degree 3), a degree, a list of function names, a dict name → function, or a library."""
        if value is None:
            return cls()
        if isinstance(value, Library):
            return value
        if isinstance(value, (int, np.integer)) and not isinstance(value, bool):
            return cls(int(value))
        if isinstance(value, (Mapping, list, tuple, str)):
            return cls(functions=value)
        raise OptionError(
            f"`library` needs a degree, a dict name → NumPy function or a `Library(degree, functions)`, not {value!r}."
        )

    def terms(self, names: Sequence[str], texts: Sequence[str] | None = None) -> list[LibraryTerm]:
        """All candidates over arguments of these names, monomials first; `texts` are what is printed for them."""
        shown = list(names if texts is None else texts)
        factors = [factor(s) for s in shown]
        result = []
        for powers in _powers(len(names), self.degree):
            if not any(powers):
                if self.constant:
                    result.append(LibraryTerm("1", "constant", powers))
                continue
            parts = [(n, e) for n, e in zip(names, powers, strict=True) if e]
            printed = [(n, e) for n, e in zip(factors, powers, strict=True) if e]
            text = "·".join(n if e == 1 else n + _POWERS[e] for n, e in printed)
            key = "_".join(n if e == 1 else f"{n}{e}" for n, e in parts)
            result.append(LibraryTerm(text, key, powers))
        for name, function in self.table.items():
            count = _arity(function)
            if count > len(names):
                raise OptionError(f"The library's `{name}` takes {count} arguments; the network has {len(names)}.")
            groups = [(i,) for i in range(len(names))] if count == 1 else [tuple(range(count))]
            for group in groups:
                inner = [names[i] for i in group]
                within = ", ".join(shown[i] for i in group)
                result.append(LibraryTerm(f"{name}({within})", "_".join([name, *inner]), (), name, group))
        if not result:
            raise OptionError("The library is empty: give it a degree, functions or the constant.")
        return result

    def columns(self, terms: Sequence[LibraryTerm], arguments: Sequence[Any]) -> list[Any]:
        """Each term's value at the arguments: arrays, or expressions while tracing."""
        known: dict[tuple[int, ...], Any] = {}

        def monomial(powers: tuple[int, ...]) -> Any:
            # Built up from lower ones, so that x²·y costs one product more than x·y.
            if powers not in known:
                first = next(i for i, e in enumerate(powers) if e)
                lower = tuple(e - (i == first) for i, e in enumerate(powers))
                known[powers] = arguments[first] if not any(lower) else monomial(lower) * arguments[first]
            return known[powers]

        result = []
        for term in terms:
            if term.function:
                try:
                    result.append(self.table[term.function](*(arguments[i] for i in term.arguments)))
                except UnideqError:
                    raise
                except (TypeError, ValueError, ArithmeticError) as error:
                    raise ModelError(f"The library's `{term.function}` failed: {error}.") from error
            elif any(term.powers):
                result.append(monomial(term.powers))
            else:
                result.append(arguments[0] * 0.0 + 1.0)
        return result

    def matrix(self, terms: Sequence[LibraryTerm], samples: np.ndarray) -> np.ndarray:
        """(M, K) values at samples (M, d); columns that aren't finite everywhere are NaN altogether."""
        with np.errstate(all="ignore"):
            columns = [np.broadcast_to(c, len(samples)) for c in self.columns(terms, list(samples.T))]
        result = np.stack(columns, axis=1).astype(float)
        result[:, ~np.isfinite(result).all(axis=0)] = np.nan
        return result


def _powers(arguments: int, degree: int) -> list[tuple[int, ...]]:
    """Exponents by total degree, the first argument's powers first."""
    every = itertools.product(range(degree + 1), repeat=arguments)
    return sorted((p for p in every if sum(p) <= degree), key=lambda p: (sum(p), tuple(-e for e in p)))


def _arity(function: Callable[..., Any]) -> int:
    """Number of arguments that a function needs; NumPy's ufuncs say it themselves."""
    if isinstance(function, np.ufunc):
        return function.nin
    try:
        wanted = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return 1
    return max(1, sum(q.default is q.empty and q.kind in (q.POSITIONAL_ONLY, q.POSITIONAL_OR_KEYWORD) for q in wanted))
