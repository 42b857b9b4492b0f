"""The table of solvers: one entry each, which both engines, the export and `solver=` read."""

from __future__ import annotations

from typing import Any

from ..checks import choice, instance
from .entries import SOLVERS
from .settings import SolverSettings
from .solver import Adaptive, FixedStep, Solver
from .tableau import ExplicitTableau

# ---- explicit ----------------------------------------------------------------------------------------------------


class Tsit5(Adaptive, order=5, jax="Tsit5", julia="OrdinaryDiffEqTsit5.Tsit5"):
    """Tsitouras (2011), 5(4): the usual one where nothing is stiff."""


class Dopri5(Adaptive, order=5, jax="Dopri5", julia="OrdinaryDiffEqLowOrderRK.DP5"):
    """Dormand & Prince (1980), 5(4): what `ode45` is."""


class Dopri8(Adaptive, order=8, jax="Dopri8", instead="vern8"):
    """Prince & Dormand (1981), 8(7), for tight tolerances."""


class BS3(Adaptive, order=3, julia="OrdinaryDiffEqLowOrderRK.BS3", instead="tsit5"):
    """Bogacki & Shampine (1989), 3(2), for loose tolerances."""


class Vern6(Adaptive, order=6, julia="OrdinaryDiffEqVerner.Vern6", instead="dopri8"):
    """Verner (2010), 6(5)."""


class Vern7(Adaptive, order=7, julia="OrdinaryDiffEqVerner.Vern7", instead="dopri8"):
    """Verner (2010), 7(6), for tight tolerances."""


class Vern8(Adaptive, order=8, julia="OrdinaryDiffEqVerner.Vern8", instead="dopri8"):
    """Verner (2010), 8(7)."""


class Vern9(Adaptive, order=9, julia="OrdinaryDiffEqVerner.Vern9", instead="dopri8"):
    """Verner (2010), 9(8), for the tightest tolerances."""


class Euler(FixedStep, order=1, jax="Euler", julia="OrdinaryDiffEqLowOrderRK.Euler"):
    """Euler (1768)."""


class Heun(FixedStep, order=2, jax="Heun", julia="OrdinaryDiffEqLowOrderRK.Heun"):
    """Heun (1900): the trapezoidal rule with Euler's step for its end."""


class Midpoint(
    FixedStep,
    order=2,
    julia="OrdinaryDiffEqLowOrderRK.Midpoint",
    tableau=ExplicitTableau(a=[[1 / 2]], b=[0, 1], c=[0, 1 / 2], order=2),
):
    """Runge (1895): the slope in the middle of the step."""


class Ralston(
    FixedStep,
    order=2,
    julia="OrdinaryDiffEqLowOrderRK.Ralston",
    tableau=ExplicitTableau(a=[[2 / 3]], b=[1 / 4, 3 / 4], c=[0, 2 / 3], order=2),
):
    """Ralston (1962): two stages with the least bound of the error."""


class RK4(
    FixedStep,
    order=4,
    julia="OrdinaryDiffEqLowOrderRK.RK4",
    tableau=ExplicitTableau(
        a=[[1 / 2], [0, 1 / 2], [0, 0, 1]], b=[1 / 6, 1 / 3, 1 / 3, 1 / 6], c=[0, 1 / 2, 1 / 2, 1], order=4
    ),
):
    """Kutta (1901): the classical method of order 4."""


# ---- stiff -------------------------------------------------------------------------------------------------------


class Kvaerno5(Adaptive, kind="stiff", order=5, jax="Kvaerno5", julia="OrdinaryDiffEqSDIRK.Kvaerno5"):
    """Kværnø (2004), 5(4): singly diagonally implicit, stiffly accurate."""


class KenCarp4(Adaptive, kind="stiff", order=4, jax="KenCarp4", julia="OrdinaryDiffEqSDIRK.KenCarp4"):
    """Kennedy & Carpenter (2003), ARK4(3)6L[2]SA, its implicit half."""


class TRBDF2(Adaptive, kind="stiff", order=2, julia="OrdinaryDiffEqSDIRK.TRBDF2"):
    """Bank et al. (1985): the trapezoidal rule and a backward difference."""


