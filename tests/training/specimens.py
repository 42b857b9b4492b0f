"""Small residual problems with known solutions, which the tests of training and of results share.

All tests use the same graphs and numbers of points, so that an engine compiles them once.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

import unideq as ude

KAPPA = 0.1


def poisson(hidden: tuple[int, ...] = (8,)) -> ude.ResidualProblem:
    """u″ = −π² sin πx on (0, 1), u = 0 at the ends: u = sin πx."""
    return ude.ResidualProblem(
        {"x": (0.0, 1.0)},
        {"u": ude.nn.MLP(1, 1, hidden=hidden)},
        {
            "pde": ude.Interior(lambda at, field: ude.d(field.u, at.x, 2) + np.pi**2 * np.sin(np.pi * at.x), points=24),
            "ends": ude.Boundary(lambda at, field: field.u, points=8),
        },
    )


def poisson_solution(points: int = 101) -> xr.Dataset:
    x = np.linspace(0.0, 1.0, points)
    return xr.Dataset({"u": ("x", np.sin(np.pi * x))}, coords={"x": x})


def heat_data(noise: float = 0.0) -> xr.Dataset:
    """40 scattered measurements of u = exp(−κπ²t) sin πx, with noise relative to the largest value."""
    draw = np.random.default_rng(0)
    x, t = draw.random(40), draw.random(40)
    u = np.exp(-KAPPA * np.pi**2 * t) * np.sin(np.pi * x) + noise * draw.normal(size=40)
    return xr.Dataset({"u": ("point", u)}, coords={"x": ("point", x), "t": ("point", t)})


def heat(noise: float = 0.0, start: float = 0.3) -> ude.ResidualProblem:
    """uₜ = κ uₓₓ with unknown κ, from the measurements and u = 0 at the ends."""
    return ude.ResidualProblem(
        {"x": (0.0, 1.0), "t": (0.0, 1.0)},
        {"u": ude.nn.MLP(2, 1, hidden=(10, 10))},
        {
            "heat": ude.Interior(
                lambda at, field, p: ude.d(field.u, at.t) - p.kappa * ude.d(field.u, at.x, 2), points=48
            ),
            "ends": ude.Boundary(lambda at, field: field.u, points=16),
            "data": ude.residual.Data(heat_data(noise), scale=False),
        },
        parameters={"kappa": ude.Parameter(start, positive=True, units="m²/s", description="diffusivity")},
    )


def breaking_off(reports: int) -> Any:
    """A callback that fails after so many reports, as a machine does."""
    seen: list[Any] = []

    def callback(report: Any) -> bool:
        seen.append(report)
        if len(seen) > reports:
            raise BrokenOff
        return True

    return callback


class BrokenOff(Exception):
    """What `breaking_off` raises."""
