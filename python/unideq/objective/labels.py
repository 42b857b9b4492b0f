"""Names that measurements give to the axes of array-valued variables (`species`: A, B, C), kept through all results."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import xarray as xr

from ..errors import DataError
from .own_times import SAMPLE

__all__ = ["Labels"]

TAKEN = ("seed", "trajectory", "time", SAMPLE, "segment", "start", "held_out")
"""What results call something else."""


@dataclass(frozen=True)
class Labels:
    """Dimensions of measured variables besides trajectory and time, and their coordinates.

    Attributes
    ----------
    dims
        Variable → names of its dimensions; without an entry they are `NAME_0`, …, or the grid's.
    coordinates
        Dimension → numbers or texts.
    """

    dims: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    coordinates: Mapping[str, xr.Variable] = field(default_factory=dict)

    @classmethod
    def of(cls, data: xr.Dataset, arrays: Mapping[str, tuple[int, ...]], taken: Collection[str]) -> Labels:
        """What the first trajectory's data say.

        Parameters
        ----------
        data
            With variables over time and further dimensions.
        arrays
            Variable → shape, of those whose axes the model doesn't name.
        taken
            Names that the model calls something else: such dimensions get no label.
        """
        dims, coordinates = {}, {}
        for name, shape in arrays.items():
            if name not in data:
                continue
            found = tuple(str(d) for d in data[name].dims if d not in ("time", "trajectory"))
            if len(found) != len(shape) or any(d in taken or d in TAKEN for d in found):
                continue
            dims[name] = found
            for d in found:
                if d in data.coords and (values := _storable(np.asarray(data[d].values))) is not None:
                    coordinates[d] = xr.Variable(d, values, dict(data[d].attrs))
        return cls(dims, coordinates)

    @classmethod
    def in_results(cls, dataset: xr.Dataset, names: Collection[str]) -> Labels:
        """What a data set over (trajectory, time, …) says that was made with `aligned` measurements."""
        dims = {n: tuple(str(d) for d in dataset[n].dims[2:]) for n in names if dataset[n].ndim > 2}
        used = {d for own in dims.values() for d in own}
        return cls(dims, {d: dataset[d].variable for d in used if d in dataset.coords})

    def aligned(self, name: str, array: xr.DataArray, where: str) -> xr.DataArray:
        """One trajectory's measurements with axes and entries in the first one's order.

        Raises
        ------
        DataError
            If a coordinate has other entries than the first trajectory's.
        """
        dims = self.dims.get(name, ())
        if dims and set(dims) <= set(array.dims):
            array = array.transpose("time", *dims)
        for d in dims:
            if d not in array.coords or d not in self.coordinates:
                continue
            known, given = self.coordinates[d].values, np.asarray(array[d].values)
            if given.shape == known.shape and (given == known).all():
                continue
            if len(set(given.tolist())) < len(given) or set(given.tolist()) != set(known.tolist()):
                raise DataError(
                    f"`{name}`{where} has {given.tolist()} along `{d}`, another trajectory {known.tolist()}. Give all "
                    "trajectories the same entries, NaN where nothing was measured: "
                    f"`data.reindex({d}=[...])`."
                )
            array = array.sel({d: known})
        return array

    def own_names(self, states: Mapping[str, str]) -> dict[str, str]:
        """What results would call a dimension without labels → its name.

        Parameters
        ----------
        states
            State → the variable that measures it.
        """
        shown = {**{n: n for n in self.dims}, **{s: n for s, n in states.items() if n in self.dims}}
        return {
            f"{prefix}{name}_{k}": dim
            for name, measured in shown.items()
            for k, dim in enumerate(self.dims[measured])
            for prefix in ("", "initial.", "segments.")
        }


def _storable(values: Any) -> np.ndarray | None:
    """Numbers and texts; None for what files can't hold as it is."""
    if values.dtype.kind == "O" and all(isinstance(v, str) for v in values):
        return values.astype(str)
    return values if values.dtype.kind in "fiuU" else None
