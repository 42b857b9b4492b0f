"""`Solver`: an entry of the table of solvers as a class, a user's choice with its settings as an instance of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar

from ..checks import choice, number, settle, whole
from ..errors import OptionError, unknown
from .adjoints import ADJOINTS
from .entries import SOLVERS
from .settings import SolverSettings, checked_atol
from .tableau import Tableau

__all__ = ["Adaptive", "FixedStep", "Solver", "refuse_others"]


def refuse_others(solver: str, fixed: bool, names: Sequence[str], given: Iterable[str]) -> None:
    """Raise where a setting was given that a solver doesn't have."""
    for name in given:
        if name in ("rtol", "atol") and fixed:
            raise OptionError(
                f"`{solver}` makes steps of `dt` and has no `{name}`. Leave it out, or take a solver that chooses its "
                f"steps, e.g. `ude.Tsit5({name}=1e-8)`."
            )
        if name == "dt" and not fixed:
            raise OptionError(
                f"`{solver}` chooses its steps by its tolerances and has no `dt`. Give `rtol`, or take a solver of "
                "fixed steps, e.g. `ude.RK4(dt=0.01)`."
            )
        if name not in names:
            raise unknown(f"setting of `{solver}`", name, names)


@dataclass(frozen=True, kw_only=True)
class Solver:
    """A solver with its settings: `ude.Tsit5(rtol=1e-8)`, `ude.RK4(dt=0.01)`.

    A subclass that says its `order` is a solver; its name is the class's in small letters. One that says what an engine
    calls it, or its coefficients, is an entry of `SOLVERS`.

    Parameters
    ----------
    max_steps
        Step limit of one integration; None: 4096 in `fit`, 100 000 in `solve`.
    adjoint
        How gradients go through it: `auto` (the engine's own default), or a name of `unideq.solvers.ADJOINTS`.

    Attributes
    ----------
    name
        As in `solver="tsit5"`.
    kind
        `explicit`, `stiff`, `stabilised` or `strong stability preserving`.
    order
        Order of convergence.
    fixed
        Whether its steps are all `dt` long.
    engines
        Engine → what it calls this solver: on `jax` a class of diffrax, or of ours by that name; on `julia`
        `Package.Algorithm`. Or its coefficients, where the engine makes its steps by those.
    rosenbrock
        Whether its steps' derivatives need second ones of the vector field.
    algebraic
        Whether it solves algebraic equations beside differential ones (a mass matrix), on `julia`.
    delays
        Whether it reads the past by its own dense output, on `julia`.
    coefficients
        Where `julia` has the coefficients of such a method, which its discrete adjoint needs.
    instead
        The nearest solver on an engine that lacks this one; None: that engine's own choice for stiff problems.

    Raises
    ------
    OptionError
        For settings that this solver doesn't have, or that can't be.
    """

    max_steps: int | None = None
    adjoint: str = "auto"

    name: ClassVar[str] = ""
    kind: ClassVar[str] = ""
    order: ClassVar[int] = 0
    fixed: ClassVar[bool] = False
    engines: ClassVar[Mapping[str, str | Tableau]] = {}
    rosenbrock: ClassVar[bool] = False
    algebraic: ClassVar[bool] = False
    delays: ClassVar[bool] = False
    coefficients: ClassVar[str | None] = None
    instead: ClassVar[str | None] = None

    def __init_subclass__(
        cls,
        kind: str = "explicit",
        order: int | None = None,
        jax: str | None = None,
        julia: str | None = None,
        instead: str | None = None,
        coefficients: str | None = None,
        algebraic: bool = False,
        tableau: Tableau | None = None,
    ) -> None:
        if order is None:  # a kind of solvers
            return
        cls.name, cls.kind, cls.order, cls.instead = cls.__name__.lower(), kind, order, instead
        cls.coefficients, cls.rosenbrock, cls.algebraic = coefficients, coefficients is not None, algebraic
        cls.delays = kind == "explicit" and julia is not None and not cls.fixed
        named = {"jax": jax, "julia": julia}
        own = {} if tableau is None else tableau.engines
        cls.engines = {engine: name or own[engine] for engine, name in named.items() if name or engine in own}
        if cls.engines:
            SOLVERS[cls.name] = cls
        settings: Any = cls.__init__

        def __init__(self: Any, *positional: Any, **given: Any) -> None:
            if positional:
                own = "dt" if cls.fixed else "rtol"
                raise OptionError(f"`{cls.__name__}` takes its settings by name: `ude.{cls.__name__}({own}=…)`.")
            refuse_others(cls.__name__, cls.fixed, [f.name for f in fields(cls)], given)
            settings(self, **given)

        __init__.__wrapped__ = settings  # type: ignore[attr-defined]  # what its signature is
        cls.__init__ = __init__

    def __post_init__(self) -> None:
        cls = type(self).__name__
        if not self.name:
            raise OptionError(f"`{cls}` is what solvers have in common. Choose one, e.g. `ude.Tsit5(rtol=1e-8)`.")
        settle(self, whole, "max_steps", least=1, none=True)
        choice(self.adjoint, "adjoint", ADJOINTS, cls)

    def settings(self, rtol: float = 1e-6, max_steps: int = 4096) -> SolverSettings:
        """What an engine is told; the arguments stand in for what this leaves open."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class Adaptive(Solver):
    """A solver that chooses its steps by an estimate of their error.

    Parameters
    ----------
    rtol
        Relative tolerance; None: 1e-6 in `fit`, 1e-8 in `solve`.
    atol
        Absolute tolerance, in the states' units: a number, or a dict state → number. None: that of `rtol`, and for
        states whose known values (measurements, initial values, `State.scale`) stay below 0.1, as much of their size.
    max_steps, adjoint
        As in `Solver`.
    """

    rtol: float | None = None
    atol: float | Mapping[str, float] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        settle(self, number, "rtol", above=0, below=1e6, none=True)
        object.__setattr__(self, "atol", checked_atol(self.atol, type(self).__name__))

    def settings(self, rtol: float = 1e-6, max_steps: int = 4096) -> SolverSettings:
        """What an engine is told; the arguments stand in for what this leaves open."""
        relative = rtol if self.rtol is None else float(self.rtol)
        return SolverSettings(self.name, relative, self.atol, None, self.max_steps or max_steps, self.adjoint)


@dataclass(frozen=True, kw_only=True)
class FixedStep(Solver):
    """A solver whose steps are all of one length; the last one before an output is shorter where need be.

    Parameters
    ----------
    dt
        Length of a step, in time units.
    max_steps, adjoint
        As in `Solver`.
    """

    dt: float | None = None

    fixed: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        name = type(self).__name__
        hint = f"Write `solver=ude.{name}(dt=0.01)`."
        object.__setattr__(self, "dt", float(number(self.dt, "dt", name, above=0, hint=hint)))

    def settings(self, rtol: float = 1e-6, max_steps: int = 4096) -> SolverSettings:
        """What an engine is told; the arguments stand in for what this leaves open."""
        return SolverSettings(self.name, rtol, None, self.dt, self.max_steps or max_steps, self.adjoint)
