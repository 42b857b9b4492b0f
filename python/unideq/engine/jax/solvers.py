"""Entries of the table of solvers and adjoints by name as diffrax objects, and their step-size controllers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, ClassVar

import diffrax
import jax
import jax.numpy as jnp
import numpy as np

from ...solvers import ExplicitTableau, Solver, Tableau
from . import implicit
from .first_step import first_step
from .stepping import FixedSteps, StoppingController

__all__ = ["ADJOINTS", "make_adjoint", "make_controller", "make_solver", "runge_kutta"]


@cache
def runge_kutta(given: ExplicitTableau) -> type[diffrax.AbstractERK]:
    """The explicit method of a tableau, with the slope at a step's end as last stage for cubic Hermite output.

    That stage is the next step's first one (FSAL), so it costs nothing.
    """
    method = given.with_end_slope()
    stages = len(method.b)

    class RungeKutta(diffrax.AbstractERK):
        tableau: ClassVar[diffrax.ButcherTableau] = diffrax.ButcherTableau(
            a_lower=tuple(np.array(row[:i]) for i, row in enumerate(method.a) if i),
            b_sol=np.array(method.b),
            b_error=np.zeros(stages) if method.b_error is None else np.array(method.b_error),
            c=np.array(method.c[1:]),
        )
        interpolation_cls: ClassVar[Callable[..., Any]] = diffrax.ThirdOrderHermitePolynomialInterpolation.from_k

        def order(self, terms: Any) -> int:
            return method.order

    return RungeKutta


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


def make_solver(entry: type[Solver] | Tableau) -> diffrax.AbstractSolver:
    """The solver of an entry of the table: ours or diffrax's by its name there, or the method of its coefficients."""
    here = entry.engines["jax"]
    if isinstance(here, ExplicitTableau):
        return runge_kutta(here)()
    return getattr(implicit if hasattr(implicit, str(here)) else diffrax, str(here))()


def make_controller(entry: type[Solver] | Tableau, numbers: Mapping[str, Any]) -> diffrax.AbstractStepSizeController:
    """The step-size controller, with the numbers `rtol` (), `atol` (n,), `stops` (S,) and `jumps` (J,).

    The numbers needn't be known yet. For fixed steps, `dt` comes in later as the first step.
    """
    if entry.fixed:
        return FixedSteps(numbers["jumps"])
    # With the plain integral controller every second step of a stiff solve would be rejected (Söderlind 2002).
    smooth: dict[str, Any] = {"pcoeff": 0.3, "icoeff": 0.3} if entry.kind == "stiff" else {}
    controller = GuardedController(rtol=numbers["rtol"], atol=numbers["atol"], **smooth)
    return StoppingController(controller, numbers["stops"], numbers["jumps"]) if len(numbers["stops"]) else controller


def make_adjoint(name: str) -> diffrax.AbstractAdjoint:
    """How gradients go through the solve."""
    return ADJOINTS[name]()
