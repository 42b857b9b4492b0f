"""Where the states live: axes, spacings and boundaries, and derivatives of sampled fields along them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from math import factorial
from typing import Any

import numpy as np

from ...errors import ModelError
from ...graph.operations.stencil import evaluate_stencil

__all__ = ["UniformGrid", "central_weights"]

ACCURACY = 6
"""Order of the central differences that stand for exact derivatives in the audits."""


@lru_cache
def central_weights(order: int, accuracy: int = ACCURACY) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """Offsets and weights (unit spacing) of the central difference for a derivative of this order.

    The narrowest symmetric stencil whose Taylor moments (Fornberg 1988) leave an error of the given even order.
    """
    reach = (order + 1) // 2 - 1 + accuracy // 2
    offsets = np.arange(-reach, reach + 1)
    moments = offsets[None, :].astype(float) ** np.arange(2 * reach + 1)[:, None]
    target = np.zeros(2 * reach + 1)
    target[order] = factorial(order)
    weights = np.linalg.solve(moments, target)
    keep = np.abs(weights) > 1e-13 * np.abs(weights).max()
    return tuple(offsets[keep].tolist()), tuple(weights[keep].tolist())


@dataclass(frozen=True)
class UniformGrid:
    """The grid that an audit works on.

    Attributes
    ----------
    names
        Of the axes, in the order of the arrays' trailing axes.
    spacings
        Distance between two points along each.
    periodic
        Whether each axis closes on itself.
    """

    names: tuple[str, ...]
    spacings: tuple[float, ...]
    periodic: tuple[bool, ...]

    @classmethod
    def of(cls, model: Any, spacing: Mapping[str, float] | None = None) -> UniformGrid | None:
        """The space of a model with a grid, or one made of given spacings (periodic); None where there is neither."""
        grid = getattr(model, "grid", None)
        if grid is not None:
            axes = [grid.axis(name) for name in grid.dims]
            return cls(
                tuple(a.name for a in axes), tuple(float(a.spacing) for a in axes), tuple(a.periodic for a in axes)
            )
        if spacing is None:
            return None
        for name, value in spacing.items():
            if not value > 0:
                raise ModelError(f"`spacing` of `{name}` needs a positive number, not {value!r}.")
        return cls(tuple(spacing), tuple(float(v) for v in spacing.values()), (True,) * len(spacing))

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.names)

    def axis(self, position: int, ndim: int) -> int | None:
        """Which axis of the grid is at this position of an array with `ndim` axes; None for a leading one."""
        index = position - (ndim - self.ndim)
        return index if index >= 0 else None

    def derivative(self, field: np.ndarray, orders: tuple[int, ...]) -> np.ndarray:
        """∂^orders of a field whose trailing axes are the grid's, by sixth-order central differences.

        Where an axis isn't periodic the outermost value is repeated beyond it: see `margin`.
        """
        result = np.asarray(field, dtype=float)
        for index, order in enumerate(orders):
            if order:
                offsets, weights = central_weights(order)
                scaled = np.array(weights) / self.spacings[index] ** order
                position = result.ndim - self.ndim + index
                boundary = "periodic" if self.periodic[index] else "edge"
                result = evaluate_stencil(result, scaled, offsets, position, boundary)
        return result

    def interior(self, shape: tuple[int, ...], margin: int) -> np.ndarray:
        """Mask of the cells at least `margin` cells away from all boundaries that don't close."""
        inside = np.ones(shape, dtype=bool)
        for index, periodic in enumerate(self.periodic):
            if not periodic:
                distance = np.minimum(np.arange(shape[index]), np.arange(shape[index])[::-1])
                column = [-1 if k == index else 1 for k in range(len(shape))]
                inside &= (distance >= margin).reshape(column)
        return inside

    def unresolved(self, fields: np.ndarray) -> np.ndarray:
        """Share of a field's variance in the shortest third of its waves, (samples,) for fields (samples, *grid).

        Where an axis isn't periodic, the field is mirrored to close it.
        """
        largest = np.zeros(len(fields))
        for index in range(self.ndim):
            position = fields.ndim - self.ndim + index
            closed = fields if self.periodic[index] else np.concatenate([fields, np.flip(fields, position)], position)
            power = np.abs(np.fft.rfft(closed, axis=position)) ** 2
            power = np.moveaxis(power, position, -1)
            power = power.reshape(len(fields), -1, power.shape[-1]).sum(axis=1)[:, 1:]
            total = power.sum(axis=1)
            tail = power[:, 2 * power.shape[-1] // 3 :].sum(axis=1)
            largest = np.maximum(largest, np.where(total > 0, tail / np.where(total > 0, total, 1.0), 0.0))
        return largest


def resampled(fields: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Fields (samples, *grid) on a periodic grid of the same domain with other numbers of points, by their waves."""
    for position, count in enumerate(shape, start=1):
        have = fields.shape[position]
        if have == count:
            continue
        waves = np.fft.rfft(fields, axis=position)
        keep = min(have, count) // 2 + 1
        kept = np.take(waves, np.arange(keep), axis=position)
        if min(have, count) % 2 == 0:  # the shortest wave stands for both of its neighbours on the finer grid
            edge = [slice(None)] * fields.ndim
            edge[position] = slice(-1, None)
            kept[tuple(edge)] *= 0.5 if count > have else 1.0
        fields = np.fft.irfft(kept, count, axis=position) * (count / have)
    return fields
