"""Parabolic equations in many dimensions whose value at one point is known: what `BackwardProblem` is measured by."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Any, ClassVar

import numpy as np

from ..backward import BackwardProblem
from ..checks import known_arguments, number, settle, whole

__all__ = [
    "BlackScholesBarenblatt", "BurgersType", "HamiltonJacobiBellman", "HighDimensional", "HighDimensionalAllenCahn",
    "QuadraticGradient", "ReactionDiffusion",
]  # fmt: skip


class HighDimensional:
    """Base of these problems: frozen settings with good defaults, the `BackwardProblem`, and its known value.

    Attributes
    ----------
    equation
        In Unicode.
    source
        Where the equation, or these settings, come from.
    """

    title: ClassVar[str] = ""
    equation: ClassVar[str] = ""
    source: ClassVar[str] = ""

    dimension: int
    horizon: float
    steps: int

    def __post_init__(self) -> None:
        for field in fields(self):  # type: ignore[arg-type]
            if field.name in ("dimension", "steps"):
                settle(self, whole, field.name, least=1)
            else:
                settle(self, number, field.name, above=0)

    def problem(self, **settings: Any) -> BackwardProblem:
        """The equation, to be trained.

        Parameters
        ----------
        settings
            `learns`, `network`, `guided` of `BackwardProblem`.
        """
        raise NotImplementedError

    @property
    def value(self) -> float:
        """u(0, x₀)."""
        raise NotImplementedError

    def _made(self, generator: Any, terminal: Any, initial: Any, diffusion: Any, settings: Any) -> BackwardProblem:
        given = {"steps": self.steps, **settings}
        return BackwardProblem(generator, terminal, initial, self.horizon, diffusion=diffusion, **given)


@known_arguments
@dataclass(frozen=True)
class HamiltonJacobiBellman(HighDimensional):
    """∂u/∂t + Δu = λ |∇u|², g = ln((1 + |x|²)/2): a linear-quadratic control problem with its cost at the end, from 0.

    Parameters
    ----------
    dimension, horizon
        d and T.
    strength
        λ of the control.
    steps
        Of a path.

    Examples
    --------
    >>> import unideq as ude
    >>> round(ude.problems.HamiltonJacobiBellman().value, 6)
    4.590162
    """

    title: ClassVar[str] = "Hamilton-Jacobi-Bellman equation"
    equation: ClassVar[str] = "u_t + Δu = λ |∇u|²"
    source: ClassVar[str] = "J. Han, A. Jentzen, W. E, PNAS 115 (2018) 8505, arXiv:1707.02568"
    dimension: int = 100
    horizon: float = 1.0
    strength: float = 1.0
    steps: int = 20

    def problem(self, **settings: Any) -> BackwardProblem:
        def generator(z: Any) -> Any:
            return -0.5 * self.strength * np.sum(z**2)  # z = √2 ∇u

        return self._made(generator, _log_of_square, np.zeros(self.dimension), np.sqrt(2.0), settings)

    @property
    def value(self) -> float:
        """−ln E exp(−λ g(√2 W_T)) / λ (Cole and Hopf), by quadrature over |W_T|², which is T times χ² of d degrees."""
        d = self.dimension
        root = np.linspace(0.0, math.sqrt(d) + 12.0, 40_001)[1:]  # χ
        density = (d - 1) * np.log(root) - 0.5 * root**2 - (0.5 * d - 1) * math.log(2.0) - math.lgamma(0.5 * d)
        cost = np.log(0.5 * (1.0 + 2.0 * self.horizon * root**2))
        return -math.log(float(np.trapezoid(np.exp(density - self.strength * cost), root))) / self.strength


@known_arguments
@dataclass(frozen=True)
class BlackScholesBarenblatt(HighDimensional):
    """∂u/∂t + ½ Σ σ² xᵢ² ∂²u/∂xᵢ² = r (u − x·∇u), g = |x|², from (1, ½, 1, ½, …).

    The solution is exp((r + σ²)(T − t)) |x|².

    Parameters
    ----------
    dimension, horizon
        d and T.
    rate, volatility
        r and σ.
    steps
        Of a path.
    """

    title: ClassVar[str] = "Black-Scholes-Barenblatt equation"
    equation: ClassVar[str] = "u_t + ½ σ² Σ xᵢ² u_ii = r (u − x·∇u)"
    source: ClassVar[str] = "M. Raissi, arXiv:1804.07010"
    dimension: int = 100
    horizon: float = 1.0
    rate: float = 0.05
    volatility: float = 0.4
    steps: int = 20

    @property
    def start(self) -> np.ndarray:
        """x₀ (d,)."""
        return np.where(np.arange(self.dimension) % 2, 0.5, 1.0)

    def problem(self, **settings: Any) -> BackwardProblem:
        def generator(y: Any, z: Any) -> Any:
            return -self.rate * (y - np.sum(z) / self.volatility)  # z = σ x ∂u/∂x

        return self._made(generator, lambda x: np.sum(x**2), self.start, lambda x: self.volatility * x, settings)

    @property
    def value(self) -> float:
        return math.exp((self.rate + self.volatility**2) * self.horizon) * float(np.sum(self.start**2))


@known_arguments
@dataclass(frozen=True)
class HighDimensionalAllenCahn(HighDimensional):
    """∂u/∂t + Δu + u − u³ = 0, g = 1 / (2 + ⅖ |x|²), from 0. Its value, 0.0528, is the published one of these settings.

    Parameters
    ----------
    dimension, horizon
        d and T.
    steps
        Of a path.
    """

    title: ClassVar[str] = "Allen-Cahn equation in many dimensions"
    equation: ClassVar[str] = "u_t + Δu + u − u³ = 0"
    source: ClassVar[str] = "W. E, J. Han, A. Jentzen, arXiv:1706.04702; value by branching diffusion"
    dimension: int = 100
    horizon: float = 0.3
    steps: int = 20

    def problem(self, **settings: Any) -> BackwardProblem:
        def terminal(x: Any) -> Any:
            return 1.0 / (2.0 + 0.4 * np.sum(x**2))

        return self._made(lambda y: y - y**3, terminal, np.zeros(self.dimension), np.sqrt(2.0), settings)

    @property
    def value(self) -> float:
        """The published one; NaN at other settings."""
        return 0.0528 if (self.dimension, self.horizon) == (100, 0.3) else math.nan


@known_arguments
@dataclass(frozen=True)
class BurgersType(HighDimensional):
    """∂u/∂t + ½ d² Δu + (u − (2 + d)/(2 d)) d Σ ∂u/∂xᵢ = 0 from 0; u = 1 / (1 + exp(−t − Σ xᵢ/d)).

    Parameters
    ----------
    dimension, horizon
        d and T.
    steps
        Of a path.
    """

    title: ClassVar[str] = "Equation of Burgers' type"
    equation: ClassVar[str] = "u_t + ½ d² Δu + (u − (2 + d)/(2d)) d Σ u_i = 0"
    source: ClassVar[str] = "W. E, J. Han, A. Jentzen, arXiv:1706.04702, section 4.5"
    dimension: int = 50
    horizon: float = 0.2
    steps: int = 30

    def problem(self, **settings: Any) -> BackwardProblem:
        d, end = self.dimension, self.horizon

        def generator(y: Any, z: Any) -> Any:
            return (y - (2.0 + d) / (2.0 * d)) * np.sum(z)

        def terminal(x: Any) -> Any:
            return 1.0 / (1.0 + np.exp(-end - np.sum(x) / d))

        return self._made(generator, terminal, np.zeros(d), float(d), settings)

    @property
    def value(self) -> float:
        return 0.5


@known_arguments
@dataclass(frozen=True)
class QuadraticGradient(HighDimensional):
    """∂u/∂t + ½ Δu + |∇u|² = ∂ψ/∂t + ½ Δψ + |∇ψ|² from 0; u = ψ = sin(s^α) with s = T − t + |x|²/d.

    Parameters
    ----------
    dimension, horizon
        d and T.
    exponent
        α.
    steps
        Of a path.
    """

    title: ClassVar[str] = "Equation with a gradient that grows quadratically"
    equation: ClassVar[str] = "u_t + ½ Δu + |∇u|² = ψ_t + ½ Δψ + |∇ψ|²"
    source: ClassVar[str] = (
        "E. Gobet, P. Turkedjiev, Math. Comp. 85 (2016) 1359; settings of arXiv:1706.04702, section 4.6"
    )
    dimension: int = 100
    horizon: float = 1.0
    exponent: float = 0.4
    steps: int = 30

    def problem(self, **settings: Any) -> BackwardProblem:
        d, end, a = self.dimension, self.horizon, self.exponent

        def generator(t: Any, x: Any, z: Any) -> Any:
            square = np.sum(x**2)
            s = end - t + square / d
            inner = a * s ** (a - 1.0)
            first = np.cos(s**a) * inner  # dψ/ds
            second = np.cos(s**a) * (a - 1.0) * inner / s - np.sin(s**a) * inner**2
            laplacian = 2.0 * first + 4.0 * square / d**2 * second
            return np.sum(z**2) - (0.5 * laplacian - first + 4.0 * square / d**2 * first**2)

        def terminal(x: Any) -> Any:
            return np.sin((np.sum(x**2) / d) ** a)

        return self._made(generator, terminal, np.zeros(d), 1.0, settings)

    @property
    def value(self) -> float:
        return math.sin(self.horizon**self.exponent)


@known_arguments
@dataclass(frozen=True)
class ReactionDiffusion(HighDimensional):
    """∂u/∂t + ½ Δu + min(1, (u − ψ)²) = 0 from 0; u = ψ = 1 + κ + sin(λ Σ xᵢ) exp(λ² d (t − T)/2), λ = 1/√d.

    Parameters
    ----------
    dimension, horizon
        d and T.
    level
        κ.
    steps
        Of a path.
    """

    title: ClassVar[str] = "Reaction-diffusion equation with an oscillating solution"
    equation: ClassVar[str] = "u_t + ½ Δu + min(1, (u − ψ)²) = 0"
    source: ClassVar[str] = "E. Gobet, P. Turkedjiev, SPA 127 (2017) 1171; settings of arXiv:1706.04702, section 4.7"
    dimension: int = 100
    horizon: float = 1.0
    level: float = 0.6
    steps: int = 30

    def problem(self, **settings: Any) -> BackwardProblem:
        end, middle, rate = self.horizon, 1.0 + self.level, self.dimension**-0.5

        def wave(x: Any) -> Any:
            return np.sin(rate * np.sum(x))

        def generator(t: Any, x: Any, y: Any) -> Any:
            return np.minimum(1.0, (y - middle - wave(x) * np.exp(0.5 * (t - end))) ** 2)

        return self._made(generator, lambda x: middle + wave(x), np.zeros(self.dimension), 1.0, settings)

    @property
    def value(self) -> float:
        return 1.0 + self.level


def _log_of_square(x: Any) -> Any:
    return np.log(0.5 * (1.0 + np.sum(x**2)))
