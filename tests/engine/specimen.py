"""What a specimen of the zoo is, made-up data for it, and the program of a fit.

Data are smooth made-up curves; engines are compared on the same objective, so nothing needs to fit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

import unideq as ude
from unideq.engine import Engine
from unideq.objective import LossProgram, Observations
from unideq.solvers import SOLVERS
from unideq.training import Trainer, kind_of


@dataclass(frozen=True)
class Specimen:
    """A model, measurements of it, and how to fit them.

    `stiff` asks for the engines' implicit solvers, `dt` for fixed steps: where the vector field has kinks, gradients
    through adaptive steps differ by about √tolerance.
    """

    model: ude.ODE
    data: xr.Dataset
    objective: Any
    stiff: bool = False
    dt: float | None = None
    loss: Any = None
    cost: Any = None


def curves(model: ude.ODE, times: np.ndarray, trajectories: int = 0, skip: tuple[str, ...] = ()) -> xr.Dataset:
    """Smooth positive curves for every observable but those in `skip`, with a hole in the first one."""
    generator = np.random.default_rng(3)
    made: dict[str, Any] = {}
    for k, (name, shape) in enumerate(model.observables.items()):
        if name in skip:
            continue
        lead = (trajectories,) if trajectories else ()
        phase = generator.uniform(0, 3, (*lead, 1, *shape))
        wave = 1.0 + 0.4 * np.sin(times.reshape(-1, *(1,) * len(shape)) * 1.3 + phase)
        if k == 0:
            wave[..., 2, *(slice(None),) * len(shape)] = np.nan
        space = tuple(f"{name}_axis_{i}" for i in range(len(shape)))
        made[name] = ((*(("trajectory",) if trajectories else ()), "time", *space), wave)
    return xr.Dataset(made, coords={"time": times})


def fields(model: ude.PDE, times: np.ndarray) -> xr.Dataset:
    """Smooth positive waves on the grid of a PDE, every field with its own phase."""
    grid = model.grid
    turns = [2 * np.pi * (c - a.start) / a.length for c, a in zip(grid.mesh(), grid.axes, strict=True)]
    made: dict[str, Any] = {}
    for k, name in enumerate(model.states.names):
        angle = turns[0] - 0.3 * times.reshape(-1, *(1,) * len(grid.shape)) + k
        wave = 1.0 + 0.4 * np.sin(angle) + 0.1 * sum(np.cos(2 * turn + k) for turn in turns)
        made[name] = (("time", *grid.dims), wave)
    return xr.Dataset(made, {"time": times, **{name: grid.coordinates(name) for name in grid.dims}})


def snapshots(model: ude.Stepper, count: int, trajectories: int = 2) -> xr.Dataset:
    """Smooth waves that travel, one snapshot a step; `domain` differs between trajectories where the model has it."""
    phase, length = 0.7 * np.arange(trajectories), model.grid.axis("x").length
    times, x = model.dt * np.arange(count), model.grid.coordinates("x")
    angle = 2 * np.pi * x / length - times[:, None] + phase[:, None, None]
    wave = {"u": (("trajectory", "time", "x"), np.sin(angle) + 0.3 * np.cos(2 * angle))}
    domain = ("trajectory", np.linspace(0.9, 1.1, trajectories))
    return xr.Dataset(wave, {"time": times, "x": x, **({"domain": domain} if "domain" in model.conditions else {})})


def program(specimen: Specimen, engine: Engine, solver: str, tolerance: float) -> tuple[LossProgram, np.ndarray]:
    """The objective of a fit with this engine, and θ for seed 0."""
    entry = SOLVERS[solver]
    own = {"dt": specimen.dt} if entry.fixed else {"rtol": tolerance, "atol": tolerance}
    settings = kind_of(specimen.model).chosen(
        specimen.objective,
        ude.Adam(),
        solver=entry(max_steps=100_000, **own),
        loss=specimen.loss,
        cost=specimen.cost,
    )
    observations = Observations.of(specimen.data, specimen.model, beside=settings.loss.beside)
    trainer = Trainer(specimen.model, observations, settings, engine)
    problem = trainer.task.problem
    objective = specimen.objective.build(problem)
    return objective, problem.initial_theta(0, specimen.objective.guesses(problem))