_RODAS = "OrdinaryDiffEqRosenbrock."


class Rodas4(Adaptive, kind="stiff", order=4, julia=f"{_RODAS}Rodas4", coefficients="Rodas4Tableau", algebraic=True):
    """Hairer & Wanner (1996), 4(3), a Rosenbrock method; for algebraic states, too."""


class Rodas5P(Adaptive, kind="stiff", order=5, julia=f"{_RODAS}Rodas5P", coefficients="Rodas5PTableau", algebraic=True):
    """Steinebach (2023), 5(4), a Rosenbrock method: one factorisation a step, no Newton; for algebraic states, too."""


class Rosenbrock23(Adaptive, kind="stiff", order=2, julia=f"{_RODAS}Rosenbrock23"):
    """Shampine & Reichelt (1997), 2(3): what `ode23s` is, for loose tolerances."""


class RadauIIA5(Adaptive, kind="stiff", order=5, julia="OrdinaryDiffEqFIRK.RadauIIA5"):
    """Hairer & Wanner (1996): fully implicit, three stages."""


class FBDF(Adaptive, kind="stiff", order=5, julia="OrdinaryDiffEqBDF.FBDF"):
    """Backward differences of variable order with fixed leading coefficient, for large systems."""


class QNDF(Adaptive, kind="stiff", order=5, julia="OrdinaryDiffEqBDF.QNDF"):
    """Shampine & Reichelt (1997): numerical differentiation formulas, what `ode15s` is."""


# ---- stabilised, and strong stability preserving --------------------------------------------------------------------


class ROCK2(Adaptive, kind="stabilised", order=2, julia="OrdinaryDiffEqStabilizedRK.ROCK2"):
    """Abdulle & Medovikov (2001): explicit, for mildly stiff problems with real spectra, such as diffusion."""


class ROCK4(Adaptive, kind="stabilised", order=4, julia="OrdinaryDiffEqStabilizedRK.ROCK4"):
    """Abdulle (2002): as `ROCK2`, of order 4."""


_SSP = "strong stability preserving"


class SSPRK43(Adaptive, kind=_SSP, order=3, julia="OrdinaryDiffEqSSPRK.SSPRK43", instead="tsit5"):
    """Kraaijevanger (1991), four stages, with an estimate of the error: for hyperbolic equations with limiters."""


class SSPRK22(FixedStep, kind=_SSP, order=2, julia="OrdinaryDiffEqSSPRK.SSPRK22"):
    """Shu & Osher (1988), two stages."""


class SSPRK33(FixedStep, kind=_SSP, order=3, julia="OrdinaryDiffEqSSPRK.SSPRK33"):
    """Shu & Osher (1988), three stages."""


class SSPRK54(FixedStep, kind=_SSP, order=4, julia="OrdinaryDiffEqSSPRK.SSPRK54"):
    """Ruuth (2006), five stages."""


class SSPRK104(FixedStep, kind=_SSP, order=4, julia="OrdinaryDiffEqSSPRK.SSPRK104"):
    """Ketcheson (2008), ten stages."""


class Auto(Adaptive, order=5):
    """The engine's choice between `Tsit5` and its best stiff solver, by a short pilot solve; it says which, and why."""


def solver_settings(solver: Any, *, rtol: float = 1e-6, max_steps: int = 4096) -> SolverSettings:
    """What a user gave as `solver=` as an engine is told it.

    Parameters
    ----------
    solver
        A name (`"tsit5"`, `"auto"`), a solver with its settings (`Tsit5(rtol=1e-8)`), or what this function returned.
    rtol, max_steps
        What stands in for settings that it leaves open.

    Raises
    ------
    OptionError
        If it is neither, lists what there is.
    """
    if isinstance(solver, SolverSettings):
        return solver
    if isinstance(solver, str):
        name = choice(solver, "solver", ("auto", *SOLVERS))
        solver = (Auto if name == "auto" else SOLVERS[name])()
    needs = 'a name, e.g. `"tsit5"`, or a solver, e.g. `ude.Tsit5(rtol=1e-8)`'
    return instance(solver, Solver, "solver", needs=needs).settings(rtol, max_steps)
