"""Solvers from outside: a method by its coefficients, as `solver=`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..checks import number
from ..errors import OptionError
from .settings import SolverSettings, checked_atol
from .solver import Solver, refuse_others
from .tableau import ExplicitTableau, RosenbrockTableau

__all__ = ["ExplicitRungeKutta", "Rosenbrock"]


@dataclass(frozen=True)
class _Brought(Solver, order=None):
    """A solver by its coefficients; its steps are `dt` long where these don't estimate an error."""

    tableau: ExplicitTableau | RosenbrockTableau
    rtol: float | None = None
    atol: Any = None
    dt: float | None = None

    def __post_init__(self) -> None:
        of, fixed = self.tableau.label, self.tableau.fixed
        object.__setattr__(self, "name", self.tableau.label.lower())
        super().__post_init__()
        given = {"rtol": self.rtol, "atol": self.atol, "dt": self.dt}
        label = f"{of}(…)` without `b_error" if fixed else f"{of}(…, b_error=…)"
        refuse_others(label, fixed, list(given), [name for name, value in given.items() if value is not None])
        if fixed and self.dt is None:
            raise OptionError(f"`{label}` makes steps of fixed length: give `dt`.")
        for name, most in (("rtol", 1e6), ("dt", None)):
            value = number(getattr(self, name), name, of, above=0, below=most, none=True)
            object.__setattr__(self, name, None if value is None else float(value))
        object.__setattr__(self, "atol", checked_atol(self.atol, of))

    def settings(self, rtol: float = 1e-6, max_steps: int = 4096) -> SolverSettings:
        """What an engine is told; the arguments stand in for what this leaves open."""
        return SolverSettings(
            self.name,
            self.rtol or rtol,
            self.atol,
            self.dt,
            self.max_steps or max_steps,
            self.adjoint,
            self.tableau,
        )


class ExplicitRungeKutta(_Brought):
    """An explicit Runge–Kutta method by its coefficients, on both engines.

    k_i = f(t + c_i h, u + h Σ_j<i a_ij k_j) and u⁺ = u + h Σ_i b_i k_i. Between
    steps the solution is a cubic Hermite polynomial, of order 3.

    Parameters
    ----------
    a
        (s, s), zero on the diagonal and above; the zeros may be left out.
    b, c
        (s,); c_i = Σ_j a_ij.
    order
        1 … 8; the coefficients must meet its conditions.
    b_error
        (s,) b − b̂ with the weights b̂ of an embedded method of lower order. With it steps follow the tolerances, without
        it they are `dt` long.
    rtol, atol, dt, max_steps, adjoint
        As in `Adaptive` and `FixedStep`.

    Raises
    ------
    OptionError
        If shapes don't fit, a row of `a` doesn't sum to its `c`, or an order condition isn't met; says which.

    Examples
    --------
    >>> import numpy as np, unideq as ude
    >>> ralston = ude.ExplicitRungeKutta([[2 / 3]], [1 / 4, 3 / 4], [0, 2 / 3], order=2, dt=0.01)
    >>> model = ude.ODE(lambda t, state: {"x": -state.x}, ["x"])
    >>> solution = model.solve([0.0, 1.0], {"x": 1.0}, solver=ralston)
    >>> bool(abs(solution["x"][-1] - np.exp(-1)) < 1e-5)
    True
    """

    def __init__(
        self,
        a: Any,
        b: Any,
        c: Any,
        *,
        order: int,
        b_error: Any = None,
        rtol: float | None = None,
        atol: float | Mapping[str, float] | None = None,
        dt: float | None = None,
        max_steps: int | None = None,
        adjoint: str = "auto",
    ) -> None:
        tableau = ExplicitTableau(a, b, c, order, b_error)
        super().__init__(tableau, rtol, atol, dt, max_steps=max_steps, adjoint=adjoint)


class Rosenbrock(_Brought):
    """A Rosenbrock method by its coefficients, for stiff problems; on engine `julia`, with its discrete adjoint.

    k_i = h f(t + α_i h, u + Σ_j<i a_ij k_j) + h J Σ_j≤i γ_ij k_j + γ_i h² ∂f/∂t and u⁺ = u + Σ_i b_i k_i, with
    J = ∂f/∂u and ∂f/∂t at (t, u), α_i = Σ_j a_ij, γ_i = Σ_j γ_ij (Hairer & Wanner, Solving ODEs II (1996), IV.7).
    Between steps the solution is a polynomial of order 3, or of less where the stages don't determine one.

    Parameters
    ----------
    a
        (s, s), zero on the diagonal and above; the zeros may be left out.
    gamma
        (s, s), zero above the diagonal, one number γ > 0 on it.
    b
        (s,)
    order
        1 … 8; the coefficients must meet its conditions.
    b_error
        (s,) b − b̂ with the weights b̂ of an embedded method of lower order. With it steps follow the tolerances, without
        it they are `dt` long.
    rtol, atol, dt, max_steps, adjoint
        As in `Adaptive` and `FixedStep`.

    Raises
    ------
    OptionError
        If shapes don't fit, the diagonal isn't constant, or an order condition isn't met; says which.
    """

    def __init__(
        self,
        a: Any,
        gamma: Any,
        b: Any,
        *,
        order: int,
        b_error: Any = None,
        rtol: float | None = None,
        atol: float | Mapping[str, float] | None = None,
        dt: float | None = None,
        max_steps: int | None = None,
        adjoint: str = "auto",
    ) -> None:
        tableau = RosenbrockTableau(a, gamma, b, order, b_error)
        super().__init__(tableau, rtol, atol, dt, max_steps=max_steps, adjoint=adjoint)
