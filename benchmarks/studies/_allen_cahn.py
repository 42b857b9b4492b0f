"""The Allen–Cahn problem: for networks, and by our own spectral solver.

u_t = 10⁻⁴ u_xx + 5 (u − u³) on [−1, 1], periodic, t in [0, 1], u(0, x) = x² cos πx (arXiv:1711.10561).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

import unideq as ude

__all__ = ["DIFFUSIVITY", "RATE", "initial", "problem", "reference"]

DIFFUSIVITY, RATE = 1e-4, 5.0


def initial(x: Any) -> Any:
    """u at t = 0."""
    return x**2 * np.cos(np.pi * x)


def problem(network: Any, periodic: int = 1, start: float = 1.0, hard: bool = False) -> ude.ResidualProblem:
    """With a network of (cos, sin of the harmonics of x, t); the initial condition by a term, or exact (`hard`)."""

    def allen_cahn(at: Any, field: Any) -> Any:
        u = field.u
        return ude.d(u, at.t) - DIFFUSIVITY * ude.d(u, at.x, 2) - RATE * (u - u**3)

    def starting(at: Any, field: Any) -> Any:
        return field.u - initial(at.x)

    def exact_start(at: Any, raw: Any) -> Any:
        return initial(at.x) + at.t * raw.u

    terms: dict[str, Any] = {"residual": ude.Interior(allen_cahn)}
    if not hard:
        terms["start"] = ude.Initial(starting, weight=start)
    field = ude.Field(network, periodic={"x": periodic}, transform=exact_start if hard else None)
    return ude.ResidualProblem({"x": (-1.0, 1.0), "t": (0.0, 1.0)}, {"u": field}, terms)


def reference(points: int = 512, times: int = 201, substeps: int = 4, engine: str | None = None) -> xr.Dataset:
    """The solution by a Fourier–ETDRK4 scheme, (x, t), at x = −1 … 1 − 2/points."""
    made = ude.problems.AllenCahn(DIFFUSIVITY, RATE, points=points, dt=1.0 / (times - 1), substeps=substeps)
    grid = made.grid()
    rolled = made.stepper().rollout({"u": initial(grid.coordinates("x"))}, times - 1, engine=engine)
    solved = rolled.rename(time="t")[["u"]].transpose("x", "t")
    return solved.drop_vars([n for n in solved.coords if n not in ("x", "t")])
