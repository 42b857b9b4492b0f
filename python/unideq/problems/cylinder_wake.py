"""Flow past a cylinder: a wake that starts to shed vortices, by volume penalisation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..checks import known_arguments
from ..grid import Axis, Grid, schemes
from ..grid.stream_function import project
from ..model import PDE, Parameter, State, Stepper
from .random_fields import checked_draw
from .ready import ReadyProblem

__all__ = ["CylinderWake"]


@known_arguments
@dataclass(frozen=True)
class CylinderWake(ReadyProblem):
    """∂u/∂t = P[−u·∇u − χ u/η − λ (u − U)] + Δu/Re around a cylinder of diameter 1 in a stream U = (1, 0).

    P projects on divergence-free fields (the pressure). The cylinder's mask χ brakes the fluid within a time η (Angot,
    Bruneau & Fabrie 1999); the box is periodic, and a fringe λ in front of its right end turns the wake into the
    uniform stream again before it comes back in from the left. Pseudo-spectral, with 2/3 dealiasing.

    Parameters
    ----------
    reynolds
        Re = U·diameter/ν. Vortices are shed above about 47.
    length, height
        Of the box, in diameters; the cylinder stands at a quarter of the length, a little off the middle.
    points
        Along x and y.
    penalisation
        η; the explicit steps need dt/substeps < about 2.5 η.
    dt, substeps
        Time between two states, and steps within it.

    Examples
    --------
    >>> import unideq as ude
    >>> data = ude.problems.CylinderWake(points=(64, 32)).data(steps=2)
    >>> sorted(data.data_vars)
    ['u', 'v']
    """

    title: ClassVar[str] = "Wake of a circular cylinder"
    equation: ClassVar[str] = "u_t = P[-u·∇u - χ u/η - λ (u - U)] + Δu/Re"
    source: ClassVar[str] = "P. Angot, C.-H. Bruneau, P. Fabrie, Numer. Math. 81 (1999) 497-520"
    reynolds: float = 100.0
    length: float = 16.0
    height: float = 8.0
    points: tuple[int, int] = (192, 96)
    penalisation: float = 0.02
    dt: float = 0.02
    substeps: int = 1

    def grid(self) -> Grid:
        x = Axis("x", 0.0, self.length, self.points[0], units="diameters")
        y = Axis("y", 0.0, self.height, self.points[1], units="diameters")
        return Grid(x, y, scheme=schemes.Fourier())

    def mask(self) -> np.ndarray:
        """χ on the grid: 1 inside the cylinder, 0 outside, smoothed over a cell."""
        grid = self.grid()
        x, y = grid.mesh()
        width = 0.5 * max(grid.axis("x").spacing, grid.axis("y").spacing)
        distance = np.hypot(x - self.length / 4, y - 0.5 * self.height) - 0.5
        return 0.5 * (1.0 - np.tanh(distance / width))

    def fringe(self) -> np.ndarray:
        """λ on the grid: up to 2 within the last eighth of the length."""
        x, _ = self.grid().mesh()
        part = np.clip((x / self.length - 0.875) / 0.125, 0.0, 1.0)
        return 2.0 * np.sin(np.pi * part) ** 2

    def model(self) -> PDE:
        grid, fringe = self.grid(), self.fringe()
        brake = self.mask() / self.penalisation

        def rhs(t: Any, state: Any) -> Any:
            u, v = grid.dealias(state.u), grid.dealias(state.v)

            def carried(a: Any) -> Any:
                return u * grid.d(a, "x") + v * grid.d(a, "y")

            along = -carried(u) - brake * state.u - fringe * (state.u - 1.0)
            across = -carried(v) - (brake + fringe) * state.v
            along, across = project(grid, grid.dealias(along), grid.dealias(across))
            return {"u": along, "v": across}

        fields = {"u": State(description="velocity along the stream"), "v": State(description="velocity across")}
        parameters = {"reynolds": Parameter(self.reynolds, free=False)}
        friction = lambda d, p: (d.x**2 + d.y**2) / p.reynolds  # noqa: E731
        return PDE(rhs, grid, fields, parameters, linear={"u": friction, "v": friction})

    def stepper(self) -> Stepper:
        return Stepper(self.model(), self.dt, "etdrk4", self.substeps)

    def initial(self, trajectories: int = 1, seed: int = 0) -> dict[str, np.ndarray]:
        """The uniform stream with a small random disturbance behind the cylinder, free of divergence."""
        trajectories, seed = checked_draw(trajectories, seed)
        grid, generator = self.grid(), np.random.default_rng(seed)
        x, y = grid.mesh()
        across = []
        for _ in range(trajectories):
            at, size = generator.uniform(-0.5, 0.5, 2)
            bump = np.exp(-((x - self.length / 4 - 2.0) ** 2) - (y - self.height / 2 - at) ** 2)
            across.append((0.2 + 0.2 * size) * bump)
        across = np.stack(across)
        along, across = project(grid, np.zeros_like(across), grid.dealias(across))
        return {"u": 1.0 + np.asarray(along), "v": np.asarray(across)}
