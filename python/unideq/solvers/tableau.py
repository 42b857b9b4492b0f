"""Coefficients of Runge–Kutta and Rosenbrock methods as plain data, checked when they are made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..checks import array, refused, whole
from ..errors import OptionError
from ..stored import Stored, stored
from .order_conditions import ROUNDING, broken_condition

__all__ = ["ExplicitTableau", "RosenbrockTableau", "Tableau"]

Row = tuple[float, ...]
LARGEST_ORDER = 8
"""Conditions are counted up to here: 200 of them."""


@dataclass(frozen=True)
class Tableau(Stored):
    """What the tableaus have in common: b (s,), the order, and the error's weights b − b̂ (s,) where steps adapt."""

    a: tuple[Row, ...]
    b: Row
    order: int
    b_error: Row | None

    family: ClassVar[str] = "tableau"
    label: ClassVar[str]
    instead: ClassVar[str | None] = None
    algebraic: ClassVar[bool] = False
    delays: ClassVar[bool] = False

    @property
    def fixed(self) -> bool:
        """Whether its steps are all of one length: there is no estimate of their error."""
        return self.b_error is None

    @property
    def engines(self) -> Mapping[str, Tableau]:
        """Engine → these coefficients, for the engines that make steps by such."""
        return {}

    @property
    def rosenbrock(self) -> bool:
        """Whether its steps need the Jacobian, and their derivatives second ones."""
        return isinstance(self, RosenbrockTableau)

    def _settle(self, *matrices: str) -> None:
        """Check shapes and numbers, and keep them as tuples of floats."""
        of = self.label
        object.__setattr__(self, "b", _row(self.b, "b", of))
        stages = len(self.b)
        for name in matrices:
            object.__setattr__(self, name, _lower(getattr(self, name), stages, name, of))
        object.__setattr__(self, "order", whole(self.order, "order", of, least=1, most=LARGEST_ORDER))
        if self.b_error is None:
            return
        error = _row(self.b_error, "b_error", of)
        if len(error) != stages:
            raise OptionError(f"`{of}` needs `b_error` as {stages} numbers, one a stage as in `b`, not {len(error)}.")
        if abs(sum(error)) > ROUNDING:
            hint = (
                " Give the difference to the embedded weights, `b - b_embedded`." if abs(sum(error) - 1) < 0.1 else ""
            )
            raise OptionError(f"`b_error` of `{of}` must sum to 0, not {sum(error):.12g}.{hint}")
        if not any(error):
            raise OptionError(f"`b_error` of `{of}` is zero: leave it out, and give `dt`.")
        object.__setattr__(self, "b_error", error)

    def _meets(self, alpha: np.ndarray, beta: np.ndarray) -> None:
        broken = broken_condition(np.array(self.b), alpha, beta, range(1, self.order + 1))
        if broken:
            raise OptionError(f"The coefficients of `{self.label}` don't have order {self.order}: {broken}.")

    @classmethod
    def stored_name(cls) -> str:
        """The class's name: `kind` is the solver's."""
        return cls.__name__


@stored
@dataclass(frozen=True)
class ExplicitTableau(Tableau):
    """An explicit Runge–Kutta method: k_i = f(t + c_i h, u + h Σ_j<i a_ij k_j), u⁺ = u + h Σ_i b_i k_i.

    Attributes
    ----------
    a
        (s, s), zero on the diagonal and above; the zeros may be left out.
    b, c
        (s,); c_i = Σ_j a_ij.
    order
        1 … 8; the coefficients must have it.
    b_error
        (s,) b − b̂ with the weights b̂ of an embedded method; None: steps of fixed length.

    Raises
    ------
    OptionError
        If shapes don't fit, a row of `a` doesn't sum to its `c`, or an order condition isn't met; says which.
    """

    c: Row

    kind: ClassVar[str] = "explicit"
    label: ClassVar[str] = "ExplicitRungeKutta"

    def __init__(self, a: Any, b: Any, c: Any, order: int, b_error: Any = None) -> None:
        for name, value in (("a", a), ("b", b), ("c", c), ("order", order), ("b_error", b_error)):
            object.__setattr__(self, name, value)
        self._settle("a")
        object.__setattr__(self, "c", _row(c, "c", self.label))
        matrix = np.array(self.a)
        if np.any(np.triu(matrix)):
            i, j = np.argwhere(np.triu(matrix))[0]
            raise OptionError(
                f"`a[{i}][{j}]` of `{self.label}` is {matrix[i, j]:g}: an explicit method has zeros on the diagonal "
                "and above."
            )
        sums = matrix.sum(axis=1)
        if len(self.c) != len(self.b):
            raise OptionError(f"`{self.label}` needs `c` as {len(self.b)} numbers, one a stage, not {len(self.c)}.")
        for i, (found, wanted) in enumerate(zip(sums, self.c, strict=True)):
            if abs(found - wanted) > ROUNDING:
                raise OptionError(
                    f"Row {i} of `a` of `{self.label}` sums to {found:.12g}, and `c[{i}]` is {wanted:.12g}."
                )
        self._meets(matrix, matrix)

    @property
    def engines(self) -> Mapping[str, ExplicitTableau]:
        """Both engines make steps of any such tableau."""
        return {"jax": self, "julia": self}

    def with_end_slope(self) -> ExplicitTableau:
        """The same method with the slope at the step's end as last stage, which is the next step's first one."""
        if self.a[-1] == self.b and len(self.b) > 1:
            return self
        rows = tuple((*row, 0.0) for row in (*self.a, self.b))
        error = None if self.b_error is None else (*self.b_error, 0.0)
        return ExplicitTableau(rows, (*self.b, 0.0), (*self.c, 1.0), self.order, error)


