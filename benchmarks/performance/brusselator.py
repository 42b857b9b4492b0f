"""1-D Brusselator with a neural reaction term, 64 to 1024 cells: cost by sparse Jacobians against the number of cells.

Forward solves to t = 10 at 1e-6, and loss + gradient at the end, by Unideq; native Julia with a sparse (coloured) and
with a dense Jacobian, and diffrax's Kvaerno5 (dense), as far as those go. The exponent is that of a power law through
the times.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from _models import brusselator, forward, plain_values
from _peers import Field, julia_peer, relative_error, versions_of
from _programs import integration_problem, unideq_in_julia

from unideq.engine import get_engine
from unideq.harness import Study
from unideq.objective import Integration, LossProgram

SPAN, TOLERANCE, DIFFUSION, MAX_STEPS = 10.0, 1e-6, 0.02, 20_000
GOAL = 1.2
DENSE_UP_TO = 128
"""Most cells for dense Jacobians: beyond it they only show that they are dense."""


def start_of(cells: int) -> np.ndarray:
    """u = 1 + sin 2πx, v = 3, as in Hairer & Wanner: (2 · cells,)."""
    x = np.arange(1, cells + 1) / (cells + 1)
    return np.concatenate([1.0 + np.sin(2 * np.pi * x), np.full(cells, 3.0)])


def objective_of(integration: Integration, size: int, cells: int) -> LossProgram:
    """Mean square of the state at the end."""
    from unideq.graph import Graph, variable

    name, shape = next(iter(integration.shapes.items()))
    found, theta = variable(name, shape), variable("theta", (size,))
    return LossProgram((integration,), Graph((found, theta), {"size": (found**2).sum() / (2.0 * cells)}), {"size": 1.0})


def enter_unideq(field: Field, integration: Integration, theta: np.ndarray, cells: int, gradient: bool) -> None:
    def solve() -> Callable[[], Any]:
        engine = get_engine("julia")
        return lambda: engine.integrate(integration, theta)

    def facts(found: Any) -> dict[str, Any]:
        if found.status.any():
            raise RuntimeError(f"the solve failed with status {found.status}")
        return {"end": found.arrays["solve.u"].ravel(), "steps": int(found.statistics["steps"][0])}

    field.enter("unideq/julia", solve, facts)
    if gradient:
        objective = objective_of(integration, len(theta), cells)

        def differentiate() -> Callable[[], Any]:
            engine = get_engine("julia")
            return lambda: engine.value_and_gradient(objective, theta)

        def slope(found: Any) -> dict[str, Any]:
            if not np.isfinite(found.gradient).all():
                raise RuntimeError("the gradient isn't finite")
            return {"gradient": found.gradient}

        field.enter("unideq/julia, loss and gradient", differentiate, slope)


def enter_diffrax(field: Field, cells: int, values: np.ndarray) -> None:
    import diffrax
    import jax
    import jax.numpy as jnp
    from _hand_written import Network

    network = Network((2, 8, 1), jnp.tanh, values)
    alpha = DIFFUSION * (cells + 1) ** 2

    def rate(t: Any, w: Any, args: Any) -> Any:
        u, v = w[:cells], w[cells:]
        reaction = u**2 * v + jax.vmap(network)(jnp.stack([u, v], axis=1))[:, 0]

        def spread(x: Any, edge: float) -> Any:
            wide = jnp.pad(x, 1, constant_values=edge)
            return alpha * (wide[:-2] - 2 * x + wide[2:])

        return jnp.concatenate([1 + reaction - 4 * u + spread(u, 1.0), 3 * u - reaction + spread(v, 3.0)])

    @jax.jit
    def solve(w: Any) -> Any:
        controller = diffrax.PIDController(rtol=TOLERANCE, atol=TOLERANCE, pcoeff=0.3, icoeff=0.4)
        found = diffrax.diffeqsolve(
            diffrax.ODETerm(rate), diffrax.Kvaerno5(), 0.0, SPAN, None, w,
            stepsize_controller=controller, max_steps=None,
        )  # fmt: skip
        return found.ys[-1], found.stats["num_steps"]

    w = jnp.asarray(start_of(cells))
    field.enter(
        "diffrax Kvaerno5",
        lambda: lambda: solve(w),
        lambda found: {"end": np.asarray(found[0]), "steps": int(found[1])},
    )


def exponent(rows: list[dict[str, Any]]) -> float | None:
    """Slope of log time against log cells."""
    known = [(row["cells"], row["median_ms"]) for row in rows if row.get("median_ms")]
    if len(known) < 3:
        return None
    cells, times = np.log(np.array(known)).T
    return float(np.polyfit(cells, times, 1)[0])


def main() -> None:
    study = Study.from_command_line(
        __file__,
        __doc__,
        quick={"rounds": 3, "cells": [64, 128, 256, 512, 1024], "gradient_up_to": 256, "solvers": ["rodas5p", "fbdf"]},
        full={"rounds": 11, "cells": [64, 128, 256, 512, 1024], "gradient_up_to": 1024, "solvers": ["rodas5p", "fbdf"]},
    )
    native, bare = julia_peer("brusselator.jl"), unideq_in_julia()
    for unit in study.units(solver=study.settings["solvers"], cells=study.settings["cells"]):
        cells, solver = unit["cells"], unit["solver"]
        model = brusselator(cells, DIFFUSION)
        theta, u0 = model.initial_theta(), start_of(cells)
        values = plain_values(model, theta)
        integration = forward(model, u0, 0.0, np.array([SPAN]), solver, TOLERANCE, MAX_STEPS)
        field = Field()
        enter_unideq(field, integration, theta, cells, cells <= study.settings["gradient_up_to"])
        bring = lambda i=integration, th=theta, w=u0: integration_problem(i, th, w)  # noqa: E731
        field.enter_program(bare, bring, "unideq/julia")
        problem = {
            "theta": values, "u0": u0, "cells": cells, "diffusion": DIFFUSION, "solver": solver,
            "span": SPAN, "tolerance": TOLERANCE,
        }  # fmt: skip
        field.enter_peer(native, {**problem, "dense_up_to": DENSE_UP_TO}, "native Julia")
        if cells == study.settings["cells"][0]:
            enter_diffrax(field, cells, values)
        exact = field.entrants.get("native Julia: sparse Jacobian")
        for name, row in field.race(study.settings["rounds"], "unideq/julia").items():
            facts = field.entrants[name].facts
            end = facts.get("end", facts.get("states", [None])[-1])
            apart = relative_error(end, exact.facts["end"]) if exact is not None and end is not None else None
            study.record(peer=name, **row, steps=facts.get("steps"), apart_from_native=apart, note=None)
        for name, why in field.absent.items():
            study.record(peer=name, note=why)

    headline: dict[str, Any] = {}
    for solver in study.settings["solvers"]:
        for name in ("unideq/julia", "unideq/julia, loss and gradient", "native Julia: sparse Jacobian"):
            headline[f"{solver}, {name}: exponent"] = exponent(study.rows_where(solver=solver, peer=name))
        dense = study.rows_where(solver=solver, peer="native Julia: dense Jacobian", cells=DENSE_UP_TO)
        if dense and dense[0].get("ratio"):
            headline[f"{solver}: native Julia, dense, over unideq/julia at {DENSE_UP_TO} cells"] = dense[0]["ratio"]
    study.finish(headline={**headline, "goal": GOAL, "peers": versions_of(native, bare)})


if __name__ == "__main__":
    main()
