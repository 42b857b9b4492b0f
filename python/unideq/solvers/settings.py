"""`SolverSettings`: what an engine is told about how to integrate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ..checks import number, whole
from ..errors import unknown
from ..stored import Stored, stored
from .entries import SOLVERS
from .tableau import Tableau

if TYPE_CHECKING:
    from .solver import Solver

__all__ = ["SolverSettings", "checked_atol"]


@stored
@dataclass(frozen=True)
class SolverSettings(Stored):
    """How to integrate.

    Attributes
    ----------
    name
        `auto`, or a name of `unideq.solvers.SOLVERS`.
        An engine never sees `auto`: it is resolved before (`unideq.engine.stiffness`).
    rtol
        Relative tolerance of adaptive steps.
    atol
        Absolute tolerance, in the states' own units: one for all, or one a component of the state vector (n,). Before
        a problem has settled it (`unideq.objective.tolerance`) also None or a dict; an engine never sees those.
    dt
        Step of the fixed-step solvers, in time units; required for those, ignored by adaptive ones.
    max_steps
        Step limit an integration; reaching it is a failure.
    adjoint
        How gradients go through the solver: `auto` (the engine's own default), or a name of
        `unideq.solvers.ADJOINTS`.
    tableau
        Coefficients of a method from outside, where the solver is none of the table.
    """

    family: ClassVar[str] = "solver"
    tag: ClassVar[str] = ""
    name: str = "auto"
    rtol: float = 1e-6
    atol: Any = 1e-6
    dt: float | None = None
    max_steps: int = 4096
    adjoint: str = "auto"
    tableau: Tableau | None = None

    def __post_init__(self) -> None:
        for name in ("rtol", *(("atol",) if isinstance(self.atol, (int, float, str)) else ())):
            number(getattr(self, name), name, above=0)
        number(self.dt, "dt", above=0, none=True)
        whole(self.max_steps, "max_steps", least=1)

    @property
    def entry(self) -> type[Solver] | Tableau:
        """What kind of solver it is, and what engines call it.

        Raises
        ------
        OptionError
            If there is no solver of that name.
        """
        if self.tableau is not None:
            return self.tableau
        if self.name not in SOLVERS:
            raise unknown("solver", self.name, SOLVERS)
        return SOLVERS[self.name]

    @property
    def fixed(self) -> bool:
        """Whether steps are all `dt` long; `auto` never chooses that."""
        return self.name != "auto" and self.entry.fixed

    @property
    def stiff(self) -> bool:
        """Whether the solver is one for stiff problems; of `auto` that isn't known yet."""
        return self.name != "auto" and self.entry.kind == "stiff"

    def by(self, name: str) -> SolverSettings:
        """The same by another solver of the table."""
        return replace(self, name=name, tableau=None)

    @classmethod
    def parts(cls) -> Mapping[str, type[Stored]]:
        """Coefficients from outside."""
        return {"tableau": Tableau}

    def stored_values(self) -> dict[str, Any]:
        """The fields; coefficients only where there are some."""
        return {n: v for n, v in super().stored_values().items() if n != "tableau" or v is not None}

    def tightened(self, factor: float) -> SolverSettings:
        """The same with tolerances this many times smaller."""
        smaller = tuple(a / factor for a in self.atol) if isinstance(self.atol, tuple) else self.atol / factor
        return replace(self, rtol=self.rtol / factor, atol=smaller)

    @property
    def tolerances(self) -> str:
        """In words; several absolute ones by the least and the largest."""
        low, high = float(np.min(self.atol)), float(np.max(self.atol))
        return f"rtol {self.rtol:g}, atol {low:g}" + (f" … {high:g}" if high > low else "")


def checked_atol(given: Any, of: str = "") -> Any:
    """None (by the states' sizes), a number, a dict state → number, or one number a component as a tuple.

    Raises
    ------
    OptionError
        For anything else.
    """
    if given is None:
        return None
    if isinstance(given, Mapping):
        return {str(name): number(value, f"atol[{name!r}]", of, above=0, below=1e6) for name, value in given.items()}
    if isinstance(given, (tuple, list, np.ndarray)) and np.ndim(given) == 1:
        return tuple(number(value, "atol", of, above=0, below=1e6) for value in given)
    hint = "None follows the states' sizes."
    return float(number(given, "atol", of, above=0, below=1e6, none=True, hint=hint))
