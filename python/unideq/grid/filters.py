"""Filters of large-eddy simulation: what a coarse grid is meant to see of a field, as factors on Fourier modes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..checks import known_arguments, number, settle
from .axis import Axis

__all__ = ["Box", "Filter", "Gaussian", "Sharp"]


@dataclass(frozen=True)
class Filter:
    """Base of the filters of periodic fields: G(k), a factor on each Fourier mode, which commutes with derivatives."""

    width: float | None = None

    def __post_init__(self) -> None:
        settle(self, number, "width", above=0, none=True)

    def transfer(self, axes: Sequence[Axis], widths: Sequence[float]) -> np.ndarray:
        """G over the half spectrum (…, n//2 + 1) of fields on these axes, with a width along each."""
        n = len(axes)
        scaled = []
        for i, (axis, width) in enumerate(zip(axes, widths, strict=True)):
            numbers = np.arange(axis.points // 2 + 1) if i == n - 1 else np.fft.fftfreq(axis.points) * axis.points
            scaled.append(
                (2.0 * np.pi / axis.length * width * numbers).reshape([-1 if a == i else 1 for a in range(n)])
            )
        return self.of(scaled)

    def of(self, scaled: Sequence[np.ndarray]) -> np.ndarray:
        """G from the wavenumber times the width along each axis, arrays that broadcast."""
        raise NotImplementedError


@known_arguments
@dataclass(frozen=True)
class Gaussian(Filter):
    """G(k) = exp(−k²Δ²/24): smooth in space and in wavenumber, with the second moment of a box of width Δ.

    Parameters
    ----------
    width
        Δ, in units of the coordinates. Default: twice the spacing of the coarse grid, along each axis.

    Examples
    --------
    >>> import unideq as ude
    >>> ude.filters.Gaussian(0.1).width
    0.1
    """

    def of(self, scaled: Sequence[np.ndarray]) -> np.ndarray:
        return np.exp(-sum(k**2 for k in scaled) / 24.0)


@known_arguments
@dataclass(frozen=True)
class Box(Filter):
    """G(k) = sin(kΔ/2)/(kΔ/2) along each axis: the mean over a box of width Δ.

    Parameters
    ----------
    width
        As for `Gaussian`.
    """

    def of(self, scaled: Sequence[np.ndarray]) -> np.ndarray:
        found = np.ones(())
        for k in scaled:
            found = found * np.sinc(k / (2.0 * np.pi))
        return found


@known_arguments
@dataclass(frozen=True)
class Sharp(Filter):
    """G(k) = 1 where |k| ≤ π/Δ, else 0: a cut in wavenumber (of an ellipse where widths differ).

    Parameters
    ----------
    width
        As for `Gaussian`.
    """

    def of(self, scaled: Sequence[np.ndarray]) -> np.ndarray:
        return np.where(sum(k**2 for k in scaled) <= np.pi**2 * (1.0 + 1e-12), 1.0, 0.0)
