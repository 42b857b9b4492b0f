"""Explicit Runge–Kutta schemes for any model: forward Euler, Heun, the classical fourth-order scheme, SSPRK3."""

from __future__ import annotations

from typing import Any, ClassVar

from ...graph import Expression, variable
from .scheme import Coefficient, Scheme, field_at

__all__ = ["RK4", "SSPRK3", "Euler", "Heun"]


class _ButcherTable(Scheme):
    """kᵢ = f(t + cᵢh, u + h Σⱼ aᵢⱼ kⱼ), u⁺ = u + h Σᵢ bᵢ kᵢ."""

    a: ClassVar[tuple[tuple[float, ...], ...]]
    b: ClassVar[tuple[float, ...]]
    c: ClassVar[tuple[float, ...]]

    def advance(self, model: Any, h: float, substeps: int, times: Coefficient) -> Expression:
        u: Expression = model._u
        for k in range(substeps):
            start = variable("t") + k * h
            slopes: list[Expression] = []
            for row, c in zip(self.a, self.c, strict=True):
                slopes.append(field_at(model, start + c * h, _moved(u, h, row, slopes)))
            u = _moved(u, h, self.b, slopes)
        return u


def _moved(u: Expression, h: float, weights: tuple[float, ...], slopes: list[Expression]) -> Expression:
    for weight, slope in zip(weights, slopes, strict=True):
        if weight:
            u = u + (h * weight) * slope
    return u


class Euler(_ButcherTable):
    """Forward Euler."""

    name, order = "euler", 1
    a, b, c = ((),), (1.0,), (0.0,)
    stability = (1.0, 1.0)


class Heun(_ButcherTable):
    """Heun's second-order scheme, the explicit trapezoidal rule."""

    name, order = "heun", 2
    a, b, c = ((), (1.0,)), (0.5, 0.5), (0.0, 1.0)
    stability = (1.0, 1.0, 1 / 2)


class RK4(_ButcherTable):
    """The classical fourth-order scheme (Kutta 1901)."""

    name, order = "rk4", 4
    a = ((), (0.5,), (0.0, 0.5), (0.0, 0.0, 1.0))
    b, c = (1 / 6, 1 / 3, 1 / 3, 1 / 6), (0.0, 0.5, 0.5, 1.0)
    stability = (1.0, 1.0, 1 / 2, 1 / 6, 1 / 24)


class SSPRK3(Scheme):
    """The strong-stability-preserving third-order scheme (Shu and Osher 1988, eq. 2.18).

    Convex combinations of forward Euler steps, so that what one of those preserves (total variation, positivity) the
    scheme preserves too.
    """

    name, order = "ssprk3", 3
    stability = (1.0, 1.0, 1 / 2, 1 / 6)

    def advance(self, model: Any, h: float, substeps: int, times: Coefficient) -> Expression:
        u: Expression = model._u
        for k in range(substeps):
            t = variable("t") + k * h
            first = u + h * field_at(model, t, u)
            second = 0.75 * u + 0.25 * (first + h * field_at(model, t + h, first))
            third = second + h * field_at(model, t + 0.5 * h, second)
            u = (1 / 3) * u + (2 / 3) * third
        return u
