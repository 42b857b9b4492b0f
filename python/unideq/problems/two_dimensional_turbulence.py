"""Two-dimensional turbulence in vorticity form: decaying or driven, with friction and on a β-plane."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..checks import known_arguments
from ..errors import OptionError
from ..grid import Axis, Grid, schemes
from ..grid.stream_function import velocity
from ..model import PDE, Condition, Stepper
from .random_fields import random_waves
from .turbulence import Turbulence

__all__ = ["TwoDimensionalTurbulence"]


@known_arguments
@dataclass(frozen=True)
class TwoDimensionalTurbulence(Turbulence):
    """∂ω/∂t = −u·∇ω + Δω/Re − α ω − β v − A k cos(k y) on the periodic square [0, 2π)².

    u = (u, v) = (∂ψ/∂y, −∂ψ/∂x) with Δψ = −ω, so that ω = ∂v/∂x − ∂u/∂y. The force is that of the body force A sin(k y)
    along x. Pseudo-spectral, with 2/3 dealiasing; viscosity, friction and β are linear, and exact in the `etd` schemes.

    Parameters
    ----------
    reynolds
        Default of the condition `reynolds`, Re, which may differ between trajectories.
    forcing
        Wavenumber k; None: there is no force, and the flow decays.
    drag
        α, linear friction.
    points
        Along each axis.
    dt, substeps, scheme
        Time between two states, and steps within it.
    amplitude
        A.
    beta
        β, the rise of the planetary vorticity along y: waves of wavenumber κ travel along −x at β/κ².

    Notes
    -----
    Energy piles up at the largest scales where nothing takes it: forced flows need a `drag` to become stationary. With
    0.1, 256 points resolve Re = 1000 at the forcings 4 (dt 0.005) and 25, and 8000 barely; decaying flow of 8000 well.

    Examples
    --------
    >>> import unideq as ude
    >>> decaying = ude.problems.TwoDimensionalTurbulence(points=32)
    >>> data = decaying.data(steps=5)
    >>> bool((data.vorticity**2).mean().item() < (data.vorticity.isel(time=0) ** 2).mean().item())
    True
    """

    title: ClassVar[str] = "Two-dimensional turbulence"
    equation: ClassVar[str] = "ω_t = -u·∇ω + Δω/Re - α ω - β v - A k cos(k y)"
    source: ClassVar[str] = (
        "G. Boffetta, R. E. Ecke, Annu. Rev. Fluid Mech. 44 (2012) 427-451; the force and friction of arXiv:2206.03198"
    )
    field: ClassVar[str] = "vorticity"
    invariants: ClassVar[dict[str, float]] = {"energy": -2.0, "enstrophy": 0.0}
    cascade: ClassVar[tuple[str, float, float]] = ("enstrophy", -1.0, 1.0)
    reynolds: float = 1000.0
    forcing: int | None = None
    drag: float = 0.0
    points: int = 128
    dt: float = 0.01
    substeps: int = 1
    scheme: str = "etdrk4"
    amplitude: float = 1.0
    beta: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.forcing is not None and 2 * self.forcing >= self.points:
            raise OptionError(
                f"`forcing` is a wave of wavenumber {self.forcing}, which {self.points} points can't carry: it needs "
                f"more than {2 * self.forcing}, and {3 * self.forcing + 1} to be advected without aliases."
            )

    def grid(self) -> Grid:
        axes = [Axis(name, 0.0, 2 * np.pi, self.points) for name in "xy"]
        return Grid(*axes, scheme=schemes.Fourier())

    def force(self) -> np.ndarray | None:
        """−A k cos(k y) on the grid; None where there is none."""
        if self.forcing is None:
            return None
        k, grid = self.forcing, self.grid()
        return np.broadcast_to(-self.amplitude * k * np.cos(k * grid.coordinates("y")), grid.shape)

    def model(self) -> PDE:
        grid, force, drag, beta = self.grid(), self.force(), self.drag, self.beta

        def rhs(t: Any, state: Any) -> Any:
            carried = _advection(grid, state.vorticity)
            return -carried if force is None else force - carried

        def linear(d: Any, p: Any) -> Any:
            friction = (d.x**2 + d.y**2) / p.reynolds - drag
            return friction - beta * d.x / (d.x**2 + d.y**2) if beta else friction

        conditions = {"reynolds": Condition(self.reynolds, description="Reynolds number")}
        return PDE(rhs, grid, ["vorticity"], conditions, linear=linear)

    def stepper(self) -> Stepper:
        return Stepper(self.model(), self.dt, self.scheme, self.substeps)

    def initial(self, trajectories: int = 1, seed: int = 0) -> dict[str, np.ndarray]:
        """Random vortices with a spectrum around wave number 4."""
        modes = min(10, self.points // 4)
        return {"vorticity": random_waves(self.grid(), trajectories, seed, modes=modes, amplitude=2.0, peak=4)}

    # ---- as turbulence ----------------------------------------------------------------------------------------

    @property
    def driven(self) -> float | None:
        return self.forcing

    def terms(self, q: np.ndarray, given: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        grid, force = self.grid(), self.force()
        waves = velocity(grid, q)[1] if self.beta else None
        found = {
            "force": None if force is None else np.broadcast_to(force, q.shape),
            "viscosity": grid.laplacian(q) / given["reynolds"][:, None, None],
            "drag": -self.drag * q if self.drag else None,
            "rotation": None if waves is None else -self.beta * waves,
            "advection": -_advection(grid, q),
        }
        return {name: part for name, part in found.items() if part is not None}

    def velocities(self, q: np.ndarray) -> tuple[np.ndarray, ...]:
        return velocity(self.grid(), q)

    def dissipative(self, q: np.ndarray, given: Mapping[str, np.ndarray]) -> float:
        """(χ Re³)^(1/6), of Kraichnan and Batchelor, with χ the dissipation of enstrophy."""
        grid, reynolds = self.grid(), given["reynolds"]
        strained = np.mean(grid.d(q, "x") ** 2 + grid.d(q, "y") ** 2, axis=(1, 2))
        return float(np.mean((strained * reynolds**2) ** (1 / 6)))


def _advection(grid: Grid, vorticity: Any) -> Any:
    """u·∇ω without aliases."""
    vorticity = grid.dealias(vorticity)
    u, v = velocity(grid, vorticity)
    return grid.dealias(u * grid.d(vorticity, "x") + v * grid.d(vorticity, "y"))
