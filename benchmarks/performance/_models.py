"""The models of the gradient benchmarks in Unideq, and the objective that both sides compute."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

import unideq as ude
from unideq.engine import Engine
from unideq.graph import Graph, constant, variable
from unideq.objective import Integration, LossProgram, Observations, SolverSettings
from unideq.solvers import SOLVERS
from unideq.training import Trainer, kind_of


@dataclass(frozen=True)
class Work:
    """One benchmark problem: our program, and what a peer needs to do the same.

    Attributes
    ----------
    theta, values, scales
        θ, the parameters' own values in the same order, and the derivatives of these in θ (P,).
    u0, times, data
        (B, n), (K,), (B, K, n).
    """

    objective: LossProgram
    theta: np.ndarray
    values: np.ndarray
    scales: np.ndarray
    u0: np.ndarray
    times: np.ndarray
    data: np.ndarray


def lotka_volterra() -> ude.ODE:
    """Growth and death known in form, the rest a 2-5-5-5-2 network with exp(−x²)."""

    def rhs(t: Any, state: Any, p: Any, net: Any) -> dict[str, Any]:
        learned = net.interaction(state.prey, state.predator)
        return {"prey": p.growth * state.prey + learned[0], "predator": learned[1] - p.death * state.predator}

    return ude.ODE(
        rhs,
        ["prey", "predator"],
        {"growth": 1.3, "death": 1.8},
        {"interaction": ude.nn.MLP(2, 2, (5, 5, 5), "rbf")},
        initial={"prey": "prey_0", "predator": "predator_0"},
    )


def spiral() -> ude.ODE:
    """The neural ODE of the torchdiffeq and DiffEqFlux examples: 2-50-2 tanh on u³."""
    return ude.ODE(
        lambda t, state, p, net: net.field(state.x**3, state.y**3),
        ["x", "y"],
        networks={"field": ude.nn.MLP(2, 2, (50,), "tanh")},
        initial={"x": "x_0", "y": "y_0"},
    )


def oscillator() -> ude.ODE:
    """x″ = −x as a first-order system, plus a 2-16-2 tanh network on both derivatives."""

    def rhs(t: Any, state: Any, p: Any, net: Any) -> dict[str, Any]:
        first, second = net.extra(state.x, state.v)
        return {"x": state.v + first, "v": second - state.x}

    return ude.ODE(
        rhs, ["x", "v"], networks={"extra": ude.nn.MLP(2, 2, (16,), "tanh")}, initial={"x": "x_0", "v": "v_0"}
    )


def robertson() -> ude.ODE:
    """Robertson's reaction, the second state in units of 1e-5; a 3-8-1 tanh network multiplies the first rate."""

    def rhs(t: Any, state: Any, p: Any, net: Any) -> dict[str, Any]:
        first = 0.04 * state.y1 * (1.0 + net.rate(state.y1, state.y2, state.y3))
        second, third = 3e-3 * state.y2**2, 0.1 * state.y2 * state.y3
        return {"y1": third - first, "y2": 1e5 * (first - second - third), "y3": second}

    names = ["y1", "y2", "y3"]
    networks = {"rate": ude.nn.MLP(3, 1, (8,), "tanh", last_layer_scale=0.1)}
    return ude.ODE(rhs, names, networks=networks, initial={n: f"{n}_0" for n in names})


def hires() -> ude.ODE:
    """HIRES (Schäfer 1975, as in Hairer & Wanner); a 2-8-1 tanh network multiplies the reaction 280 y₆ y₈."""

    def rhs(t: Any, s: Any, p: Any, net: Any) -> dict[str, Any]:
        bound = 280.0 * s.y6 * s.y8 * (1.0 + net.rate(s.y6, 200.0 * s.y8))
        return {
            "y1": -1.71 * s.y1 + 0.43 * s.y2 + 8.32 * s.y3 + 0.0007,
            "y2": 1.71 * s.y1 - 8.75 * s.y2,
            "y3": -10.03 * s.y3 + 0.43 * s.y4 + 0.035 * s.y5,
            "y4": 8.32 * s.y2 + 1.71 * s.y3 - 1.12 * s.y4,
            "y5": -1.745 * s.y5 + 0.43 * s.y6 + 0.43 * s.y7,
            "y6": 0.69 * s.y4 + 1.71 * s.y5 - 0.43 * s.y6 + 0.69 * s.y7 - bound,
            "y7": bound - 1.81 * s.y7,
            "y8": 1.81 * s.y7 - bound,
        }

    names = [f"y{k}" for k in range(1, 9)]
    networks = {"rate": ude.nn.MLP(2, 1, (8,), "tanh", last_layer_scale=0.1)}
    return ude.ODE(rhs, names, networks=networks, initial={n: f"{n}_0" for n in names})


