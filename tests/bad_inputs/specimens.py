"""What the bad inputs of this folder are tried on: small models, data and fits, each made once, if asked for."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import CodeType
from typing import Any

import numpy as np
import xarray as xr

import unideq as ude
from unideq import graph

__all__ = ["SPECIMENS", "names_in"]


def decay(t: Any, state: Any, p: Any) -> dict[str, Any]:
    return {"x": -p.rate * state.x}


def decay_and_more(t: Any, state: Any, p: Any, net: Any) -> dict[str, Any]:
    return {"x": -p.rate * state.x + net.f(state.x)}


@cache
def data() -> xr.Dataset:
    times = np.linspace(0.0, 2.0, 9)
    return xr.Dataset({"x": ("time", 3.0 * np.exp(-0.7 * times))}, {"time": times})


@cache
def pair() -> xr.Dataset:
    """Two trajectories."""
    return xr.concat([data(), 2.0 * data()], dim=xr.Variable("trajectory", ["one", "two"]))


@cache
def ode() -> ude.ODE:
    return ude.ODE(decay, ["x"], {"rate": ude.Parameter(1.0, positive=True)})


@cache
def hybrid() -> ude.ODE:
    return ude.ODE(decay_and_more, ["x"], {"rate": 1.0}, {"f": ude.nn.MLP(1, 1, (3,))})


@cache
def fit() -> ude.Fit:
    phases = [ude.Adam(1e-3, 2)]
    return ude.fit(hybrid(), data(), phases=phases, seeds=2, holdout=0.25, progress=False, engine="jax")


def backward(**given: Any) -> ude.BackwardProblem:
    """A backward problem, with some of its parts as a row has them."""
    parts = {
        "generator": lambda y: 0.0 * y,
        "terminal": lambda x: np.sum(x**2),
        "initial": [0.0, 1.0, 0.5],
        "horizon": 1.0,
    }
    return ude.BackwardProblem(**{**parts, "steps": 2, **given})


@cache
def backward_fit() -> ude.Fit:
    made = backward(network=ude.nn.MLP(4, 3, (3,)))
    return ude.fit(made, objective=ude.Martingale(4), phases=ude.Adam(1e-3, 1), progress=False, engine="jax")


@cache
def grid() -> ude.Grid:
    return ude.Grid(ude.Axis("x", 0.0, 2 * np.pi, 16))


@cache
def walls() -> ude.Grid:
    return ude.Grid(ude.Axis("x", 0.0, 1.0, 16, boundary=ude.Dirichlet(0.0)))


@cache
def plane() -> ude.Grid:
    return ude.Grid(ude.Axis("x", 0.0, 1.0, 16), ude.Axis("y", 0.0, 1.0, 16))


@cache
def u() -> np.ndarray:
    return np.sin(grid().coordinates("x"))


@cache
def heat() -> ude.PDE:
    return ude.PDE(lambda t, state, p: p.D * grid().laplacian(state.u), grid(), ["u"], {"D": 0.1})


@cache
def closure() -> ude.Stepper:
    def rhs(t: Any, state: Any, p: Any, net: Any) -> Any:
        return p.strength * 0.1 * grid().laplacian(state.u) + net.closure(*grid().patch(state.u, 1))

    networks = {"closure": ude.nn.MLP(3, 1, (2,), last_layer_scale=0.01)}
    model = ude.PDE(rhs, grid(), ["u"], {"strength": ude.Condition(1.0)}, networks)
    return ude.Stepper(model, 0.05)


@cache
def fields() -> xr.Dataset:
    """Heat on the grid, with 7 snapshots."""
    times = 0.05 * np.arange(7)
    values = np.exp(-0.1 * times)[:, None] * u()
    return xr.Dataset({"u": (("time", "x"), values)}, {"time": times, "x": grid().coordinates("x")})


@cache
def seen() -> xr.Dataset:
    """The same with a subgrid term."""
    return fields().assign(u_subgrid=-0.1 * fields().u)


@cache
def step_fit() -> ude.Fit:
    return ude.fit(closure(), fields(), phases=[ude.Adam(1e-3, 1)], progress=False, engine="jax")


def poisson(at: Any, field: Any, p: Any) -> Any:
    return ude.d(field.u, at.x, 2) + p.force


@cache
def problem() -> ude.ResidualProblem:
    terms = {"poisson": ude.Interior(poisson, points=8), "ends": ude.Boundary(lambda at, field: field.u, points=8)}
    return ude.ResidualProblem({"x": (0.0, 1.0)}, {"u": ude.nn.MLP(1, 1, (3,))}, terms, {"force": 1.0})


@cache
def residual_fit() -> ude.Fit:
    return ude.fit(problem(), phases=[ude.Adam(1e-3, 1)], progress=False, engine="jax")


def trained(a: Any, **run: Any) -> ude.Fit:
    """What a sweep calls."""
    return ude.fit(ode(), data(), phases=ude.Adam(1e-3, 1), **{"engine": "jax", "progress": False, **run})


def with_term(term: Any) -> ude.ResidualProblem:
    """A problem of one field u(x) with one term `a`."""
    return ude.ResidualProblem({"x": (0, 1)}, {"u": ude.nn.MLP(1, 1)}, {"a": term})


@cache
def driven() -> ude.ODE:
    """A model whose trajectories have inputs of their own."""

    def rhs(t: Any, state: Any, p: Any, net: Any, forcing: Any) -> Any:
        return {"x": (forcing.inflow - state.x) / p.volume}

    return ude.ODE(rhs, ["x"], {"volume": ude.Condition()}, forcings=["inflow"])


@cache
def runs() -> xr.Dataset:
    """Two trajectories of it, `a` and `b`."""
    times, both = np.arange(4.0), ("trajectory", "time")
    values = {"x": (both, np.ones((2, 4))), "inflow": (both, np.arange(8.0).reshape(2, 4))}
    return xr.Dataset(values, {"time": times, "trajectory": ["a", "b"], "volume": ("trajectory", [1.0, 2.0])})


@cache
def late() -> xr.Dataset:
    """The same with the inflow on times of its own, in `b` long after the measurements."""
    times = ("trajectory", "sample"), np.array([[0.0, 3.0], [50.0, 60.0]])
    made = runs().drop_vars("inflow").assign(inflow=(("trajectory", "sample"), np.ones((2, 2))))
    return made.assign_coords(inflow_time=times)


@cache
def minutes() -> xr.Dataset:
    """The same with the inflow's times in minutes and all others in hours."""
    made = late().assign_coords(time=("time", runs().time.values, {"units": "h"}))
    made["inflow_time"].attrs["units"] = "min"
    return made