@stored
@dataclass(frozen=True)
class RosenbrockTableau(Tableau):
    """A Rosenbrock method: k_i = h f(t + α_i h, u + Σ_j<i a_ij k_j) + h J Σ_j≤i γ_ij k_j + γ_i h² ∂f/∂t.

    Then u⁺ = u + Σ_i b_i k_i. J = ∂f/∂u and ∂f/∂t are taken at (t, u), α_i = Σ_j a_ij, γ_i = Σ_j γ_ij.

    Attributes
    ----------
    a
        (s, s), zero on the diagonal and above, up to rounding.
    gamma
        (s, s), zero above the diagonal, one number γ > 0 on it, up to rounding.
    b
        (s,)
    order
        1 … 8; the coefficients must have it.
    b_error
        (s,) b − b̂ with the weights b̂ of an embedded method; None: steps of fixed length.

    Raises
    ------
    OptionError
        If shapes don't fit, the diagonal isn't constant, or an order condition isn't met; says which.
    """

    gamma: tuple[Row, ...]

    kind: ClassVar[str] = "stiff"
    label: ClassVar[str] = "Rosenbrock"

    def __init__(self, a: Any, gamma: Any, b: Any, order: int, b_error: Any = None) -> None:
        for name, value in (("a", a), ("gamma", gamma), ("b", b), ("order", order), ("b_error", b_error)):
            object.__setattr__(self, name, value)
        self._settle("a", "gamma")
        object.__setattr__(self, "a", _cleared(self.a, 0))
        object.__setattr__(self, "gamma", _cleared(self.gamma, 1))
        alpha, gammas = np.array(self.a), np.array(self.gamma)
        for name, zeros in (("a", np.triu(alpha)), ("gamma", np.triu(gammas, 1))):
            if np.any(zeros):
                i, j = np.argwhere(zeros)[0]
                raise OptionError(f"`{name}[{i}][{j}]` of `{self.label}` must be zero, not {zeros[i, j]:g}.")
        diagonal = np.diag(gammas)
        if not diagonal[0] > 0 or np.ptp(diagonal) > ROUNDING:
            raise OptionError(
                f"`gamma` of `{self.label}` needs one number > 0 on its diagonal: a step factorises one matrix, "
                f"not {', '.join(f'{g:g}' for g in diagonal)}."
            )
        self._meets(alpha, alpha + gammas)

    @property
    def engines(self) -> Mapping[str, RosenbrockTableau]:
        """Julia makes steps of any such tableau; diffrax has no Rosenbrock methods."""
        return {"julia": self}


def _cleared(rows: tuple[Row, ...], diagonal: int) -> tuple[Row, ...]:
    """A matrix without what rounding left from its `diagonal`-th diagonal on, of one that was computed."""
    matrix = np.array(rows)
    above = np.triu(matrix, diagonal)
    return tuple(map(tuple, np.where(np.abs(above) <= ROUNDING, matrix - above, matrix).tolist()))


def _row(values: Any, name: str, of: str) -> Row:
    found = array(values, name, of, ndim=1)
    if not len(found):
        raise OptionError(f"`{of}` needs `{name}` as one number a stage, not none.")
    return tuple(found.tolist())


def _lower(given: Any, stages: int, name: str, of: str) -> tuple[Row, ...]:
    """A square matrix (s, s) from one, or from rows of its lower triangle, the first of which may be left out."""
    if not isinstance(given, (list, tuple, np.ndarray)):
        raise refused(given, name, of, "rows of numbers, one a stage")
    rows = [row if np.ndim(row) != 1 or len(row) else [0.0] for row in given]
    rows = [[0.0], *rows] if len(rows) == stages - 1 else rows
    if len(rows) != stages:
        raise OptionError(f"`{of}` needs `{name}` as {stages} rows, one a stage as in `b`, not {len(rows)}.")
    numbers = [array(row, f"{name}[{i}]", of, ndim=1).tolist() for i, row in enumerate(rows)]
    for i, row in enumerate(numbers):
        if len(row) > stages:
            raise OptionError(f"`{of}` needs `{name}[{i}]` as up to {stages} numbers, not {len(row)}.")
    return tuple((*row, *(0.0,) * (stages - len(row))) for row in numbers)
