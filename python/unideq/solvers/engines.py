"""Which engines have a solver or an adjoint, and what stands in for it on one that hasn't."""

from __future__ import annotations

from collections.abc import Iterable

from ..errors import EngineUnsupported, OptionError, unknown
from .adjoints import ADJOINTS
from .entries import SOLVERS
from .settings import SolverSettings

__all__ = ["adjoints_of", "check_algebraic", "check_solver", "counterpart", "solvers_of", "stiff_solver"]

_STIFF_CHOICE = {"jax": "kvaerno5", "julia": "rodas5p"}


def stiff_solver(engine: str) -> str:
    """The solver that an engine takes for stiff problems when it is left the choice."""
    return _STIFF_CHOICE.get(engine, "kvaerno5")


def counterpart(settings: SolverSettings, engine: str) -> SolverSettings:
    """The settings themselves where the engine has their solver, or those of the nearest one for the same problem.

    Solvers of fixed step have none: their step is part of the result.
    """
    entry = settings.entry
    if engine in entry.engines or entry.fixed:
        return settings
    return settings.by(entry.instead or stiff_solver(engine))


def solvers_of(engine: str) -> list[str]:
    """The solvers that an engine has."""
    return [name for name, solver in SOLVERS.items() if engine in solver.engines]


def adjoints_of(engine: str) -> list[str]:
    """The adjoints that an engine has."""
    return [name for name, engines in ADJOINTS.items() if engine in engines]


def check_solver(settings: SolverSettings, engine: str) -> None:
    """Make sure that an engine has this solver and adjoint.

    Raises
    ------
    OptionError
        If a name is unknown, or a fixed-step solver has no step.
    EngineUnsupported
        If another engine has it; names that engine.
    """
    if settings.tableau is None and settings.name not in SOLVERS:
        raise unknown("solver", settings.name, solvers_of(engine))
    _has("solver", settings.name, settings.entry.engines, engine, solvers_of(engine))
    if settings.adjoint not in ADJOINTS:
        raise unknown("adjoint", settings.adjoint, adjoints_of(engine))
    _has("adjoint", settings.adjoint, ADJOINTS[settings.adjoint], engine, adjoints_of(engine))
    if settings.fixed and (settings.dt is None or not settings.dt > 0):
        raise OptionError(f"Solver `{settings.name}` makes fixed steps: give it a positive `dt`, not {settings.dt!r}.")


def check_algebraic(settings: SolverSettings, engine: str) -> None:
    """Make sure that an engine solves algebraic equations, by this solver and adjoint.

    Raises
    ------
    EngineUnsupported
        If the engine doesn't; names one that does. If this adjoint doesn't go with them.
    OptionError
        If this solver doesn't; names those that do.
    """
    able = {n: s for n, s in SOLVERS.items() if s.algebraic}
    owners = sorted({e for s in able.values() for e in s.engines})
    if engine not in owners:
        named = " and ".join(f"`{e}`" for e in owners)
        raise EngineUnsupported(
            f"Engine `{engine}` solves no algebraic equations (states with `algebraic=True`); engine {named} does. "
            f'Write `engine="{owners[0]}"`, or eliminate the algebraic states.'
        )
    if settings.name != "auto" and not settings.entry.algebraic:
        listing = " or ".join(f'`solver="{n}"`' for n in able)
        raise OptionError(
            f"`{settings.name}` solves differential equations alone, and the model has algebraic states. Choose "
            f"{listing}."
        )
    if settings.adjoint not in ("auto", "discrete"):
        raise EngineUnsupported(
            f"The adjoint `{settings.adjoint}` doesn't go with algebraic states. Choose `discrete`, which follows the "
            "steps taken."
        )


def _has(kind: str, name: str, engines: Iterable[str], engine: str, here: list[str]) -> None:
    if engine not in engines:
        owners = " and ".join(f"engine `{e}` has it" for e in engines)
        listing = ", ".join(f"`{h}`" for h in here)
        raise EngineUnsupported(f"Engine `{engine}` lacks the {kind} `{name}`; {owners}. Here: {listing}.")
