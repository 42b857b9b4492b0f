"""Loss and gradient of stiff PDEs with a network in every cell, 64 to 1024 cells, against diffrax; goal: 10 times.

Fisher–KPP between walls of no flux, and the Brusselator between walls of fixed values, at 1e-6, states at five times.
Unideq's Rosenbrock steps have the sparse, coloured Jacobian of the PDE; diffrax's Kvaerno5 has a dense one, and Tsit5
takes the steps that stability allows. Errors are those against Unideq's own gradient at 1e-10; `equal error` rows are
Unideq at 1e-8, where the Brusselator's gradient is as good as Kvaerno5's at 1e-6.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import diffrax
import jax
import jax.numpy as jnp
import numpy as np
from _hand_written import Network
from _models import forward, plain_values
from _peers import Field, relative_error

import unideq as ude
from unideq.engine import get_engine
from unideq.graph import Graph, variable
from unideq.harness import Study
from unideq.objective import Integration, LossProgram

TOLERANCE, EQUAL, EXACT, MAX_STEPS, GOAL = 1e-6, 1e-8, 1e-10, 20_000, 10.0
ACCEPTED = 1e-3
"""A relative gradient error above this disqualifies."""
SOLVERS = {"julia": "rodas5p", "jax": "kvaerno5"}
EXPLICIT = ("fisher_kpp",)
"""Cases that explicit steps can do in minutes: the Brusselator's take 250 000 of them on 1024 cells."""
COSTLY = {"fisher_kpp": 1, "brusselator": 4}
"""A dense solve takes as long as that of the first case on so many times the cells, or longer."""


@dataclass(frozen=True)
class Case:
    """A problem on both sides.

    Attributes
    ----------
    model, start, times
        The PDE, its initial state (n,), and the times (K,) at which states enter the loss.
    peer
        Network → function (t, u, args) in JAX.
    widths
        Of the network.
    """

    model: ude.PDE
    start: np.ndarray
    times: np.ndarray
    peer: Callable[[Network], Callable[[Any, Any, Any], Any]]
    widths: tuple[int, ...]


def spread(grid: ude.Grid) -> Callable[[Any], Any]:
    """The grid's Laplacian in JAX: three points inside, the grid's own end rows, with what the walls add."""
    n = grid.shape[0]
    walls = grid.laplacian(np.zeros(n))
    ends = np.stack([grid.laplacian(np.eye(n)[k]) - walls for k in (0, 1, 2, n - 3, n - 2, n - 1)])
    first, last = ends[:3, 0], ends[3:, -1]
    square = grid.axis("x").spacing ** 2

    def laplacian(u: Any) -> Any:
        inside = (u[:-2] - 2.0 * u[1:-1] + u[2:]) / square
        return jnp.concatenate([(first @ u[:3] + walls[0])[None], inside, (last @ u[-3:] + walls[-1])[None]])

    return laplacian


def fisher_kpp(cells: int) -> Case:
    """ρ_t = 0.01 ρ_xx + ρ (1 − ρ) + network(ρ) on [0, 1]; a plateau spreads."""
    grid = ude.Grid(ude.Axis("x", 0.0, 1.0, cells, boundary=ude.Neumann(0.0)), scheme=ude.schemes.Central(2))
    network = ude.nn.MLP(1, 1, (8,), "tanh", last_layer_scale=0.1)

    def rhs(t: Any, s: Any, p: Any, net: Any) -> Any:
        return 0.01 * grid.laplacian(s.u) + s.u * (1.0 - s.u) + net.reaction(s.u)

    model = ude.PDE(rhs, grid, ["u"], networks={"reaction": network})
    laplacian = spread(grid)

    def peer(network: Network) -> Callable[[Any, Any, Any], Any]:
        def rate(t: Any, u: Any, args: Any) -> Any:
            return 0.01 * laplacian(u) + u * (1.0 - u) + jax.vmap(network)(u[:, None])[:, 0]

        return rate

    start = 0.5 * (1.0 - np.tanh((np.abs(grid.coordinates("x") - 0.3) - 0.1) / 0.02))
    return Case(model, start, np.linspace(0.5, 2.5, 5), peer, (1, 8, 1))


def brusselator(cells: int) -> Case:
    """u_t = 1 + r − 4u + 0.02 u_xx, v_t = 3u − r + 0.02 v_xx, r = u²v + network(u, v); u = 1 and v = 3 at the walls."""
    axis = {"name": "x", "start": 0.0, "stop": 1.0, "points": cells}
    grids = [ude.Grid(ude.Axis(**axis, boundary=ude.Dirichlet(b)), scheme=ude.schemes.Central(2)) for b in (1.0, 3.0)]
    network = ude.nn.MLP(2, 1, (8,), "tanh", last_layer_scale=0.1)

    def rhs(t: Any, s: Any, p: Any, net: Any) -> dict[str, Any]:
        reaction = s.u**2 * s.v + net.reaction(s.u, s.v)
        return {
            "u": 1.0 + reaction - 4.0 * s.u + 0.02 * grids[0].laplacian(s.u),
            "v": 3.0 * s.u - reaction + 0.02 * grids[1].laplacian(s.v),
        }

    model = ude.PDE(rhs, grids[0], ["u", "v"], networks={"reaction": network})
    first, second = map(spread, grids)

    def peer(network: Network) -> Callable[[Any, Any, Any], Any]:
        def rate(t: Any, w: Any, args: Any) -> Any:
            u, v = w[:cells], w[cells:]
            reaction = u**2 * v + jax.vmap(network)(jnp.stack([u, v], axis=1))[:, 0]
            return jnp.concatenate([1.0 + reaction - 4.0 * u + 0.02 * first(u), 3.0 * u - reaction + 0.02 * second(v)])

        return rate

    x = grids[0].coordinates("x")
    start = np.concatenate([1.0 + np.sin(2 * np.pi * x), np.full(cells, 3.0)])
    return Case(model, start, np.linspace(2.0, 10.0, 5), peer, (2, 8, 1))


