"""Implicit-explicit schemes: the linear part implicit, by division in Fourier space; the rest explicit."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...graph import Expression, variable
from .scheme import Coefficient, Scheme
from .spectral import Spectra, SpectralModel

__all__ = ["ImexEuler", "ImexRK2"]


class ImexEuler(Scheme):
    """Semi-implicit Euler: û⁺ = (û + h N̂(u)) / (1 − hL)."""

    name, order, needs_linear = "imex", 1, True
    coefficient_names = ("inverse",)

    def coefficients(self, symbol: np.ndarray, h: float) -> dict[str, np.ndarray]:
        return {"inverse": 1.0 / (1.0 - h * symbol)}

    def advance(self, model: Any, h: float, substeps: int, times: Coefficient) -> Expression:
        spectral = SpectralModel(model)
        u = spectral.split(model._u)
        for k in range(substeps):
            n = spectral.nonlinear(variable("t") + k * h, u)
            u = {f: times("inverse", f, u[f] + h * n[f]) for f in u}
        return spectral.join(u)


class ImexRK2(Scheme):
    """ARS(2,2,2), an L-stable second-order scheme (Ascher, Ruuth and Spiteri 1997, section 2.6)."""

    name, order, needs_linear = "imex2", 2, True
    coefficient_names = ("inverse", "linear")
    gamma = 1.0 - np.sqrt(0.5)

    def coefficients(self, symbol: np.ndarray, h: float) -> dict[str, np.ndarray]:
        return {"inverse": 1.0 / (1.0 - self.gamma * h * symbol), "linear": (1.0 - self.gamma) * h * symbol}

    def advance(self, model: Any, h: float, substeps: int, times: Coefficient) -> Expression:
        gamma = float(self.gamma)
        delta = 1.0 - 0.5 / gamma
        spectral = SpectralModel(model)
        u: Spectra = spectral.split(model._u)
        for k in range(substeps):
            t = variable("t") + k * h
            first = spectral.nonlinear(t, u)
            stage = {f: times("inverse", f, u[f] + (gamma * h) * first[f]) for f in u}
            second = spectral.nonlinear(t + gamma * h, stage)
            explicit = {f: (delta * h) * first[f] + ((1.0 - delta) * h) * second[f] for f in u}
            u = {f: times("inverse", f, u[f] + explicit[f] + times("linear", f, stage[f])) for f in u}
        return spectral.join(u)
