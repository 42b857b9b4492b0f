"""Mean and covariance of an `SDE` between two times, and what a measurement makes of them: Gaussian transitions.

dm/dt = E f ≈ f + ½ Σ Pᵢⱼ ∂ᵢⱼf, dP/dt ≈ F P + P Fᵀ + E GGᵀ (Särkkä and Solin 2019, section 9.1, with the second
derivatives of drift and GGᵀ): exact where the drift is linear and GGᵀ quadratic in the states.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ...graph import constant, rebuild, variable
from .diffusion import along, covariance, drift

if TYPE_CHECKING:
    from ..sde import SDE

__all__ = ["conditioned", "euler_moments", "propagated"]

LOG_2PI = float(np.log(2 * np.pi))


def euler_moments(model: SDE, u: Any, h: Any) -> tuple[Any, Any]:
    """Of one step of Euler–Maruyama from u: m = u + h f, P = h G Gᵀ."""
    f, q = rebuild([drift(model, "ito"), covariance(model)], {model._u: u})
    return u + h * f, h * q


def propagated(model: SDE, t: Any, mean: Any, p: Any, h: Any, substeps: int) -> tuple[Any, Any]:
    """Mean (n,) and covariance (n, n) a time `h` later, by so many steps of the classical Runge–Kutta scheme."""
    n, slot = model.size, variable("P", (model.size, model.size))
    rates = _rates(model, slot)
    part = h * (1.0 / substeps)

    def slope(after: Any, m: Any, q: Any) -> list[Any]:
        return rebuild(rates, {variable("t"): t + after, model._u: m, slot: q})

    for k in range(substeps):
        start = k * part
        a = slope(start, mean, p)
        b = slope(start + 0.5 * part, mean + 0.5 * part * a[0], p + 0.5 * part * a[1])
        c = slope(start + 0.5 * part, mean + 0.5 * part * b[0], p + 0.5 * part * b[1])
        d = slope(start + part, mean + part * c[0], p + part * c[1])
        mean = mean + part * (1 / 6) * (a[0] + 2.0 * b[0] + 2.0 * c[0] + d[0])
        p = p + part * (1 / 6) * (a[1] + 2.0 * b[1] + 2.0 * c[1] + d[1])
    return mean.reshape(n), p.reshape(n, n)


def _rates(model: SDE, p: Any) -> list[Any]:
    """dm/dt (n,) and dP/dt (n, n) in t, u (the mean) and P."""
    f, q = drift(model, "ito"), covariance(model)
    columns: list[Any] = [along(model, f, p[:, k]) for k in range(model.size)]
    spread: Any = np.stack(columns, axis=1) + np.stack(columns, axis=0)  # type: ignore[call-overload]
    return [f + _mean_curvature(model, f, p), spread + q + _mean_curvature(model, q, p)]


def _mean_curvature(model: SDE, value: Any, p: Any) -> Any:
    """½ Σ Pᵢⱼ ∂ᵢⱼ of something."""
    parts: list[Any] = []
    for k in range(model.size):
        once = along(model, value, constant(np.eye(model.size)[k]))
        if not once.is_constant:
            parts.append(along(model, once, p[:, k]))
    return 0.5 * sum(parts[1:], parts[0]) if parts else constant(np.zeros(value.shape))


def conditioned(
    mean: Any, p: Any, measured: Any, predicted: Any, rows: Any, noise: Any, mask: Any
) -> tuple[Any, Any, Any]:
    """Mean and covariance given measurements, one number after the other, and what these cost, −ln of their density.

    Parameters
    ----------
    mean, p
        (n,) and (n, n).
    measured, predicted, noise, mask
        Numbers (q,), what the mean makes of them, variances of their errors, and 1 where they were measured, else 0.
    rows
        Their derivatives by the state, (q, n).
    """
    first, cost = mean, constant(0.0)
    for k in range(rows.shape[0]):
        row = rows[k]
        gain = p @ row
        variance = np.sum(row * gain) + noise[k]
        off = measured[k] - predicted[k] - np.sum(row * (mean - first))
        one = 0.5 * (np.log(variance) + LOG_2PI + off * off / variance)
        cost = cost + mask[k] * one
        share = gain * (mask[k] / variance)
        mean = mean + share * off
        p = p - share.reshape(-1, 1) * gain.reshape(1, -1)
    return mean, p, cost
