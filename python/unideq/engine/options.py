"""Solvers and adjoints by name: what kind they are, and which engines have them."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import EngineUnsupported, OptionError, unknown
from ..objective.program import SolverSettings

__all__ = [
    "ADJOINTS",
    "FIXED_STEP",
    "SOLVERS",
    "STIFF",
    "Solver",
    "adjoints_of",
    "check_solver",
    "counterpart",
    "solvers_of",
    "stiff_solver",
]

_BOTH, _JAX, _JULIA = ("jax", "julia"), ("jax",), ("julia",)


@dataclass(frozen=True)
class Solver:
    """`kind` in words, the engines that have it, and whether it makes fixed steps (and needs `dt`)."""

    kind: str
    engines: tuple[str, ...]
    fixed: bool = False


SOLVERS: dict[str, Solver] = {
    "tsit5": Solver("explicit", _BOTH),
    "dopri5": Solver("explicit", _BOTH),
    "dopri8": Solver("explicit", _JAX),
    "bs3": Solver("explicit", _JULIA),
    "vern6": Solver("explicit", _JULIA),
    "vern7": Solver("explicit", _JULIA),
    "vern8": Solver("explicit", _JULIA),
    "vern9": Solver("explicit", _JULIA),
    "kvaerno5": Solver("stiff", _BOTH),
    "kencarp4": Solver("stiff", _BOTH),
    "rodas4": Solver("stiff", _JULIA),
    "rodas5p": Solver("stiff", _JULIA),
    "rosenbrock23": Solver("stiff", _JULIA),
    "fbdf": Solver("stiff", _JULIA),
    "qndf": Solver("stiff", _JULIA),
    "trbdf2": Solver("stiff", _JULIA),
    "radauiia5": Solver("stiff", _JULIA),
    "rock2": Solver("stabilised", _JULIA),
    "rock4": Solver("stabilised", _JULIA),
    "ssprk43": Solver("strong stability preserving", _JULIA),
    "ssprk22": Solver("strong stability preserving", _JULIA, fixed=True),
    "ssprk33": Solver("strong stability preserving", _JULIA, fixed=True),
    "ssprk54": Solver("strong stability preserving", _JULIA, fixed=True),
    "ssprk104": Solver("strong stability preserving", _JULIA, fixed=True),
    "euler": Solver("explicit", _BOTH, fixed=True),
    "heun": Solver("explicit", _BOTH, fixed=True),
    "midpoint": Solver("explicit", _JULIA, fixed=True),
    "ralston": Solver("explicit", _JULIA, fixed=True),
    "rk4": Solver("explicit", _BOTH, fixed=True),
}
"""Solver name → what it is."""
ADJOINTS: dict[str, tuple[str, ...]] = {
    "auto": _BOTH,
    "checkpointed": ("jax",),
    "direct": ("jax",),
    "backsolve": _BOTH,
    "discrete": ("julia",),
    "gauss": ("julia",),
    "interpolating": ("julia",),
    "quadrature": ("julia",),
    "forward": ("julia",),
}
"""Adjoint name → engines; `auto` is an engine's own default."""
FIXED_STEP = tuple(name for name, solver in SOLVERS.items() if solver.fixed)
STIFF = tuple(name for name, solver in SOLVERS.items() if solver.kind == "stiff")
_STIFF_CHOICE = {"jax": "kvaerno5", "julia": "rodas5p"}


def stiff_solver(engine: str) -> str:
    """The solver that an engine takes for stiff problems when it is left the choice."""
    return _STIFF_CHOICE.get(engine, "kvaerno5")


_COUNTERPARTS = {
    "jax": {
        "bs3": "tsit5",
        "vern6": "dopri8",
        "vern7": "dopri8",
        "vern8": "dopri8",
        "vern9": "dopri8",
        "ssprk43": "tsit5",
    },
    "julia": {"dopri8": "vern8"},
}
"""Engine → solver that it lacks → the nearest one that it has; for stiff and stabilised ones its own stiff solver."""


def counterpart(solver: str, engine: str) -> str:
    """The solver itself where the engine has it, or the nearest one to it for the same problem.

    Solvers of fixed step have none: their step is part of the result.
    """
    entry = SOLVERS.get(solver)
    if entry is None or engine in entry.engines or entry.fixed:
        return solver
    return _COUNTERPARTS.get(engine, {}).get(solver, stiff_solver(engine))


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
    if settings.name not in SOLVERS:
        raise unknown("solver", settings.name, solvers_of(engine))
    _has("solver", settings.name, SOLVERS[settings.name].engines, engine, solvers_of(engine))
    if settings.adjoint not in ADJOINTS:
        raise unknown("adjoint", settings.adjoint, adjoints_of(engine))
    _has("adjoint", settings.adjoint, ADJOINTS[settings.adjoint], engine, adjoints_of(engine))
    if settings.name in FIXED_STEP and (settings.dt is None or not settings.dt > 0):
        raise OptionError(f"Solver `{settings.name}` makes fixed steps: give it a positive `dt`, not {settings.dt!r}.")


def _has(kind: str, name: str, engines: tuple[str, ...], engine: str, here: list[str]) -> None:
    if engine not in engines:
        owners = " and ".join(f"engine `{e}` has it" for e in engines)
        listing = ", ".join(f"`{h}`" for h in here)
        raise EngineUnsupported(f"Engine `{engine}` lacks the {kind} `{name}`; {owners}. Here: {listing}.")