@cache
def dosed() -> ude.ODE:
    """A model with doses from tables."""
    return ude.ODE(decay, ["x"], {"rate": 1.0}, initial={"x": 0.0}, events=[ude.Dose("x", "dose", at="dose_time")])


@cache
def doses() -> xr.Dataset:
    """Two trajectories of it, `a` and `b`."""
    table = ("trajectory", "number")
    values = {"x": (("trajectory", "time"), np.ones((2, 4))), "dose": (table, [[1.0, 2.0], [3.0, np.nan]])}
    values["dose_time"] = (table, [[0.0, 1.5], [0.5, np.nan]])
    return xr.Dataset(values, {"time": np.arange(4.0), "trajectory": ["a", "b"]})


@cache
def falling() -> ude.ODE:
    """A ball that bounces without end."""
    bounce = ude.Event(lambda t, s: {"v": -0.5 * s.v}, when=lambda t, s: s.x, direction="down", name="bounce")
    return ude.ODE(lambda t, s: {"x": s.v, "v": -9.8}, ["x", "v"], initial={"x": 1.0, "v": 0.0}, events=[bounce])


@cache
def sites() -> ude.ODE:
    """A model whose rate is one a site."""
    return ude.ODE(decay, ["x"], {"rate": ude.Parameter(1.0, positive=True, per="site")})


@cache
def people() -> ude.ODE:
    """A model whose rate spreads over its trajectories."""
    rate = ude.Parameter(1.0, positive=True, per="trajectory", spread=ude.LogNormal(0.3))
    return ude.ODE(decay, ["x"], {"rate": rate})


@cache
def coarse() -> ude.PDE:
    """Burgers' equation on a grid that wants a closure."""
    return ude.problems.Burgers(points=16).model()


@cache
def filtered() -> xr.Dataset:
    """What that grid sees of fine data, and lacks."""
    return ude.coarsen(ude.problems.Burgers(points=32).data(trajectories=2, steps=4), coarse())


@cache
def closed() -> ude.PDE:
    return coarse().closed(lambda t, state, p: -p.drag * state.u, {"drag": 1.0})


@cache
def latent() -> ude.Latent:
    """Decays that are seen by their exponential."""
    return ude.Latent(ude.RecurrentEncoder(3), ude.ODE(decay, ["x"], {"rate": 1.0}), lambda t, s: {"y": np.exp(-s.x)})


@cache
def glow() -> xr.Dataset:
    """What is seen of two of them."""
    return np.exp(-pair()).rename(x="y")


@cache
def latent_fit() -> ude.Fit:
    return ude.fit(latent(), glow(), phases=ude.Adam(1e-3, 2), progress=False, engine="jax")


@cache
def up() -> ude.nn.MLP:
    """An encoder of one number."""
    return ude.nn.MLP(1, 2, (3,))


@cache
def down() -> ude.nn.MLP:
    return ude.nn.MLP(2, 1, (3,))


@cache
def lifted() -> ude.Koopman:
    """One number, in two coordinates that turn."""
    return ude.Koopman(["x"], 0.25, up(), down())


@cache
def turning() -> ude.Koopman:
    """The same, and how fast depends on where."""
    return ude.Koopman(["x"], 0.25, up(), down(), "parametrised", auxiliary=up())


_SMALL = (
    data, pair, ode, hybrid, grid, walls, plane, u, heat, closure, fields, seen, problem, driven, runs, late, minutes,
    sites, people, coarse, filtered, closed, latent, glow, up, down, lifted, turning,
)  # fmt: skip
_EVENTS = (dosed, doses, falling)
_FITS = (fit, step_fit, residual_fit, latent_fit, backward_fit)
SPECIMENS: dict[str, Callable[[], Any]] = {f.__name__: f for f in (*_SMALL, *_EVENTS, *_FITS)}
"""Name in a row's code → what makes it."""


def names_in(code: CodeType) -> set[str]:
    """The global names that code reads, functions within it included."""
    inner = [names_in(part) for part in code.co_consts if isinstance(part, CodeType)]
    return set(code.co_names).union(*inner)


def namespace(code: CodeType, folder: Path) -> dict[str, Any]:
    """What a row's code may use."""
    import pandas as pd

    def written(text: str) -> Path:
        """A file of this text."""
        (folder / "a.nc").write_text(text)
        return folder / "a.nc"

    found: dict[str, Any] = {"ude": ude, "graph": graph, "np": np, "xr": xr, "pd": pd, "Path": Path, "folder": folder}
    found |= {"decay": decay, "with_term": with_term, "written": written, "trained": trained, "backward": backward}
    return found | {name: SPECIMENS[name]() for name in names_in(code) if name in SPECIMENS}
