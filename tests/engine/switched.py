"""Forced problems with closed-form solutions, which both engines must meet: pulses, switches, rain, late clocks."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

import unideq as ude
from unideq.graph import Graph, constant, variable
from unideq.objective.program import Integration, LossProgram, SolverSettings

PULSES: dict[str, tuple[Any, Any, str]] = {
    "triangle": ([0.0, 50.0, 50.5, 51.0, 100.0], [0.0, 0.0, 20.0, 0.0, 0.0], "linear"),
    "rectangle": ([0.0, 50.0, 51.0, 100.0], [0.0, 10.0, 0.0, 0.0], "previous"),
    "bell": (np.linspace(0, 100, 6001), 10 / np.sqrt(np.pi) * np.exp(-(np.linspace(-50, 50, 6001) ** 2)), "linear"),
    "spline": (np.arange(101.0), np.where(np.arange(101) == 50, 10.0, 0.0), "cubic"),
}
"""Pulses of area 10 within a hundred hours of nothing: times, values, interpolation."""

KNOTS = 0.3 * np.arange(31)
LEVELS = np.random.default_rng(3).uniform(-1.0, 2.0, 31)
"""A forcing whose knots are no doubles with few digits."""


def forcing(times: Any, values: Any, interpolation: str = "linear") -> xr.DataArray:
    """A DataArray over `time`."""
    coords = {"time": np.asarray(times, float)}
    return xr.DataArray(np.asarray(values, float), coords, ("time",), attrs={"interpolation": interpolation})


def decaying(series: xr.DataArray, rate: float = 0.0) -> ude.ODE:
    """x' = input(t) − rate x, x(0) = 0."""
    return ude.ODE(
        lambda t, state, p, net, forcing: {"x": forcing.input - p.rate * state.x},
        ["x"],
        {"rate": rate},
        forcings={"input": series},
        initial={"x": 0.0},
    )


def decayed(knots: np.ndarray, levels: np.ndarray, rate: float, linear: bool, start: float = 0.0) -> np.ndarray:
    """Solution of `decaying` at the knots, and its derivative in the rate: interval by interval in closed form."""
    x, by_rate = start, 0.0
    result = [(x, by_rate)]
    for i, span in enumerate(np.diff(knots)):
        slope = (levels[i + 1] - levels[i]) / span if linear else 0.0

        def step(k: float, span: float = span, slope: float = slope, level: float = levels[i]) -> tuple[float, float]:
            """Factor and shift of x over the interval."""
            factor = np.exp(-k * span)
            mean = (1 - factor) / k
            return factor, level * mean + slope * (span - mean) / k

        factor, shift = step(rate)
        (above, up), (below, down) = step(rate + 1e-4), step(rate - 1e-4)
        by_rate = factor * by_rate + (above - below) / 2e-4 * x + (up - down) / 2e-4
        x = factor * x + shift
        result.append((x, by_rate))
    return np.array(result)


def squares(interpolation: str, **solver: Any) -> tuple[LossProgram, np.ndarray, float, float]:
    """Half the summed squares of two solutions of `decaying`, observed between knots and at them, the second from the
    eighth knot on; θ (1,) for a rate of 0.7, and the sum and its derivative in θ there.
    """
    linear = interpolation == "linear"
    model = decaying(forcing(KNOTS, LEVELS, interpolation), 0.7)
    field, at = model.vector_field, model.initial_theta()
    theta, (t, u, _) = field.input("theta"), field.inputs
    fine = np.sort(np.concatenate([KNOTS, KNOTS[:-1] + 0.13]))
    places = np.searchsorted(KNOTS, fine, side="right") - 1
    levels = np.interp(fine, KNOTS, LEVELS) if linear else LEVELS[places]
    rows = [decayed(fine, levels, 0.7, linear)[5:40:5], decayed(fine[14:], levels[14:], 0.7, linear)[5:40:5]]
    times = np.stack([fine[5:40:5], fine[19:54:5]])
    program = Integration(
        "sol",
        field,
        Graph([theta], {"u0": constant(np.zeros((2, 1)))}),
        np.array([0.0, fine[14]]),
        times,
        Graph([t, u, theta], {"u": u}),
        SolverSettings(**{"name": "tsit5", "rtol": 1e-10, "atol": 1e-10, **solver}),
    )
    found: Any = variable("sol.u", (2, 7, 1))
    loss = Graph([found], {"half": 0.5 * np.sum(found * found)})
    x = np.concatenate(rows)
    derivative = float(x[:, 0] @ x[:, 1]) * 0.7 / at[0]  # θ is the rate in units of its first value
    return LossProgram((program,), loss, {"half": 1.0}), at, 0.5 * float(x[:, 0] @ x[:, 0]), derivative


def rainy_basin() -> tuple[ude.ODE, xr.Dataset]:
    """A storage s' = rain − k s with hourly rain in three storms, and its content every 25 hours at k = 0.002."""
    hours, rain = np.arange(1001.0), np.zeros(1001)
    for first in (137, 480, 790):
        rain[first : first + 5] = [2.0, 8.0, 5.0, 4.0, 1.0]
    model = ude.ODE(
        lambda t, state, p, net, forcing: {"s": forcing.rain - p.k * state.s},
        ["s"],
        {"k": ude.Parameter(0.004, positive=True)},
        forcings={"rain": forcing(hours, rain)},
        initial={"s": 5.0},
    )
    content = decayed(hours, rain, 0.002, True, 5.0)[::25, 0]
    return model, xr.Dataset({"s": ("time", content)}, {"time": hours[::25]})
