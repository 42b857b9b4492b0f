"""Solver and adjoint names → diffrax objects, and the step-size controllers that go with them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import diffrax
import jax
import jax.numpy as jnp
import numpy as np

from ..options import FIXED_STEP
from .first_step import first_step
from .implicit import KenCarp4, Kvaerno5
from .stepping import FixedSteps, StoppingController

__all__ = ["ADJOINTS", "SOLVERS", "make_adjoint", "make_controller", "make_solver"]


class RungeKutta4(diffrax.AbstractERK):
    """The classical Runge–Kutta method of order 4, with the end slope as a fifth stage for cubic Hermite output.

    The fifth stage is the next step's first one (FSAL), so a step still costs four evaluations.
    """

    tableau: ClassVar[diffrax.ButcherTableau] = diffrax.ButcherTableau(
        a_lower=(
            np.array([0.5]),
            np.array([0.0, 0.5]),
            np.array([0.0, 0.0, 1.0]),
            np.array([1 / 6, 1 / 3, 1 / 3, 1 / 6]),
        ),
        b_sol=np.array([1 / 6, 1 / 3, 1 / 3, 1 / 6, 0.0]),
        b_error=np.zeros(5),
        c=np.array([0.5, 0.5, 1.0, 1.0]),
    )
    interpolation_cls: ClassVar[Callable[..., Any]] = diffrax.ThirdOrderHermitePolynomialInterpolation.from_k

    def order(self, terms: Any) -> int:
        return 4


SOLVERS: dict[str, Callable[[], diffrax.AbstractSolver]] = {
    "tsit5": diffrax.Tsit5,
    "dopri5": diffrax.Dopri5,
    "dopri8": diffrax.Dopri8,
    "kvaerno5": Kvaerno5,
    "kencarp4": KenCarp4,
    "euler": diffrax.Euler,
    "heun": diffrax.Heun,
    "rk4": RungeKutta4,
}
IMPLICIT = ("kvaerno5", "kencarp4")
ADJOINTS: dict[str, Callable[[], diffrax.AbstractAdjoint]] = {
    "auto": diffrax.RecursiveCheckpointAdjoint,
    "checkpointed": diffrax.RecursiveCheckpointAdjoint,
    "direct": diffrax.DirectAdjoint,
    "backsolve": diffrax.BacksolveAdjoint,
}


class GuardedController(diffrax.PIDController):
    """diffrax's step-size control, with a first step that fits the problem, proof against overflow and vanishing steps.

    A trial step that overflows is rejected as one that gives NaN is (diffrax alone would turn the step size into NaN).
    A step size lost in the rounding of t ends the solve at once, not after `max_steps` vain trials: in an
    ensemble, one solve that blows up would make all others wait for it.
    """

    def init(self, terms: Any, t0: Any, t1: Any, y0: Any, dt0: Any, args: Any, func: Any, error_order: Any) -> Any:
        if dt0 is None and isinstance(y0, jax.Array):
            # A constant to differentiation, stopped at the entry: nothing of it is then traced for derivatives.
            t, u, fixed = jax.lax.stop_gradient((t0, y0, args))
            rate = lambda t, u: func(terms, t, u, fixed)  # noqa: E731
            dt0 = first_step(rate, t, u, rate(t, u), self.rtol, self.atol, error_order)
        tnext, state = super().init(terms, t0, t1, y0, dt0, args, func, error_order)
        return tnext, (state, 1e-20 * jnp.abs(t1 - t0))

    def adapt_step_size(
        self,
        t0: Any,
        t1: Any,
        y0: Any,
        y1_candidate: Any,
        args: Any,
        y_error: Any,
        error_order: Any,
        controller_state: Any,
    ) -> Any:
        state, floor = controller_state
        finite = jnp.all(jnp.stack([jnp.all(jnp.isfinite(y)) for y in jax.tree.leaves(y1_candidate)]))
        keep, next_t0, next_t1, jump, state, result = super().adapt_step_size(
            t0,
            t1,
            y0,
            jax.tree.map(lambda new, old: jnp.where(finite, new, old), y1_candidate, y0),
            args,
            jax.tree.map(lambda error: jnp.where(finite, error, jnp.inf), y_error),
            error_order,
            state,
        )
        moves = next_t1 - next_t0 > jnp.maximum(floor, 1e-15 * jnp.abs(next_t0))
        nonfinite: Any = diffrax.RESULTS.nonfinite
        stuck = diffrax.RESULTS.where(finite, diffrax.RESULTS.dt_min_reached, nonfinite)
        return keep, next_t0, next_t1, jump, (state, floor), diffrax.RESULTS.where(moves, result, stuck)


def make_solver(name: str) -> diffrax.AbstractSolver:
    """The diffrax solver of that name."""
    return SOLVERS[name]()


def make_controller(name: str, numbers: Mapping[str, Any]) -> diffrax.AbstractStepSizeController:
    """The step-size controller, with the numbers `rtol` (), `atol` (n,), `stops` (S,) and `jumps` (J,).

    The numbers needn't be known yet. For fixed steps, `dt` comes in later as the first step.
    """
    if name in FIXED_STEP:
        return FixedSteps(numbers["jumps"])
    # With the plain integral controller every second step of a stiff solve would be rejected (Söderlind 2002).
    smooth: dict[str, Any] = {"pcoeff": 0.3, "icoeff": 0.3} if name in IMPLICIT else {}
    controller = GuardedController(rtol=numbers["rtol"], atol=numbers["atol"], **smooth)
    return StoppingController(controller, numbers["stops"], numbers["jumps"]) if len(numbers["stops"]) else controller


def make_adjoint(name: str) -> diffrax.AbstractAdjoint:
    """How gradients go through the solve."""
    return ADJOINTS[name]()
