"""The models of the gradient benchmarks in Unideq, and the objective that both sides compute."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

import unideq as ude
from unideq.engine import Engine
from unideq.objective import Objective, Observations
from unideq.training.settings import FitSettings
from unideq.training.trainer import Trainer


@dataclass(frozen=True)
class Work:
    """One benchmark problem: our program, and what a peer needs to do the same."""

    objective: Objective
    theta: np.ndarray
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


def work(model: ude.ODE, u0: np.ndarray, times: np.ndarray, engine: Engine, tolerance: float, max_steps: int) -> Work:
    """Loss of whole trajectories from known initial states u0 (B, n) against data that the start isn't near."""
    names = model.states.names
    generator = np.random.default_rng(1)
    data = generator.normal(size=(len(u0), len(times), len(names)))
    dataset = xr.Dataset(
        {n: (("trajectory", "time"), data[..., k]) for k, n in enumerate(names)},
        coords={"time": times, **{f"{n}_0": ("trajectory", u0[:, k]) for k, n in enumerate(names)}},
    )
    settings = FitSettings.of(
        ude.Trajectory(), ude.Adam(), 1, ude.SquaredError(scale=dict.fromkeys(names, 1.0)), None, None, None, "tsit5",
        tolerance, tolerance, None, max_steps, "checkpointed", True, None, 50,
    )  # fmt: skip
    trainer = Trainer(model, Observations.from_data(dataset, model.observables), settings, engine)
    objective = ude.Trajectory().build(trainer.problem)
    # Parameters at their plain values: the peer reads the same flat vector.
    theta = trainer.problem.initial_theta(0)
    return Work(objective, theta, u0, times, data)
