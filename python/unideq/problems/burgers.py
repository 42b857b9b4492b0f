"""Burgers' equation: advection steepens, viscosity smooths."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..checks import known_arguments
from ..grid import Axis, Grid, schemes
from ..model import PDE, Parameter, Stepper
from .random_fields import random_waves
from .ready import ReadyProblem

__all__ = ["Burgers"]


@known_arguments
@dataclass(frozen=True)
class Burgers(ReadyProblem):
    """∂u/∂t = −u ∂u/∂x + ν ∂²u/∂x² on a periodic interval.

    Parameters
    ----------
    viscosity
        ν. A front of height Δu is about 4ν/Δu wide: keep that above dx for the Fourier scheme.
    length, points
        Of the interval [0, length).
    mean
        Of the initial states; a one-sided `advection` scheme is stable where the wind comes from its side.
    dt, substeps
        Time between two states, and steps within it.
    advection, diffusion
        Schemes of u_x and u_xx, e.g. `ude.schemes.Backward(1)` and `ude.schemes.Central(6)`, with RK4 steps. Default:
        Fourier with 2/3 dealiasing, stepped by ETDRK4.

    Examples
    --------
    >>> import unideq as ude
    >>> problem = ude.problems.Burgers(points=64, mean=2.0, advection=ude.schemes.Backward(1))
    >>> problem.stepper().scheme.name
    'rk4'
    """

    title: ClassVar[str] = "Viscous Burgers equation"
    equation: ClassVar[str] = "u_t = -u u_x + ν u_xx"
    source: ClassVar[str] = "J. M. Burgers, Adv. Appl. Mech. 1 (1948) 171-199"
    viscosity: float = 0.03
    length: float = 2 * np.pi
    points: int = 256
    mean: float = 0.0
    dt: float = 0.01
    substeps: int = 1
    advection: Any = None
    diffusion: Any = None

    def grid(self) -> Grid:
        return Grid(Axis("x", 0.0, self.length, self.points), scheme=self.diffusion or schemes.Fourier())

    def model(self) -> PDE:
        grid, by = self.grid(), self.advection
        parameters = {"viscosity": Parameter(self.viscosity, free=False)}
        if by is None and self.diffusion is None:

            def flux_form(t: Any, state: Any) -> Any:
                return -0.5 * grid.d(grid.product(state.u, state.u))

            return PDE(flux_form, grid, ["u"], parameters, linear=lambda d, p: p.viscosity * d.x**2)

        def advective(t: Any, state: Any, p: Any) -> Any:
            return -state.u * grid.d(state.u, scheme=by) + p.viscosity * grid.d(state.u, order=2)

        return PDE(advective, grid, ["u"], parameters)

    def stepper(self) -> Stepper:
        model = self.model()
        return Stepper(model, self.dt, "etdrk4" if model.has_linear else "rk4", self.substeps)

    def initial(self, trajectories: int = 1, seed: int = 0) -> dict[str, np.ndarray]:
        return {"u": self.mean + random_waves(self.grid(), trajectories, seed, amplitude=0.5)}
