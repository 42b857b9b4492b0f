"""An `Integration` as a JAX function: batches of initial-value problems through diffrax, with status and statistics."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import diffrax
import jax
import jax.numpy as jnp
import numpy as np

from ...graph import partition
from ...objective.program import Integration
from ..options import FIXED_STEP
from .lowering import lower
from .solvers import make_adjoint, make_controller, make_solver

__all__ = ["Data", "integration_data", "make_integration"]

Data = dict[str, Any]

# Without the jit that diffrax wraps around it: we compile the whole program, and that jit's cache would outlive ours.
_diffeqsolve: Callable[..., diffrax.Solution] = getattr(diffrax.diffeqsolve, "__wrapped__", diffrax.diffeqsolve)

_CODES = (
    (diffrax.RESULTS.successful, 0),
    (diffrax.RESULTS.max_steps_reached, 1),
    (diffrax.RESULTS.nonfinite, 2),
    (diffrax.RESULTS.dt_min_reached, 3),
    (diffrax.RESULTS.nonlinear_divergence, 4),
    (diffrax.RESULTS.nonlinear_max_steps_reached, 4),
)


def integration_data(integration: Integration) -> Data:
    """What may change from call to call without compiling anew."""
    data = {"start": np.asarray(integration.start, float), "times": np.asarray(integration.times, float)}
    if integration.solver.name in FIXED_STEP:
        data["dt"] = np.asarray(integration.solver.dt, float)
    return data


def _status(result: Any, saved: Any) -> jax.Array:
    code = jnp.asarray(5)
    for member, number in _CODES:
        code = jnp.where(result == member, number, code)
    # Fixed steps know no failure, and a start that isn't finite ends the loop before it begins.
    return jnp.where((code == 0) & ~jnp.all(jnp.isfinite(saved)), 2, code)


def make_integration(integration: Integration, forward_mode: bool = False) -> Callable[..., Any]:
    """`(theta (P,), data) -> arrays, status (B,), statistics`, arrays being NAME.OUTPUT → (B, K, …).

    Parameters
    ----------
    integration
        What to solve; its `start` and `times` come through `data`.
    forward_mode
        Whether the function is to be differentiated forwards (`jax.jvp`) instead of backwards.
    """
    settings = integration.solver
    solver = make_solver(settings)
    controller = make_controller(settings)
    adjoint = diffrax.ForwardMode() if forward_mode else make_adjoint(settings.adjoint)
    once, body = partition(integration.vector_field, "theta")
    prologue, field = lower(once), lower(body)
    initial, observe = lower(integration.initial), lower(integration.observe)
    term = diffrax.ODETerm(lambda t, u, fixed: field({"t": t, "u": u, **fixed})["du"])
    single = integration.times.shape[0] == 1

    def solve(start: Any, times: Any, u0: Any, fixed: Any, dt: Any) -> Any:
        solution = _diffeqsolve(
            term,
            solver,
            start,
            times[-1],
            dt,
            u0,
            fixed,
            saveat=diffrax.SaveAt(ts=times),
            stepsize_controller=controller,
            adjoint=adjoint,
            max_steps=settings.max_steps,
            throw=False,
        )
        steps = {key: solution.stats[f"num_{key}"] for key in ("steps", "accepted_steps", "rejected_steps")}
        return solution.ys, _status(solution.result, solution.ys), steps

    def observed(times: Any, states: Any, theta: Any) -> dict[str, Any]:
        at = jax.vmap(jax.vmap(lambda t, u: observe({"t": t, "u": u, "theta": theta})))
        return {f"{integration.name}.{key}": value for key, value in at(times, states).items()}

    def run(theta: jax.Array, data: Mapping[str, Any]) -> Any:
        start, times, dt = data["start"], data["times"], data.get("dt")
        fixed = prologue({"theta": theta})
        u0 = initial({"theta": theta})["u0"]
        if single:  # a batch of one costs more than no batch
            states, status, steps = solve(start[0], times[0], u0[0], fixed, dt)
            states, status, steps = states[None], status[None], {k: v[None] for k, v in steps.items()}
        else:
            states, status, steps = jax.vmap(solve, in_axes=(0, 0, 0, None, None))(start, times, u0, fixed, dt)
        statistics = {
            "steps": steps["steps"],
            "accepted": steps["accepted_steps"],
            "rejected": steps["rejected_steps"],
        }
        return observed(times, states, theta), status, statistics

    return run