def brusselator(cells: int, diffusion: float) -> ude.ODE:
    """The one-dimensional Brusselator between u = 1 and v = 3; a 2-8-1 tanh network adds to the reaction u²v."""
    alpha = diffusion * (cells + 1) ** 2

    def spread(x: Any, edge: float) -> Any:
        wide = np.concatenate([np.array([edge]), x, np.array([edge])])
        return alpha * (wide[:-2] - 2.0 * x + wide[2:])

    def rhs(t: Any, state: Any, p: Any, net: Any) -> dict[str, Any]:
        u, v = state.u, state.v
        reaction = u**2 * v + net.reaction(u, v)
        return {"u": 1.0 + reaction - 4.0 * u + spread(u, 1.0), "v": 3.0 * u - reaction + spread(v, 3.0)}

    networks = {"reaction": ude.nn.MLP(2, 1, (8,), "tanh", last_layer_scale=0.1)}
    return ude.ODE(rhs, {"u": (cells,), "v": (cells,)}, networks=networks)


def lorenz() -> ude.ODE:
    """The Lorenz system."""

    def rhs(t: Any, state: Any, p: Any) -> dict[str, Any]:
        x, y, z = state.x, state.y, state.z
        return {"x": p.sigma * (y - x), "y": x * (p.rho - z) - y, "z": x * y - p.beta * z}

    return ude.ODE(rhs, ["x", "y", "z"], {"sigma": 10.0, "rho": 28.0, "beta": 8.0 / 3.0})


def forward(
    model: ude.ODE, u0: np.ndarray, start: float, times: np.ndarray, solver: str, tolerance: float, max_steps: int
) -> Integration:
    """One trajectory from a known initial state, its states recorded at the times."""
    theta, u = variable("theta", (model.layout.size,)), variable("u", (model.size,))
    return Integration(
        "solve",
        model.vector_field,
        Graph((theta,), {"u0": constant(u0[None])}),
        np.array([start]),
        np.asarray(times, dtype=float)[None],
        Graph((variable("t"), u, theta), {"u": u}),
        SolverSettings(solver, tolerance, tolerance, max_steps=max_steps),
    )


def work(
    model: ude.ODE,
    u0: np.ndarray,
    times: np.ndarray,
    engine: Engine,
    tolerance: float,
    max_steps: int,
    *,
    data: np.ndarray | None = None,
    scale: np.ndarray | None = None,
    solver: str = "tsit5",
    adjoint: str = "auto",
) -> Work:
    """Loss of whole trajectories from known initial states u0 (B, n).

    Parameters
    ----------
    data : (B, K, n); default values that the start isn't near.
    scale : (n,) by which misfits are divided; default 1.
    adjoint : default the engine's own.
    """
    names = model.states.names
    if data is None:
        data = np.random.default_rng(1).normal(size=(len(u0), len(times), len(names)))
    scales = dict(zip(names, np.ones(len(names)) if scale is None else scale, strict=True))
    dataset = xr.Dataset(
        {n: (("trajectory", "time"), data[..., k]) for k, n in enumerate(names)},
        coords={"time": times, **{f"{n}_0": ("trajectory", u0[:, k]) for k, n in enumerate(names)}},
    )
    loss = ude.SquaredError(scale={n: float(s) for n, s in scales.items()})
    settings = kind_of(model).chosen(
        ude.Trajectory(), ude.Adam(), loss=loss,
        solver=SOLVERS[solver](rtol=tolerance, atol=tolerance, max_steps=max_steps, adjoint=adjoint),

    )  # fmt: skip
    trainer = Trainer(model, Observations.from_data(dataset, model.observables), settings, engine)
    objective = ude.Trajectory().build(trainer.task.problem)
    theta = trainer.task.problem.initial_theta(0)
    return Work(objective, theta, plain_values(model, theta), scales_of(model), u0, times, data)


def plain_values(model: ude.ODE, theta: np.ndarray) -> np.ndarray:
    """The parameters' own values, flat in the order of θ: what a peer reads."""
    return np.concatenate([v.ravel() for v in model.layout.unpack(theta).values()])


def scales_of(model: ude.ODE) -> np.ndarray:
    """d value/dθ (P,); the benchmarks' parameters have no bounds, so it is constant."""
    return np.concatenate([np.full(int(np.prod(e.shape)), e.scale) for e in model.layout.entries])
