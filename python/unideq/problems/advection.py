"""Linear advection: everything about a scheme shows, since the exact solution is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..checks import known_arguments
from ..grid import Axis, Grid, schemes
from ..model import PDE, Parameter, Stepper
from .random_fields import random_waves
from .ready import ReadyProblem

__all__ = ["Advection"]


@known_arguments
@dataclass(frozen=True)
class Advection(ReadyProblem):
    """∂u/∂t = −c ∂u/∂x on a periodic interval: waves travel at speed c and keep their shape.

    Parameters
    ----------
    speed
        c.
    length, points
        Of the interval [0, length).
    dt
        Between two states; the Courant number c·dt/dx is 0.32 by default.
    scheme
        Of ∂u/∂x; default Fourier. Truncation errors of others disperse (even orders) or diffuse (odd orders) the wave.
    substeps
        RK4 steps within `dt`.

    Examples
    --------
    >>> import unideq as ude
    >>> wave = ude.problems.Advection(points=64, dt=0.005)
    >>> data = wave.data(steps=200)  # once around
    >>> bool(abs(data.u.isel(time=-1) - data.u.isel(time=0)).max() < 1e-4)
    True
    """

    title: ClassVar[str] = "Linear advection"
    equation: ClassVar[str] = "u_t = -c u_x"
    source: ClassVar[str] = "R. J. LeVeque, Finite Volume Methods for Hyperbolic Problems, Cambridge, 2002, chapter 2"
    speed: float = 1.0
    length: float = 1.0
    points: int = 128
    dt: float = 0.0025
    scheme: Any = None
    substeps: int = 1

    def grid(self) -> Grid:
        return Grid(Axis("x", 0.0, self.length, self.points), scheme=self.scheme or schemes.Fourier())

    def model(self) -> PDE:
        grid = self.grid()
        parameters = {"speed": Parameter(self.speed, free=False)}
        return PDE(lambda t, state, p: -p.speed * grid.d(state.u), grid, ["u"], parameters)

    def stepper(self) -> Stepper:
        return Stepper(self.model(), self.dt, "rk4", self.substeps)

    def initial(self, trajectories: int = 1, seed: int = 0) -> dict[str, np.ndarray]:
        return {"u": random_waves(self.grid(), trajectories, seed)}
