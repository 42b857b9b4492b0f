"""Allen–Cahn: two phases and the thin layers between them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..checks import known_arguments
from ..grid import Axis, Grid, schemes
from ..model import PDE, Parameter, Stepper
from .random_fields import random_waves
from .ready import ReadyProblem

__all__ = ["AllenCahn"]


@known_arguments
@dataclass(frozen=True)
class AllenCahn(ReadyProblem):
    """∂u/∂t = D ∂²u/∂x² + r (u − u³) on the periodic interval [−1, 1); layers are √(2D/r) wide.

    Parameters
    ----------
    diffusivity, rate
        D and r.
    points
        Of the interval.
    dt, substeps
        Time between two states, and ETDRK4 steps within it.

    Examples
    --------
    >>> import unideq as ude
    >>> data = ude.problems.AllenCahn().data(steps=10)
    >>> bool(abs(data.u).max() < 1.05)
    True
    """

    title: ClassVar[str] = "Allen-Cahn equation"
    equation: ClassVar[str] = "u_t = D u_xx + r (u - u³)"
    source: ClassVar[str] = "S. M. Allen, J. W. Cahn, Acta Metall. 27 (1979) 1085; settings of arXiv:1711.10561"
    diffusivity: float = 1e-4
    rate: float = 5.0
    points: int = 512
    dt: float = 0.005
    substeps: int = 1

    def grid(self) -> Grid:
        return Grid(Axis("x", -1.0, 1.0, self.points), scheme=schemes.Fourier())

    def model(self) -> PDE:
        parameters = {
            "diffusivity": Parameter(self.diffusivity, free=False),
            "rate": Parameter(self.rate, free=False),
        }

        def rhs(t: Any, state: Any, p: Any) -> Any:
            return p.rate * (state.u - state.u**3)

        return PDE(rhs, self.grid(), ["u"], parameters, linear=lambda d, p: p.diffusivity * d.x**2)

    def stepper(self) -> Stepper:
        return Stepper(self.model(), self.dt, "etdrk4", self.substeps)

    def initial(self, trajectories: int = 1, seed: int = 0) -> dict[str, np.ndarray]:
        """x² cos(πx) first, as in the source; further ones are random waves."""
        grid = self.grid()
        x = grid.coordinates("x")
        rows = random_waves(grid, trajectories, seed, amplitude=0.5)
        rows[0] = x**2 * np.cos(np.pi * x)
        return {"u": rows}
