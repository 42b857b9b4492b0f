"""Korteweg–de Vries and its generalisations: solitons."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..checks import known_arguments, number
from ..grid import Axis, Grid, schemes
from ..model import PDE, Stepper
from .random_fields import checked_draw
from .ready import ReadyProblem

__all__ = ["KortewegDeVries"]


@known_arguments
@dataclass(frozen=True)
class KortewegDeVries(ReadyProblem):
    """∂u/∂t = −6 uᵖ ∂u/∂x − ∂³u/∂x³ on a periodic interval around 0 (p = 1: KdV; p = 2: modified; else gKdV).

    Parameters
    ----------
    power
        p.
    length, points
        Of the interval [−length/2, length/2).
    dt, substeps
        Time between two states, and ETDRK4 steps within it.

    Examples
    --------
    A soliton keeps its shape:

    >>> import numpy as np, unideq as ude
    >>> problem = ude.problems.KortewegDeVries()
    >>> start, end = problem.soliton(2.0), problem.soliton(2.0, time=1.0)
    >>> data = problem.data(steps=200, every=50, initial={"u": start})
    >>> bool(abs(data.u.isel(time=-1) - end).max() < 1e-5)
    True
    """

    title: ClassVar[str] = "Generalised Korteweg-de Vries equation"
    equation: ClassVar[str] = "u_t = -6 uᵖ u_x - u_xxx"
    source: ClassVar[str] = "P. G. Drazin, R. S. Johnson, Solitons: an Introduction, Cambridge, 1989"
    power: int = 1
    length: float = 40.0
    points: int = 256
    dt: float = 0.005
    substeps: int = 1

    def grid(self) -> Grid:
        return Grid(Axis("x", -self.length / 2, self.length / 2, self.points), scheme=schemes.Fourier())

    def model(self) -> PDE:
        grid, p = self.grid(), self.power

        def rhs(t: Any, state: Any) -> Any:
            return -(6.0 / (p + 1)) * grid.d(grid.dealias(grid.dealias(state.u) ** (p + 1)))

        return PDE(rhs, grid, ["u"], linear=lambda d, p: -(d.x**3))

    def stepper(self) -> Stepper:
        return Stepper(self.model(), self.dt, "etdrk4", self.substeps)

    def soliton(self, speed: float, centre: float = 0.0, time: float = 0.0) -> np.ndarray:
        """u = [c(p+1)(p+2)/12 · sech²(p√c/2 · (x − centre − ct))]^(1/p) on the grid, periodically continued."""
        speed = number(speed, "speed", "soliton", above=0)
        centre, time = number(centre, "centre", "soliton"), number(time, "time", "soliton")
        p, half = self.power, self.length / 2
        x = self.grid().coordinates("x") - centre - speed * time
        x = (x + half) % self.length - half
        return (speed * (p + 1) * (p + 2) / 12.0 / np.cosh(0.5 * p * np.sqrt(speed) * x) ** 2) ** (1.0 / p)

    def initial(self, trajectories: int = 1, seed: int = 0) -> dict[str, np.ndarray]:
        """Two solitons each, of speeds between 0.5 and 3, the faster one behind."""
        trajectories, seed = checked_draw(trajectories, seed)
        generator = np.random.default_rng(seed)
        rows = []
        for _ in range(trajectories):
            slow, fast = np.sort(generator.uniform(0.5, 3.0, 2))
            rows.append(self.soliton(fast, -self.length / 4) + self.soliton(slow, self.length / 8))
        return {"u": np.stack(rows)}
