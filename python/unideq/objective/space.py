"""Where measured fields live: the dimensions and coordinates that data must share with the grid of a model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from ..errors import DataError

if TYPE_CHECKING:
    from ..model import Model

__all__ = ["Space"]


@dataclass(frozen=True)
class Space:
    """Space of a model's observables.

    Attributes
    ----------
    dims
        Observable → names of its dimensions besides trajectory and time.
    coordinates
        Dimension → points; dimensions without an entry are plain indices under any name.
    taken
        Names that the model has for other things: no dimension of the data can keep such a name in results.
    """

    dims: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    coordinates: Mapping[str, xr.Variable] = field(default_factory=dict)
    taken: frozenset[str] = frozenset()

    @classmethod
    def of(cls, model: Model) -> Space:
        """The space of a model's observables."""
        dims = {n: model.dims(n, shape) for n, shape in model.observables.items()}
        taken = (*model.states.names, *model.observables, *model.parameters, *model.conditions, *model.networks)
        return cls(dims, model.coordinates, frozenset(taken))

    def names(self, name: str, shape: tuple[int, ...]) -> tuple[str, ...]:
        """Names of an observable's dimensions; `NAME_0`, … where the model names none."""
        return self.dims.get(name, tuple(f"{name}_{k}" for k in range(len(shape))))

    def unnamed(self, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
        """Arrays none of whose dimensions is the grid's: the data may name those."""
        return {
            n: shape for n, shape in shapes.items() if shape and not set(self.names(n, shape)) & set(self.coordinates)
        }

    def used(self, names: Any) -> dict[str, xr.Variable]:
        """Coordinates of the dimensions that these observables have."""
        dims = {d for n in names for d in self.dims.get(n, ())}
        return {d: v for d, v in self.coordinates.items() if d in dims}

    def ordered(self, name: str, data: xr.DataArray, where: str = "") -> xr.DataArray:
        """The measurements of one trajectory with dimensions (time, …, *space), checked against the grid.

        Raises
        ------
        DataError
            If a dimension is missing, or its coordinate isn't the grid's.
        """
        wanted = [d for d in self.dims.get(name, ()) if d in self.coordinates]
        for d in wanted:
            if d not in data.dims:
                raise DataError(
                    f"`{name}`{where} has dimensions {tuple(map(str, data.dims))}; the model's grid has `{d}`. "
                    f"Rename one with `data.rename(...)`, coordinate included."
                )
            self._check(name, d, data, where)
        return data.transpose("time", ..., *wanted)

    def _check(self, name: str, dim: str, data: xr.DataArray, where: str) -> None:
        points = np.asarray(self.coordinates[dim].values, dtype=float)
        if dim not in data.coords:
            if data.sizes[dim] != len(points):
                raise DataError(
                    f"`{name}`{where} has {data.sizes[dim]} points along `{dim}`, the model's grid {len(points)}. Give "
                    f"the data its coordinate, `data.assign_coords({dim}=...)`, then `ude.restrict(data, model.grid)`."
                )
            return
        given = np.asarray(data[dim].values)
        spacing = float(np.min(np.abs(np.diff(points)))) if len(points) > 1 else 1.0
        same = given.shape == points.shape and given.dtype.kind in "fiu"
        if not same or np.abs(given.astype(float) - points).max() > 1e-6 * spacing:
            raise DataError(
                f"`{name}`{where} lives on another grid than the model: along `{dim}` the data has {_told(given)}, the "
                f"model's grid {_told(points)}. Bring the data there: `ude.restrict(data, model.grid)`."
            )


def _told(points: np.ndarray) -> str:
    if points.dtype.kind not in "fiu" or not len(points):
        return f"{len(points)} points of type {points.dtype}"
    return f"{len(points)} points from {points[0]:g} to {points[-1]:g}"
