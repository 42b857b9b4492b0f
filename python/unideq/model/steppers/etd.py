"""Exponential time differencing for a diagonal linear part: ETD1, ETDRK2 and ETDRK4 (Cox and Matthews 2002).

Coefficients are means over a circle in the complex plane, where the formulae don't cancel (Kassam and Trefethen 2005,
section 3). Symbols may be complex. State and stages stay Fourier coefficients.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...graph import Expression, variable
from .scheme import Coefficient, Scheme
from .spectral import Spectra, SpectralModel

__all__ = ["ETD1", "ETDRK2", "ETDRK4", "contour_mean"]

POINTS = 64
"""On the circle; the trapezoidal rule converges geometrically, so that this is exact to rounding."""


def contour_mean(function: Callable[[np.ndarray], np.ndarray], z: np.ndarray) -> np.ndarray:
    """f(z) of an entire function as its mean over the circle of radius 1 around each z, complex like z."""
    circle = np.exp(2j * np.pi * (np.arange(POINTS) + 0.5) / POINTS)
    return function(np.asarray(z, dtype=complex)[..., None] + circle).mean(axis=-1)


def _phi1(z: np.ndarray) -> np.ndarray:
    return (np.exp(z) - 1.0) / z


def _phi2(z: np.ndarray) -> np.ndarray:
    return (np.exp(z) - 1.0 - z) / z**2


class ETD1(Scheme):
    """û⁺ = e^{hL} û + h φ₁(hL) N̂(u)."""

    name, order, needs_linear = "etd1", 1, True
    coefficient_names = ("exponential", "phi1")

    def coefficients(self, symbol: np.ndarray, h: float) -> dict[str, np.ndarray]:
        z = h * symbol
        return {"exponential": np.exp(z), "phi1": h * contour_mean(_phi1, z)}

    def advance(self, model: Any, h: float, substeps: int, times: Coefficient) -> Expression:
        spectral = SpectralModel(model)
        u = spectral.split(model._u)
        for k in range(substeps):
            n = spectral.nonlinear(variable("t") + k * h, u)
            u = {f: times("exponential", f, u[f]) + times("phi1", f, n[f]) for f in u}
        return spectral.join(u)


class ETDRK2(Scheme):
    """a = e^{hL} û + h φ₁ N̂(u), û⁺ = a + h φ₂ (N̂(a) − N̂(u)) (Cox and Matthews 2002, eq. 22)."""

    name, order, needs_linear = "etdrk2", 2, True
    coefficient_names = ("exponential", "phi1", "phi2")

    def coefficients(self, symbol: np.ndarray, h: float) -> dict[str, np.ndarray]:
        z = h * symbol
        return {
            "exponential": np.exp(z),
            "phi1": h * contour_mean(_phi1, z),
            "phi2": h * contour_mean(_phi2, z),
        }

    def advance(self, model: Any, h: float, substeps: int, times: Coefficient) -> Expression:
        spectral = SpectralModel(model)
        u = spectral.split(model._u)
        for k in range(substeps):
            t = variable("t") + k * h
            n = spectral.nonlinear(t, u)
            a = {f: times("exponential", f, u[f]) + times("phi1", f, n[f]) for f in u}
            m = spectral.nonlinear(t + h, a)
            u = {f: a[f] + times("phi2", f, m[f] - n[f]) for f in u}
        return spectral.join(u)


class ETDRK4(Scheme):
    """Cox and Matthews' fourth-order scheme (2002, eqs. 26–29), in Kassam and Trefethen's form (2005, eqs. 2.3–2.5).

    a = e^{z/2} û + q N̂(u), b = e^{z/2} û + q N̂(a), c = e^{z/2} a + q (2N̂(b) − N̂(u)),
    û⁺ = e^z û + α N̂(u) + 2β (N̂(a) + N̂(b)) + γ N̂(c), with z = hL.
    """

    name, order, needs_linear = "etdrk4", 4, True
    coefficient_names = ("exponential", "half", "q", "alpha", "beta", "gamma")

    def coefficients(self, symbol: np.ndarray, h: float) -> dict[str, np.ndarray]:
        z = h * symbol
        return {
            "exponential": np.exp(z),
            "half": np.exp(z / 2),
            "q": h * contour_mean(lambda r: (np.exp(r / 2) - 1.0) / r, z),
            "alpha": h * contour_mean(lambda r: (-4.0 - r + np.exp(r) * (4.0 - 3.0 * r + r**2)) / r**3, z),
            "beta": 2.0 * h * contour_mean(lambda r: (2.0 + r + np.exp(r) * (r - 2.0)) / r**3, z),
            "gamma": h * contour_mean(lambda r: (-4.0 - 3.0 * r - r**2 + np.exp(r) * (4.0 - r)) / r**3, z),
        }

    def advance(self, model: Any, h: float, substeps: int, times: Coefficient) -> Expression:
        spectral = SpectralModel(model)
        u: Spectra = spectral.split(model._u)
        for k in range(substeps):
            t = variable("t") + k * h
            nu = spectral.nonlinear(t, u)
            base = {f: times("half", f, u[f]) for f in u}
            a = {f: base[f] + times("q", f, nu[f]) for f in u}
            na = spectral.nonlinear(t + h / 2, a)
            b = {f: base[f] + times("q", f, na[f]) for f in u}
            nb = spectral.nonlinear(t + h / 2, b)
            c = {f: times("half", f, a[f]) + times("q", f, 2.0 * nb[f] - nu[f]) for f in u}
            nc = spectral.nonlinear(t + h, c)
            u = {
                f: times("exponential", f, u[f])
                + times("alpha", f, nu[f])
                + times("beta", f, na[f] + nb[f])
                + times("gamma", f, nc[f])
                for f in u
            }
        return spectral.join(u)
