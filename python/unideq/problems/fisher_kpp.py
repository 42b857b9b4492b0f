"""Fisher–KPP: diffusion and logistic growth make travelling fronts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..checks import known_arguments
from ..grid import Axis, Grid, schemes
from ..model import PDE, Parameter, State, Stepper
from .random_fields import checked_draw
from .ready import ReadyProblem

__all__ = ["FisherKPP"]


@known_arguments
@dataclass(frozen=True)
class FisherKPP(ReadyProblem):
    """∂ρ/∂t = D ∂²ρ/∂x² + r ρ (1 − ρ) on a periodic interval; fronts travel at 2√(rD).

    Parameters
    ----------
    diffusivity, growth
        D and r.
    length, points
        Of the interval [0, length).
    dt, substeps
        Time between two states, and RK4 steps within it.
    scheme
        Of ∂²ρ/∂x²; default `Central(2)`, the three-point stencil that the source learns.

    Examples
    --------
    >>> import unideq as ude
    >>> data = ude.problems.FisherKPP().data(steps=100, every=10)
    >>> dict(data.rho.sizes), float(data.time[-1])
    ({'trajectory': 1, 'time': 11, 'x': 25}, 5.0)
    """

    title: ClassVar[str] = "Fisher-KPP equation"
    equation: ClassVar[str] = "ρ_t = D ρ_xx + r ρ (1 - ρ)"
    source: ClassVar[str] = (
        "R. A. Fisher, Ann. Eugen. 7 (1937) 355-369; settings of C. Rackauckas et al., arXiv:2001.04385"
    )
    diffusivity: float = 0.01
    growth: float = 1.0
    length: float = 1.0
    points: int = 25
    dt: float = 0.05
    substeps: int = 1
    scheme: Any = None

    def grid(self) -> Grid:
        return Grid(Axis("x", 0.0, self.length, self.points), scheme=self.scheme or schemes.Central(2))

    def model(self) -> PDE:
        grid = self.grid()

        def rhs(t: Any, state: Any, p: Any) -> Any:
            return p.diffusivity * grid.d(state.rho, order=2) + p.growth * state.rho * (1.0 - state.rho)

        parameters = {
            "diffusivity": Parameter(self.diffusivity, positive=True),
            "growth": Parameter(self.growth, positive=True),
        }
        return PDE(rhs, grid, {"rho": State(description="population density")}, parameters)

    def stepper(self) -> Stepper:
        return Stepper(self.model(), self.dt, "rk4", self.substeps)

    def initial(self, trajectories: int = 1, seed: int = 0) -> dict[str, np.ndarray]:
        """A plateau of height 1 and width length/5 in the middle (the source's); further ones differ in all three."""
        trajectories, seed = checked_draw(trajectories, seed)
        x, generator = self.grid().coordinates("x") / self.length, np.random.default_rng(seed)
        rows = []
        for k in range(trajectories):
            width = 0.2 if k == 0 else generator.uniform(0.1, 0.4)
            centre = 0.5 if k == 0 else generator.uniform(0.0, 1.0)
            height = 1.0 if k == 0 else generator.uniform(0.3, 1.0)
            apart = np.abs((x - centre + 0.5) % 1.0 - 0.5)
            rows.append(0.5 * height * (1.0 - np.tanh((apart - width / 2) / (width / 10))))
        return {"rho": np.stack(rows)}
