"""Two-dimensional Kolmogorov flow: turbulence driven by a sine wave, in vorticity form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..checks import known_arguments
from .two_dimensional_turbulence import TwoDimensionalTurbulence

__all__ = ["KolmogorovFlow"]


@known_arguments
@dataclass(frozen=True)
class KolmogorovFlow(TwoDimensionalTurbulence):
    """∂ω/∂t = −u·∇ω + Δω/Re − α ω − k cos(k y) on the periodic square [0, 2π)², u = ∇×ψ, Δψ = −ω.

    `TwoDimensionalTurbulence` with the settings of its most studied case; parameters are the same.

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
    forcing: int | None = 6
    drag: float = 0.1
