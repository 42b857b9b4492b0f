"""Which engines have a solver or an adjoint, and what stands in for it on one that hasn't."""

from __future__ import annotations

from collections.abc import Iterable

from ..errors import EngineUnsupported, OptionError, unknown
from .adjoints import ADJOINTS
from .entries import SOLVERS
from .settings import SolverSettings

__all__ = ["adjoints_of", "check_beyond", "check_solver", "counterpart", "solvers_of", "stiff_solver"]

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


BEYOND = {
    "algebraic": ("algebraic equations (states with `algebraic=True`)", "eliminate the algebraic states"),
    "delays": ("equations with delays (`state.lag`)", "replace the delay by a chain of compartments"),
}
"""What only some solvers have, by the attribute that says so: in words, and what to do without."""


def check_beyond(settings: SolverSettings, engine: str, needs: Iterable[str]) -> None:
    """Make sure that an engine solves what a model needs beyond derivatives, by this solver and adjoint.

    Parameters
    ----------
    settings, engine
        How it is to be solved, and by whom.
    needs
        Keys of `BEYOND`.

    Raises
    ------
    EngineUnsupported
        If the engine doesn't; names one that does. If this adjoint doesn't go with it.
    OptionError
        If this solver doesn't; names those that do.
    """
    for need in needs:
        words, instead = BEYOND[need]
        able = [n for n, s in SOLVERS.items() if getattr(s, need)]
        if engine != "julia":
            raise EngineUnsupported(
                f'Engine `{engine}` solves no {words}; engine `julia` does. Write `engine="julia"`, or {instead}.'
            )
        if settings.name != "auto" and not getattr(settings.entry, need):
            listing = ", ".join(f'`solver="{n}"`' for n in able)
            raise OptionError(f"`{settings.name}` solves no {words} here. Choose one of {listing}.")
        if settings.adjoint not in ("auto", "discrete"):
            raise EngineUnsupported(
                f"The adjoint `{settings.adjoint}` doesn't go with {words}. Choose `discrete`, which follows the steps "
                "taken."
            )


def _has(kind: str, name: str, engines: Iterable[str], engine: str, here: list[str]) -> None:
    if engine not in engines:
        owners = " and ".join(f"engine `{e}` has it" for e in engines)
        listing = ", ".join(f"`{h}`" for h in here)
        raise EngineUnsupported(f"Engine `{engine}` lacks the {kind} `{name}`; {owners}. Here: {listing}.")
