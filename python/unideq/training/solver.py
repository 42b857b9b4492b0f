"""Solver settings that a user gave, checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from ..checks import choice, number, shown, whole
from ..errors import OptionError
from ..solvers import ADJOINTS, SOLVERS, Solver, SolverSettings, checked_atol, solver_settings

__all__ = ["checked_solver"]


def checked_solver(
    solver: Any,
    rtol: float,
    atol: Any,
    dt: float | None,
    max_steps: int,
    adjoint: str = "auto",
    *,
    usual: Mapping[str, Any] = MappingProxyType({"rtol": 1e-6, "max_steps": 4096}),
) -> SolverSettings:
    """Solver settings, or an error that lists what is possible; `usual` are the caller's defaults."""
    if isinstance(solver, SolverSettings):  # a fit's, which flat settings change
        given = {"rtol": rtol, "atol": checked_atol(atol), "dt": dt, "max_steps": max_steps}
        return replace(solver, **{n: v for n, v in given.items() if v is not None and v != usual.get(n)})
    if isinstance(solver, (Solver, type)):
        flat = {"rtol": rtol, "atol": atol, "dt": dt, "max_steps": max_steps, "adjoint": adjoint}
        for name, value in flat.items():
            if value is not None and value != {"adjoint": "auto", **usual}.get(name):
                raise OptionError(
                    f"`{name}={shown(value)}` beside a solver that has settings of its own: give it there, "
                    f"`solver=ude.{type(solver).__name__}({name}={shown(value)})`."
                )
        return solver_settings(solver, **usual)
    choice(solver, "solver", ("auto", *SOLVERS))
    choice(adjoint, "adjoint", ADJOINTS)
    relative = float(number(rtol, "rtol", above=0, below=1e6))
    step = number(dt, "dt", above=0, none=True)
    if solver in SOLVERS and SOLVERS[solver].fixed and step is None:
        raise OptionError(f"The fixed-step solver `{solver}` needs a positive step: `dt=0.01`.")
    limit = whole(max_steps, "max_steps", least=1)
    return SolverSettings(solver, relative, checked_atol(atol), None if step is None else float(step), limit, adjoint)
