"""Burgers' equation with a random force: shocks without end, the cheapest turbulence there is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..checks import known_arguments
from ..errors import OptionError
from ..grid import Grid
from ..model import Condition
from .burgers import Burgers

__all__ = ["ForcedBurgers"]

WAVES = 128
"""Of each wavenumber: what two trajectories' forces have in common by chance is of the order 1/√(2·128)."""
PERIODS = 1e4
"""Correlation times among which trajectories start."""


@known_arguments
@dataclass(frozen=True)
class ForcedBurgers(Burgers):
    """∂u/∂t = −u ∂u/∂x + ν ∂²u/∂x² + f(x, t) on a periodic interval, with f random at large scales.

    f is a stationary, homogeneous Gaussian field, the sum of 128 waves of each of the first wavenumbers k, with normal
    frequencies: ⟨f f⟩ = A²/K Σₖ cos(k Δx) exp(−Δt²/(2T²)). It is one function of space and time, the same on every grid
    and smooth, so that schemes keep their order. A trajectory reads it from its condition `force_start` on:
    f(x, force_start + t).

    Parameters
    ----------
    viscosity, length, points, mean, dt, substeps, advection, diffusion
        As for `Burgers`.
    amplitude
        A, the force's root mean square.
    modes
        K, the number of its wavenumbers, 2π/length and multiples.
    correlation
        T, its correlation time.

    Notes
    -----
    `data` and `developed` draw `force_start` from their seed, another for each trajectory, unless `conditions` say it.
    Shocks make the energy's spectrum fall as k⁻². Single precision rounds times of 10⁴ to 0.001, and the force with it.

    Examples
    --------
    >>> import unideq as ude
    >>> data = ude.problems.ForcedBurgers(points=64, viscosity=0.05).data(2, steps=10)
    >>> bool(data.force_start[0] != data.force_start[1])
    True
    """

    title: ClassVar[str] = "Randomly forced Burgers equation"
    equation: ClassVar[str] = "u_t = -u u_x + ν u_xx + f(x, t)"
    source: ClassVar[str] = (
        "A. Chekhlov, V. Yakhot, Phys. Rev. E 52 (1995) 5681-5684, where f is white in time; random waves as in "
        "R. H. Kraichnan, Phys. Fluids 13 (1970) 22-31"
    )
    viscosity: float = 0.02
    points: int = 512
    dt: float = 0.004
    amplitude: float = 1.0
    modes: int = 3
    correlation: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if 2 * self.modes >= self.points:
            raise OptionError(
                f"`modes` is {self.modes}, which {self.points} points can't carry: they need more than "
                f"{2 * self.modes}, and {3 * self.modes + 1} to advect them without aliases."
            )

    @property
    def _conditions(self) -> dict[str, Condition]:
        return {"force_start": Condition(0.0, description="time of the force at time 0")}

    def _drawn(self, trajectories: int, seed: int, conditions: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
        drawn = np.random.default_rng([seed, 1]).uniform(0.0, PERIODS * self.correlation, trajectories)
        return {"force_start": drawn, **(conditions or {})}

    def _later(self, given: Mapping[str, np.ndarray], time: float) -> Mapping[str, np.ndarray]:
        return {"force_start": given["force_start"] + time}

    def _force(self, grid: Grid, t: Any, p: Any) -> Any:
        generator = np.random.default_rng(self.modes)
        phases = generator.uniform(0.0, 2 * np.pi, (self.modes, WAVES))
        frequencies = generator.normal(0.0, 1.0 / self.correlation, (self.modes, WAVES))
        k = 2 * np.pi / self.length * np.arange(1, self.modes + 1)
        size = self.amplitude * np.sqrt(2.0 / phases.size)
        x = np.outer(k, grid.coordinates("x"))
        angles = phases + frequencies * (t + p.force_start)
        return (size * np.cos(angles).sum(axis=1)) @ np.cos(x) - (size * np.sin(angles).sum(axis=1)) @ np.sin(x)

    @property
    def driven(self) -> float | None:
        return 2 * np.pi / self.length * self.modes

    def terms(self, q: np.ndarray, given: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        grid = self.grid()
        rows = [self._force(grid, t, _At(s)) for t, s in zip(given["time"], given["force_start"], strict=True)]
        return {"force": np.stack(rows), **super().terms(q, given)}


@dataclass(frozen=True)
class _At:
    force_start: float
