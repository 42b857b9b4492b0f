"""Dense layers W x + b: their weights by name, initial values, and the layer applied; plain or factorised.

Random weight factorisation (Wang, Wang, Seidman & Perdikaris 2022, arXiv:2210.01274, section 3): W = diag(exp s) · V
with one factor a unit. s ~ N(mean, deviation²) and V = diag(exp −s) · W₀, so that the initial function is the plain
layer's; the same step then moves W further where s is large.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..checks import array, refused
from ..errors import OptionError
from ..graph import Expression, apply
from .initializer import draw_weight

__all__ = ["Factorisation", "dense", "dense_shapes", "draw_dense", "draw_scales", "factorisation"]

Factorisation = bool | tuple[float, float] | None

USUAL = (1.0, 0.1)
"""Mean and deviation of s in the paper's experiments."""


def factorisation(value: Any, name: str, of: str) -> tuple[float, float] | None:
    """(mean, deviation) of s, or None for plain weights; True stands for the usual ones."""
    if value is None or value is False:
        return None
    needs = f"True, or (mean, deviation >= 0) such as {USUAL}"
    try:
        found = array(USUAL if value is True else value, name)
    except OptionError:
        raise refused(value, name, of, needs) from None
    if found.shape != (2,) or found[1] < 0:
        raise refused(value, name, of, needs)
    return float(found[0]), float(found[1])


def dense_shapes(layer: str, n_in: int, n_out: int, factorised: bool) -> dict[str, tuple[int, ...]]:
    """Weight name → shape of one layer."""
    if factorised:
        return {f"{layer}.scale": (n_out,), f"{layer}.direction": (n_out, n_in), f"{layer}.bias": (n_out,)}
    return {f"{layer}.weight": (n_out, n_in), f"{layer}.bias": (n_out,)}


def draw_dense(
    layer: str, n_in: int, n_out: int, initializer: str, generator: np.random.Generator, scale: float = 1.0
) -> dict[str, np.ndarray]:
    """Initial weights of one plain layer; the bias is zero."""
    weight = draw_weight(initializer, (n_out, n_in), generator, scale)
    return {f"{layer}.weight": weight, f"{layer}.bias": np.zeros(n_out)}


def draw_scales(
    plain: Mapping[str, np.ndarray], factors: tuple[float, float], generator: np.random.Generator
) -> dict[str, np.ndarray]:
    """Plain dense weights as factorised ones of the same product."""
    result: dict[str, np.ndarray] = {}
    for name, value in plain.items():
        layer, _, part = name.rpartition(".")
        if part == "weight":
            scale = generator.normal(*factors, size=len(value))
            result[f"{layer}.scale"] = scale
            result[f"{layer}.direction"] = value * np.exp(-scale)[:, None]
        else:
            result[name] = value
    return result


def dense(weights: Mapping[str, Expression], layer: str, x: Any) -> Any:
    """One layer at x (n_in,) or (M, n_in), whichever way its weights are stored."""
    if f"{layer}.direction" in weights:
        # The product is formed once for all points and derivatives: it depends on none of them.
        scale: Any = np.exp(weights[f"{layer}.scale"])  # type: ignore[call-overload]
        weight: Any = scale.reshape(-1, 1) * weights[f"{layer}.direction"]
    else:
        weight = weights[f"{layer}.weight"]
    product: Any = weight @ x if x.ndim == 1 else apply("matmul", x, weight.T)
    return product + weights[f"{layer}.bias"]
