"""Burgers' equation: advection steepens, viscosity smooths."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..checks import known_arguments
from ..grid import Axis, Grid, schemes
from ..model import PDE, Condition, Parameter, Stepper
from .random_fields import random_waves
from .turbulence import Turbulence

__all__ = ["Burgers"]


@known_arguments
@dataclass(frozen=True)
class Burgers(Turbulence):
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
    field: ClassVar[str] = "u"
    invariants: ClassVar[dict[str, float]] = {"energy": 0.0}
    cascade: ClassVar[tuple[str, float, float]] = ("energy", -2.0, 0.0)
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
        grid, spectral = self.grid(), self._is_spectral
        known: dict[str, Any] = {"viscosity": Parameter(self.viscosity, free=False), **self._conditions}

        def rhs(t: Any, state: Any, p: Any) -> Any:
            rate, force = self._advection(grid, state.u), self._force(grid, t, p)
            rate = rate if spectral else rate + p.viscosity * grid.d(state.u, order=2)
            return rate if force is None else rate + force

        return PDE(rhs, grid, ["u"], known, linear=(lambda d, p: p.viscosity * d.x**2) if spectral else None)

    def stepper(self) -> Stepper:
        model = self.model()
        return Stepper(model, self.dt, "etdrk4" if model.has_linear else "rk4", self.substeps)

    def initial(self, trajectories: int = 1, seed: int = 0) -> dict[str, np.ndarray]:
        return {"u": self.mean + random_waves(self.grid(), trajectories, seed, amplitude=0.5)}

    @property
    def _is_spectral(self) -> bool:
        return self.advection is None and self.diffusion is None

    @property
    def _conditions(self) -> dict[str, Condition]:
        """Which the force reads."""
        return {}

    def _advection(self, grid: Grid, u: Any) -> Any:
        """−u ∂u/∂x, without aliases where it is in Fourier space."""
        return -0.5 * grid.d(grid.product(u, u)) if self._is_spectral else -u * grid.d(u, scheme=self.advection)

    def _force(self, grid: Grid, t: Any, p: Any) -> Any:
        """f at time t; None where there is none."""
        return None

    # ---- as turbulence ----------------------------------------------------------------------------------------

    @property
    def driven(self) -> float | None:
        return None

    def terms(self, q: np.ndarray, given: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        grid = self.grid()
        return {"viscosity": self.viscosity * grid.d(q, order=2), "advection": self._advection(grid, q)}

    def velocities(self, q: np.ndarray) -> tuple[np.ndarray, ...]:
        return (q,)

    def dissipative(self, q: np.ndarray, given: Mapping[str, np.ndarray]) -> float:
        """Δu/(2πν): the spectrum of a shock of height Δu goes as sinh(k/that)⁻²."""
        return float(np.mean(np.ptp(q, axis=1))) / (2 * np.pi * max(self.viscosity, 1e-300))