CASES: dict[str, Callable[[int], Case]] = {"fisher_kpp": fisher_kpp, "brusselator": brusselator}


def objective_of(integration: Integration, size: int) -> LossProgram:
    """Mean square of the states at the recorded times."""
    name, shape = next(iter(integration.shapes.items()))
    found, theta = variable(name, shape), variable("theta", (size,))
    return LossProgram((integration,), Graph((found, theta), {"size": (found**2).mean()}), {"size": 1.0})


def program(case: Case, engine_name: str, tolerance: float) -> Callable[[], Any]:
    engine, theta = get_engine(engine_name), case.model.initial_theta()
    solve = forward(case.model, case.start, 0.0, case.times, SOLVERS[engine_name], tolerance, MAX_STEPS)
    objective = objective_of(solve, len(theta))
    return lambda: engine.value_and_gradient(objective, theta)


def enter_unideq(field: Field, case: Case, engine_name: str, tolerance: float = TOLERANCE, label: str = "") -> None:
    field.enter(
        f"unideq/{engine_name}{label}",
        lambda: program(case, engine_name, tolerance),
        lambda found: {"loss": float(found.total), "gradient": found.gradient},
    )


def enter_diffrax(field: Field, case: Case, solver: Any, max_steps: int) -> None:
    """Its default adjoint, with the controller that diffrax advises for the kind of solver."""
    implicit = isinstance(solver, diffrax.Kvaerno5)
    coefficients = {"pcoeff": 0.3, "icoeff": 0.4} if implicit else {}
    values = plain_values(case.model, case.model.initial_theta())

    def loss(values: Any, start: Any) -> Any:
        found = diffrax.diffeqsolve(
            diffrax.ODETerm(case.peer(network_of(case.widths, values))), solver, 0.0, case.times[-1], None, start,
            saveat=diffrax.SaveAt(ts=jnp.asarray(case.times)), max_steps=max_steps,
            stepsize_controller=diffrax.PIDController(rtol=TOLERANCE, atol=TOLERANCE, **coefficients),
        )  # fmt: skip
        return jnp.mean(found.ys**2), found.stats["num_steps"]

    compiled = jax.jit(jax.value_and_grad(loss, has_aux=True))
    flat, start = jnp.asarray(values), jnp.asarray(case.start)
    field.enter(
        f"diffrax {type(solver).__name__}",
        lambda: lambda: jax.block_until_ready(compiled(flat, start)),
        lambda found: {
            "loss": float(found[0][0]),
            "gradient": np.asarray(found[1]),
            "steps": int(found[0][1]),
        },
    )


def network_of(widths: tuple[int, ...], flat: Any) -> Network:
    return Network(widths, jnp.tanh, flat)


def main() -> None:
    study = Study.from_command_line(
        __file__,
        __doc__,
        quick={"rounds": 3, "cells": [64, 128, 256], "dense_up_to": 256, "cases": list(CASES)},
        full={"rounds": 3, "cells": [64, 128, 256, 512, 1024], "dense_up_to": 1024, "cases": list(CASES)},
    )
    for unit in study.units(case=study.settings["cases"], cells=study.settings["cells"]):
        case, cells = CASES[unit["case"]](unit["cells"]), unit["cells"]
        exact = program(case, "julia", EXACT)()
        field = Field()
        enter_unideq(field, case, "julia")
        enter_unideq(field, case, "julia", EQUAL, ", equal error")
        if cells * COSTLY[unit["case"]] <= study.settings["dense_up_to"]:
            enter_diffrax(field, case, diffrax.Kvaerno5(), 4096)
        if unit["case"] in EXPLICIT:
            enter_diffrax(field, case, diffrax.Tsit5(), 100_000)
        if cells <= 64:  # the same dense Jacobians as diffrax's, by the engine that rests on it
            enter_unideq(field, case, "jax")
        for name, row in field.race(study.settings["rounds"], "unideq/julia").items():
            facts = field.entrants[name].facts
            error = relative_error(facts["gradient"], exact.gradient)
            row |= {"loss_error": abs(facts["loss"] / float(exact.total) - 1.0), "gradient_error": error}
            note = None if error < ACCEPTED else "another gradient: not counted"
            study.record(peer=name, **row, steps=facts.get("steps"), note=note)
        for name, why in field.absent.items():
            study.record(peer=name, note=why)

    headline: dict[str, Any] = {}
    for case in study.settings["cases"]:
        for cells in study.settings["cells"]:
            rows = [r for r in study.rows_where(case=case, cells=cells, note=None) if r["peer"].startswith("diffrax")]
            ratios = [r["ratio"] for r in rows if r.get("ratio")]
            if ratios:
                headline[f"{case}, {cells} cells: the faster diffrax over unideq/julia"] = min(ratios)
    study.finish(headline={**headline, "goal at 1024 cells": GOAL})


if __name__ == "__main__":
    main()
