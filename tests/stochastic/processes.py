"""Processes with known solutions, transitions or stationary densities."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

import unideq as ude

RATE, SIGMA = 2.0, 0.5


def ornstein_uhlenbeck(**values: float) -> ude.SDE:
    """dx = −rate x dt + sigma dW."""
    given = {"rate": RATE, "sigma": SIGMA, **values}
    parameters = {n: ude.Parameter(v, positive=True) for n, v in given.items()}
    return ude.SDE(lambda t, s, p: {"x": -p.rate * s.x}, lambda t, s, p: {"x": p.sigma}, ["x"], parameters)


def geometric(calculus: str = "ito", noise: str = "diagonal", sigma: float = 0.6) -> ude.SDE:
    """dx = 0.5 x dt + sigma x dW."""
    return ude.SDE(
        lambda t, s: {"x": 0.5 * s.x}, lambda t, s: {"x": sigma * s.x}, ["x"], noise=noise, calculus=calculus
    )


def double_well(**networks: Any) -> ude.SDE:
    """dx = (x − x³) dt + 0.5 dW, or networks `f` and `g` in place of either."""
    return ude.SDE(
        lambda t, s, p, net: {"x": net.f(s.x) if "f" in networks else s.x - s.x**3},
        lambda t, s, p, net: {"x": net.g(s.x) if "g" in networks else 0.5},
        ["x"],
        networks=networks,
    )


def data_of(model: ude.SDE, times: Any, start: float = 1.0, paths: int = 4, seed: int = 1) -> xr.Dataset:
    """Paths of a model as measured trajectories."""
    drawn = model.solve(times, {n: start for n in model.states.names}, paths=paths, seed=seed)
    return drawn.rename(path="trajectory").transpose("trajectory", "time")


def likeliest(data: xr.Dataset) -> tuple[float, float]:
    """Rate and sigma of an Ornstein–Uhlenbeck process that maximise the exact likelihood of its transitions."""
    x, h = data["x"].values, float(data["time"][1] - data["time"][0])
    kept = (x[:, 1:] * x[:, :-1]).sum() / (x[:, :-1] ** 2).sum()
    rate = -np.log(kept) / h
    left = ((x[:, 1:] - kept * x[:, :-1]) ** 2).mean()
    return rate, float(np.sqrt(2 * rate * left / (1 - kept**2)))
