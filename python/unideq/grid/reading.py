"""Derivatives read off a graph: which stencils and multipliers stand for which derivative, and by which scheme."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import factorial
from typing import TYPE_CHECKING

import numpy as np

from ..graph import Expression, Graph, rebuild, topological, variable

if TYPE_CHECKING:
    from .axis import Axis
    from .grid import Grid

__all__ = ["ORDERS", "Derivative", "derivatives", "moments", "scheme_name"]

ORDERS = 4
"""Taylor moments are followed up to dx to this power beyond the derivative's own."""
_NEGLIGIBLE = 1e-9


@dataclass(frozen=True)
class Derivative:
    """A node of a graph that stands for `factor`·∂^order `of`/∂axis^order.

    Attributes
    ----------
    node, of
        The node, and what it is the derivative of.
    axis
        Its name.
    scheme
        `5-point central difference`, `Fourier derivative`, …
    """

    node: Expression
    of: Expression
    axis: str
    order: int
    factor: float
    scheme: str


def moments(node: Expression, spacing: float) -> tuple[np.ndarray, int]:
    """Taylor moments M₀ … of a stencil, and the order of the derivative that it stands for (−1: of none)."""
    coefficients = np.array(node.attributes["coefficients"])
    offsets = np.array(node.attributes["offsets"]) * spacing
    count = len(coefficients) + ORDERS + 2
    powers = offsets[None, :] ** np.arange(count)[:, None] / np.array([factorial(j) for j in range(count)])[:, None]
    found = powers @ coefficients
    size = np.abs(powers) @ np.abs(coefficients)
    found = np.where(np.abs(found) > _NEGLIGIBLE * size, found, 0.0)
    return found, int(np.argmax(found != 0.0)) if found.any() else -1


def scheme_name(node: Expression) -> str:
    """What a stencil is called: `backward difference`, `5-point central difference`, …"""
    offsets = node.attributes["offsets"]
    count = len(offsets)
    if min(offsets) >= 0:
        return "forward difference" if count == 2 else f"{count}-point forward difference"
    if max(offsets) <= 0:
        return "backward difference" if count == 2 else f"{count}-point backward difference"
    if -min(offsets) == max(offsets):
        return f"{2 * max(offsets) + 1}-point central difference"
    return f"{count}-point upwind difference"


def derivatives(outputs: Iterable[Expression], grid: Grid) -> list[Derivative]:
    """All derivatives that the outputs are made of, inner ones before those taken of them.

    Stencils count, with the ghost cells of a wall where they have some; so do multipliers in Fourier space that grow
    like a power of the wavenumber. What is no derivative (an average, a filter) isn't among them.
    """
    found = (_stencil(node, grid) or _multiplier(node, grid) for node in topological(outputs))
    return [derivative for derivative in found if derivative is not None]


def _stencil(node: Expression, grid: Grid) -> Derivative | None:
    inner, of = node, None
    if node.operation == "slice" and node.inputs[0].operation == "stencil":  # the cells between a wall's ghosts
        inner = node.inputs[0]
        wide = inner.inputs[0]
        if wide.operation == "concatenate" and wide.attributes["axis"] == inner.attributes["axis"]:
            of = next((part for part in wide.inputs if part.shape == node.shape), None)
    elif node.operation == "stencil":
        of = node.inputs[0]
    axis = None if of is None else _axis(grid, inner.attributes["axis"], inner.ndim)
    if of is None or axis is None or of.shape[inner.attributes["axis"]] != axis.points:
        return None  # the inside of a padded one, or none along an axis of the grid
    found, order = moments(inner, float(axis.spacing))
    if order < 1:
        return None
    return Derivative(node, of, axis.name, order, float(found[order]), scheme_name(inner))


def _axis(grid: Grid, position: int, ndim: int) -> Axis | None:
    index = position - (ndim - len(grid.axes))
    return grid.axes[index] if index >= 0 else None


def _multiplier(node: Expression, grid: Grid) -> Derivative | None:
    """A product in Fourier space, read by what it makes of long waves along each axis."""
    core = node.inputs[0] if node.operation == "transpose" else node
    if core.operation != "irfft" or node.shape != tuple(grid.shape):
        return None
    transforms = [n for n in topological(core.inputs) if n.operation == "rfft"]
    if len(transforms) != 1:
        return None
    of = transforms[0].inputs[0]
    of = of.inputs[0] if core is not node and of.operation == "transpose" else of
    wave = variable("wave", node.shape)
    (made,) = rebuild([node], {of: wave}) if of.shape == node.shape else (node,)
    if any(n.operation == "input" and n is not wave for n in topological([made])):
        return None  # its multiplier isn't a constant
    operator = Graph((wave,), {"made": made})
    for index, axis in enumerate(grid.axes):
        k = 2.0 * np.pi / float(axis.length)
        first, second = (_response(operator, grid, index, mode) for mode in (1, 2))
        if not first or not second:
            continue
        order = round(float(np.log2(abs(second / first))))
        if order < 1 or abs(first / (1j * k) ** order - 1.0) > 0.05:
            continue
        resolved = range(1, max(axis.points // 3, 2))
        responses = [_response(operator, grid, index, mode) or 0.0 for mode in resolved]
        exact = all(abs(r / (1j * k * mode) ** order - 1.0) < 1e-6 for r, mode in zip(responses, resolved, strict=True))
        return Derivative(node, of, axis.name, order, 1.0, "Fourier derivative" if exact else "compact difference")
    return None


def _response(operator: Graph, grid: Grid, index: int, mode: int) -> complex | None:
    """The factor that multiplies e^{ikx} of that mode along one axis; None where the answer isn't that wave."""
    points = grid.axes[index].points
    place = np.arange(points).reshape([-1 if a == index else 1 for a in range(len(grid.axes))])
    phase = 2.0 * np.pi * mode * np.broadcast_to(place, grid.shape) / points
    cosine, sine = (operator.evaluate({"wave": wave})["made"] for wave in (np.cos(phase), np.sin(phase)))
    factors = (cosine + 1j * sine) * np.exp(-1j * phase)
    mean = complex(factors.mean())
    return mean if np.abs(factors - mean).max() <= 1e-9 * (1.0 + abs(mean)) else None
