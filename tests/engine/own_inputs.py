"""Trajectories with conditions and forcings of their own, in closed form: what both engines must meet."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

import unideq as ude
from unideq.graph import Graph, constant, variable
from unideq.model import Record, row_tables, with_rows
from unideq.objective.program import Integration, LossProgram, SolverSettings

from .switched import decayed, forcing

GENERATOR = np.random.default_rng(5)
KNOTS = [0.3 * np.arange(31), 0.41 * np.arange(23), np.sort(GENERATOR.uniform(0.0, 9.0, 20))]
"""Each trajectory's own: other times, and another number of them."""
LEVELS = [GENERATOR.uniform(-1.0, 2.0, len(k)) for k in KNOTS]
WEIGHTS = np.array([0.5, 1.0, 2.0])
TIMES = np.linspace(0.0, 9.0, 46)
RATE = 0.7


def model(interpolation: str = "linear", **more: Any) -> ude.ODE:
    """x' = inflow(t) − k w x, x(0) = 0; x and w x are observed."""
    return ude.ODE(
        lambda t, state, p, net, forcing: {"x": forcing.inflow - p.k * p.w * state.x},
        ["x"],
        {"k": RATE, "w": ude.Condition()},
        forcings={"inflow": ude.Forcing(interpolation)},
        observe=lambda t, state, p: {"x": state.x, "weighted": p.w * state.x},
        initial={"x": 0.0},
        **more,
    )


def exact(i: int, times: np.ndarray = TIMES, linear: bool = True, rate: float = RATE) -> np.ndarray:
    """x of one trajectory, and its derivative in the rate k w, at these times (K, 2)."""
    fine = np.unique(np.concatenate([[0.0], KNOTS[i], times]))
    places = np.clip(np.searchsorted(KNOTS[i], fine, side="right") - 1, 0, None)
    levels = np.interp(fine, KNOTS[i], LEVELS[i]) if linear else LEVELS[i][places]
    return decayed(fine, levels, rate * WEIGHTS[i], linear)[np.searchsorted(fine, times)]


def inflows(interpolation: str) -> xr.DataArray:
    """The three records as one array on all their times, NaN where a trajectory has none."""
    parts = [forcing(k, v, interpolation) for k, v in zip(KNOTS, LEVELS, strict=True)]
    return xr.concat(parts, dim=xr.Variable("trajectory", ["a", "b", "c"]), join="outer")


def measurements(interpolation: str, count: int = 10) -> list[xr.Dataset]:
    """What was measured of each trajectory, at every so-manyth time, with its inflow on times of its own."""
    found = []
    for i, (knots, levels) in enumerate(zip(KNOTS, LEVELS, strict=True)):
        times = TIMES[:: 46 // count]
        x = exact(i, times, interpolation == "linear")[:, 0]
        found.append(
            xr.Dataset(
                {"x": ("time", x), "inflow": ("inflow_time", levels)},
                {"time": times, "inflow_time": knots, "w": WEIGHTS[i], "trajectory": "abc"[i]},
            )
        )
    return found


def squares(interpolation: str, **solver: Any) -> tuple[LossProgram, np.ndarray, float, np.ndarray]:
    """Half the summed squares of w x along the trajectories, where w is the second parameter times a known number;
    θ (2,), the sum there, and its derivative (2,)."""
    t, u, c, theta = variable("t"), variable("u", (1,)), variable("c", (2,)), variable("theta", (2,))
    read = variable("forcing.inflow")
    field: Any = read - theta[0] * c[0] * u[0]
    records = [Record(k, v) for k, v in zip(KNOTS, LEVELS, strict=True)]
    tables = {"inflow": row_tables("inflow", interpolation, records)}
    constants: Any = np.stack([constant(WEIGHTS) * theta[1], constant(np.arange(3.0))], axis=1)
    times = np.tile(TIMES[3::6], (3, 1))
    program = Integration(
        "sol",
        with_rows(Graph([t, u, read, c, theta], {"du": field.reshape(1)}), tables),
        Graph([theta], {"u0": constant(np.zeros((3, 1))), "c": constants}),
        np.zeros(3),
        times,
        Graph([t, u, c, theta], {"weighted": c[0] * u[0]}),
        SolverSettings(**{"name": "tsit5", "rtol": 1e-10, "atol": 1e-10, **solver}),
    )
    found: Any = variable("sol.weighted", times.shape)
    x = np.stack([exact(i, times[0], interpolation == "linear") for i in range(3)])
    w = WEIGHTS[:, None]
    by_rate = w * w * w * x[..., 0] * x[..., 1]  # of half the squares of w x in k, as the rate is k w
    total = 0.5 * np.sum((w * x[..., 0]) ** 2)
    derivative = np.array([np.sum(by_rate), RATE * np.sum(by_rate) + 2 * total])
    loss = Graph([found], {"half": 0.5 * np.sum(found * found)})
    return LossProgram((program,), loss, {"half": 1.0}), np.array([RATE, 1.0]), float(total), derivative
