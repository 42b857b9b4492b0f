"""Two-dimensional Kolmogorov flow: turbulence driven by a sine wave, in vorticity form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..checks import known_arguments
from ..grid import Axis, Grid, schemes
from ..model import PDE, Condition, Stepper
from .random_fields import random_waves
from .ready import ReadyProblem
from .stream_function import velocity

__all__ = ["KolmogorovFlow"]


@known_arguments
@dataclass(frozen=True)
class KolmogorovFlow(ReadyProblem):
    """∂ω/∂t = −u·∇ω + Δω/Re − α ω − k cos(k y) on the periodic square [0, 2π)², u = ∇×ψ, Δψ = −ω.

    The forcing is that of the body force sin(k y) along x. Pseudo-spectral, with 2/3 dealiasing.

    Parameters
    ----------
    reynolds
        Default of the condition `reynolds`, Re, which may differ between trajectories.
    forcing
        Wave number k.
    drag
        α, linear friction.
    points
        Along each axis.
    dt, substeps, scheme
        Time between two states, and steps within it.

    Examples
    --------
    >>> import unideq as ude
    >>> data = ude.problems.KolmogorovFlow(points=32).data(steps=5)
    >>> dict(data.vorticity.sizes)
    {'trajectory': 1, 'time': 6, 'x': 32, 'y': 32}
    """

    title: ClassVar[str] = "Two-dimensional Kolmogorov flow"
    equation: ClassVar[str] = "ω_t = -u·∇ω + Δω/Re - α ω - k cos(k y)"
    source: ClassVar[str] = (
        "G. J. Chandler, R. R. Kerswell, J. Fluid Mech. 722 (2013) 554-595; settings of arXiv:2402.12971"
    )
    reynolds: float = 600.0
    forcing: int = 6
    drag: float = 0.1
    points: int = 128
    dt: float = 0.01
    substeps: int = 1
    scheme: str = "etdrk4"

    def grid(self) -> Grid:
        axes = [Axis(name, 0.0, 2 * np.pi, self.points) for name in "xy"]
        return Grid(*axes, scheme=schemes.Fourier())

    def model(self) -> PDE:
        grid, k, drag = self.grid(), self.forcing, self.drag
        force = np.broadcast_to(-k * np.cos(k * grid.coordinates("y")), grid.shape)

        def rhs(t: Any, state: Any) -> Any:
            vorticity = grid.dealias(state.vorticity)
            u, v = velocity(grid, vorticity)
            advection = u * grid.d(vorticity, "x") + v * grid.d(vorticity, "y")
            return force - grid.dealias(advection)

        def linear(d: Any, p: Any) -> Any:
            return (d.x**2 + d.y**2) / p.reynolds - drag

        conditions = {"reynolds": Condition(self.reynolds, description="Reynolds number")}
        return PDE(rhs, grid, ["vorticity"], conditions, linear=linear)

    def stepper(self) -> Stepper:
        return Stepper(self.model(), self.dt, self.scheme, self.substeps)

    def initial(self, trajectories: int = 1, seed: int = 0) -> dict[str, np.ndarray]:
        """Random vortices with a spectrum around wave number 4."""
        modes = min(10, self.points // 4)
        return {"vorticity": random_waves(self.grid(), trajectories, seed, modes=modes, amplitude=2.0, peak=4)}
