"""Kuramoto–Sivashinsky: the simplest equation with chaos in space and time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..checks import known_arguments
from ..grid import Axis, Grid, schemes
from ..model import PDE, Condition, Stepper
from .random_fields import random_waves
from .ready import ReadyProblem

__all__ = ["KuramotoSivashinsky"]


@known_arguments
@dataclass(frozen=True)
class KuramotoSivashinsky(ReadyProblem):
    """∂u/∂t = −u ∂u/∂x − ∂²u/∂x² − ∂⁴u/∂x⁴ on a periodic interval whose length may differ between trajectories.

    Parameters
    ----------
    length, points
        Of the interval [0, length). The condition `domain` (default 1) stretches it: x = domain · grid coordinate.
    dt, substeps, scheme
        Time between two states, and steps within it.
    dealias
        2/3 rule in the product.

    Notes
    -----
    Length 16π with 48 points and dt 1 in 2 substeps of `etdrk2` is List et al.'s; for larger domains take length 32π,
    256 points, dt 0.25.

    Examples
    --------
    >>> import unideq as ude
    >>> problem = ude.problems.KuramotoSivashinsky()
    >>> data = problem.data(3, steps=10, warmup=100, conditions={"domain": [0.9, 1.0, 1.1]})
    >>> data["domain"].values.tolist()
    [0.9, 1.0, 1.1]
    """

    title: ClassVar[str] = "Kuramoto-Sivashinsky equation"
    equation: ClassVar[str] = "u_t = -u u_x - u_xx - u_xxxx"
    source: ClassVar[str] = (
        "Y. Kuramoto, Prog. Theor. Phys. Suppl. 64 (1978) 346-367; settings of B. List et al., arXiv:2402.12971"
    )
    length: float = 16 * np.pi
    points: int = 48
    dt: float = 1.0
    substeps: int = 2
    scheme: str = "etdrk2"
    dealias: bool = False

    def grid(self) -> Grid:
        return Grid(Axis("x", 0.0, self.length, self.points), scheme=schemes.Fourier())

    def model(self) -> PDE:
        grid = self.grid()

        def rhs(t: Any, state: Any, p: Any) -> Any:
            square = grid.product(state.u, state.u) if self.dealias else state.u * state.u
            return -0.5 * grid.d(square) / p.domain

        def linear(d: Any, p: Any) -> Any:
            return -((d.x / p.domain) ** 2) - (d.x / p.domain) ** 4

        conditions = {"domain": Condition(1.0, description="length over that of the grid")}
        return PDE(rhs, grid, ["u"], conditions, linear=linear)

    def stepper(self) -> Stepper:
        return Stepper(self.model(), self.dt, self.scheme, self.substeps)

    def initial(self, trajectories: int = 1, seed: int = 0) -> dict[str, np.ndarray]:
        return {"u": random_waves(self.grid(), trajectories, seed, modes=6)}
