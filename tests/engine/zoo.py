"""A zoo of models for comparing engines: each is a whole training problem, as a user would write it.

`ZOO` maps a name to a `Specimen`: model, data, objective, solver. Those on grids are in `zoo_fields`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr

import unideq as ude

from .specimen import Specimen, curves
from .zoo_fields import FIELDS

SHORT = np.linspace(0.0, 2.0, 9)
Maker = Callable[[], Specimen]


def scalar_logistic() -> Specimen:
    model = ude.ODE(
        lambda t, s, p: {"x": p.growth * s.x * (1 - s.x / p.capacity)},
        ["x"],
        {"growth": ude.Parameter(0.8, positive=True), "capacity": ude.Parameter(2.0, lower=0.5, upper=9.0)},
    )
    return Specimen(model, curves(model, SHORT), ude.Trajectory())


def censored() -> Specimen:
    """A logistic curve whose measurements have errors of their own, some beyond limits."""
    made = scalar_logistic()
    data = made.data.assign(top=made.data.x + 0.1, sd=0.3 * made.data.x).assign(top=lambda d: d.top.where(d.time < 1))
    loss = ude.LogNormalLikelihood(sigma={"x": "sd"}, below={"x": 1.115}, above={"x": 1.3}, between={"x": "top"})
    return Specimen(made.model, data, made.objective, loss=loss)


def goals() -> Specimen:
    """Integrals and ends beside a loss of whole series, with a network in the integral."""
    made = lotka_volterra()
    cost = {
        "eaten": ude.Cost(lambda t, s, p, net: net.interaction(s.prey, s.predator) ** 2, 0.3, over="integral"),
        "left": ude.Cost(lambda t, s, p: p.growth * (s.prey - 1.0) ** 2, 2.0, over="end"),
    }
    loss = {"prey": ude.SeriesLoss(lambda t, predicted, observed: np.sum(t * predicted) ** 2), "predator": "huber"}
    return Specimen(made.model, made.data, made.objective, loss=loss, cost=cost)


def lorenz() -> Specimen:
    def rhs(t: Any, s: Any, p: Any) -> dict[str, Any]:
        return {"x": p.sigma * (s.y - s.x), "y": s.x * (p.rho - s.z) - s.y, "z": s.x * s.y - p.beta * s.z}

    model = ude.ODE(rhs, ["x", "y", "z"], {"sigma": 10.0, "rho": 28.0, "beta": 8 / 3})
    return Specimen(model, curves(model, np.linspace(0.0, 1.0, 11)), ude.Trajectory())


def lotka_volterra() -> Specimen:
    def rhs(t: Any, s: Any, p: Any, net: Any) -> dict[str, Any]:
        eaten, born = net.interaction(s.prey, s.predator)
        return {"prey": p.growth * s.prey - eaten, "predator": born - p.death * s.predator}

    model = ude.ODE(
        rhs,
        ["prey", "predator"],
        {"growth": ude.Parameter(1.3, positive=True), "death": ude.Parameter(1.8, positive=True)},
        {"interaction": ude.nn.MLP(2, 2, (5, 5, 5), "rbf")},
    )
    return Specimen(model, curves(model, SHORT, trajectories=3), ude.Trajectory())


def spiral() -> Specimen:
    model = ude.ODE(
        lambda t, s, p, net: net.field(s.x**3, s.y**3), ["x", "y"], networks={"field": ude.nn.MLP(2, 2, (50,), "tanh")}
    )
    return Specimen(model, curves(model, SHORT), ude.Trajectory())


def forced_oscillator() -> Specimen:
    times = np.linspace(0.0, 2.0, 21)
    push = xr.DataArray(np.sin(3 * times), dims="time", coords={"time": times}, attrs={"interpolation": "cubic"})

    def rhs(t: Any, s: Any, p: Any, net: Any, forcing: Any) -> dict[str, Any]:
        force = forcing.push - p.stiffness * s.position - net.friction(s.velocity)
        return {"position": s.velocity, "velocity": force * (1 + 0.1 * np.sin(t))}

    model = ude.ODE(
        rhs,
        ["position", "velocity"],
        {"stiffness": ude.Parameter(1.5, positive=True)},
        {"friction": ude.nn.MLP(1, 1, (6,), "swish")},
        forcings={"push": push},
        initial={"velocity": 0.0},
    )
    return Specimen(model, curves(model, SHORT, skip=("velocity",)), ude.Trajectory())


def partially_observed() -> Specimen:
    def rhs(t: Any, s: Any, p: Any, net: Any) -> dict[str, Any]:
        infection = s.susceptible * s.infected * net.contact(t)
        return {
            "susceptible": -infection,
            "infected": infection - p.recovery * s.infected,
            "removed": p.recovery * s.infected,
        }

    model = ude.ODE(
        rhs,
        ["susceptible", "infected", "removed"],
        {"recovery": ude.Parameter(0.5, positive=True), "reported": ude.Parameter(0.6, lower=0.0, upper=1.0)},
        {"contact": ude.nn.MLP(1, 1, (4, 4), "tanh", output_activation="softplus")},
        observe=lambda t, s, p: {"cases": p.reported * s.infected, "sum": np.log1p(s.infected + s.removed)},
        initial={"susceptible": 3.0, "infected": ude.Parameter(0.3, positive=True), "removed": 0.0},
    )
    return Specimen(model, curves(model, SHORT), ude.Trajectory())


def several_networks() -> Specimen:
    def rhs(t: Any, s: Any, p: Any, net: Any) -> dict[str, Any]:
        uptake, loss = net.uptake(s.a), net.loss(s.a, s.b)
        return {"a": -uptake * s.a, "b": uptake * s.a - loss, "c": loss - net.uptake(s.c) + p.base}

    model = ude.ODE(
        rhs,
        ["a", "b", "c"],
        {"base": 0.1},
        {
            "uptake": ude.nn.MLP(1, 1, (5,), "elu", output_activation="sigmoid"),
            "loss": ude.nn.MLP(2, 1, (7, 3), "gelu", input_scale=2.0),
        },
    )
    return Specimen(model, curves(model, SHORT), ude.Trajectory())


def shooting() -> Specimen:
    inner = lotka_volterra()
    return Specimen(inner.model, curves(inner.model, np.linspace(0.0, 3.0, 16)), ude.MultipleShooting(group_size=4))


def collocation() -> Specimen:
    inner = several_networks()
    return Specimen(inner.model, curves(inner.model, np.linspace(0.0, 3.0, 16)), ude.Collocation())


def branches() -> Specimen:
    def rhs(t: Any, s: Any, p: Any) -> dict[str, Any]:
        flow = np.where(s.level > p.weir, 2.0 * np.maximum(s.level - p.weir, 0.0) ** 1.5, 0.0)
        return {"level": p.inflow * np.abs(np.sin(t)) - flow, "outflow": np.minimum(flow, 3.0) - s.outflow}

    model = ude.ODE(rhs, ["level", "outflow"], {"weir": 0.4, "inflow": ude.Parameter(1.2, positive=True)})
    return Specimen(model, curves(model, SHORT), ude.Trajectory())


def vector_states() -> Specimen:
    def rhs(t: Any, s: Any, p: Any, net: Any) -> dict[str, Any]:
        coupling = p.matrix @ s.rates
        return {"rates": np.tanh(coupling) - s.rates * p.decay, "pool": np.sum(s.rates) + net.extra(s.pool)}

    matrix = 0.5 * np.random.default_rng(0).normal(size=(6, 6))
    model = ude.ODE(
        rhs,
        {"rates": 6, "pool": ()},
        {"matrix": matrix, "decay": ude.Parameter(np.linspace(0.5, 1.0, 6), positive=True)},
        {"extra": ude.nn.MLP(1, 1, (3,), "tanh")},
    )
    return Specimen(model, curves(model, SHORT), ude.Trajectory())


def reaction_diffusion(cells: int, times: np.ndarray) -> Specimen:
    """A neural reaction in every cell of a ring, and diffusion between them."""

    def rhs(t: Any, s: Any, p: Any, net: Any) -> dict[str, Any]:
        laplacian = np.roll(s.u, 1) - 2 * s.u + np.roll(s.u, -1)
        return {"u": p.diffusion * laplacian + net.reaction(s.u)}

    model = ude.ODE(
        rhs,
        {"u": cells},
        {"diffusion": ude.Parameter(2.0, positive=True)},
        {"reaction": ude.nn.MLP(1, 1, (8, 8), "tanh")},
    )
    return Specimen(model, curves(model, times), ude.Trajectory(), stiff=False)


def cells_64() -> Specimen:
    return reaction_diffusion(64, SHORT)


def cells_512() -> Specimen:
    return reaction_diffusion(512, np.linspace(0.0, 0.5, 4))


def robertson() -> Specimen:
    def rhs(t: Any, s: Any, p: Any, net: Any) -> dict[str, Any]:
        slow = p.k1 * s.a * (1 + net.rate(s.a))
        fast, back = 3e3 * p.k2 * s.b**2, 1e2 * p.k3 * s.b * s.c
        return {"a": back - slow, "b": slow - back - fast, "c": fast}

    model = ude.ODE(
        rhs,
        ["a", "b", "c"],
        {"k1": ude.Parameter(0.04, positive=True), "k2": 1.0, "k3": 1.0},
        {"rate": ude.nn.MLP(1, 1, (4,), "tanh", last_layer_scale=0.1)},
        initial={"a": 1.0, "b": 0.0, "c": 0.0},
    )
    return Specimen(model, curves(model, np.linspace(0.0, 40.0, 9)), ude.Trajectory(), stiff=True)


def stiff_ring() -> Specimen:
    def rhs(t: Any, s: Any, p: Any, net: Any) -> dict[str, Any]:
        laplacian = np.roll(s.u, 1) - 2 * s.u + np.roll(s.u, -1)
        return {"u": 500.0 * p.diffusion * laplacian + net.reaction(s.u) + 0.2 * np.cos(t)}

    model = ude.ODE(
        rhs,
        {"u": 48},
        {"diffusion": ude.Parameter(2.0, positive=True)},
        {"reaction": ude.nn.MLP(1, 1, (5,), "tanh")},
    )
    return Specimen(model, curves(model, SHORT), ude.Trajectory(), stiff=True)


ZOO: dict[str, Maker] = {
    "scalar": scalar_logistic,
    "censored": censored,
    "goals": goals,
    "lorenz": lorenz,
    "lotka_volterra": lotka_volterra,
    "spiral": spiral,
    "forced": forced_oscillator,
    "partially_observed": partially_observed,
    "several_networks": several_networks,
    "shooting": shooting,
    "collocation": collocation,
    "branches": branches,
    "vector_states": vector_states,
    "cells_64": cells_64,
    "cells_512": cells_512,
    "robertson": robertson,
    "stiff_ring": stiff_ring,
    **FIELDS,
}
