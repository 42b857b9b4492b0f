"""`Truth`: filtered fields and their subgrid term, as `coarsen` gives them, checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from ...checks import flag, instance, text
from ...errors import DataError, unknown
from ...grid import Axis
from ...model.closed import SUFFIX
from .flow import Flow

__all__ = ["Truth"]

_COARSEN = "`ude.coarsen(data, coarse_model)` gives both"


@dataclass(frozen=True)
class Truth:
    """The filtered truth of one field.

    Attributes
    ----------
    data
        All fields and terms, (trajectory, time, *grid).
    field
        Name of the field that is scored.
    values, term
        It and its subgrid term Π (T, K, *grid); NaN where that isn't known.
    flow
        Its energies and scales.
    """

    data: xr.Dataset
    field: str
    values: np.ndarray
    term: np.ndarray
    flow: Flow

    @classmethod
    def of(cls, data: Any, field: str | None, vorticity: bool | None, exact: bool = True) -> Truth:
        """Read what a user gives; `exact`: whether the term must be known.

        Raises
        ------
        DataError
            If there is no field with a subgrid term, the grid isn't a uniform one of one or two dimensions, or values
            aren't finite or vary nowhere.
        """
        instance(data, xr.Dataset, "data", "closure_scores", needs=f"a Dataset; {_COARSEN}", error=DataError)
        if exact or field is None:
            field = _field_of(data, text(field, "field", "closure_scores", empty=False) if field is not None else None)
        term = field + SUFFIX
        space = [str(d) for d in data[field].dims if d not in ("trajectory", "time")]
        names = (field, term) if term in data.data_vars else (field,)
        for name in names:
            if set(data[name].dims) - {"trajectory"} != {"time", *space} or len(space) not in (1, 2):
                raise DataError(
                    f"`{name}` lies on ({', '.join(map(str, data[name].dims))}); scores need snapshots over `time` and "
                    "one or two dimensions of space, and any number of them over `trajectory`."
                )
        lengths = []
        for name in space:
            if name not in data.coords:
                raise DataError(f"The dimension `{name}` has no coordinate; add it: `data.assign_coords({name}=…)`.")
            lengths.append(Axis.from_coordinates(name, data[name].values).length)
        if "trajectory" not in data.dims:
            data = data.drop_vars("trajectory", errors="ignore").expand_dims(trajectory=[0])
        data = data.transpose("trajectory", "time", *space, missing_dims="ignore")
        arrays = []
        for name in names:
            values = np.asarray(data[name].values, dtype=float)
            if not np.isfinite(values).all():
                raise DataError(f"`{name}` holds NaN or infinite values: nothing can be compared with those.")
            if not np.ptp(values) > 0:
                raise DataError(f"`{name}` is {values.flat[0]:g} everywhere: a truth without variance scores nothing.")
            arrays.append(values)
        if vorticity is None:
            vorticity = field == "vorticity" and len(space) == 2
        flow = Flow(arrays[0].shape[2:], lengths, flag(vorticity, "vorticity", "closure_scores"))
        return cls(data, field, arrays[0], arrays[1] if len(arrays) > 1 else np.full_like(arrays[0], np.nan), flow)

    @property
    def exact(self) -> bool:
        """Whether the term is known."""
        return bool(np.isfinite(self.term).all())

    @property
    def space(self) -> list[str]:
        """Names of the grid's dimensions."""
        return [str(d) for d in self.data[self.field].dims[2:]]


def _field_of(data: xr.Dataset, field: str | None) -> str:
    names = [str(n) for n in data.data_vars if f"{n}{SUFFIX}" in data.data_vars]
    if field is not None:
        if field in data.data_vars and field not in names:
            raise DataError(f"The data have `{field}` but no `{field}{SUFFIX}`, its subgrid term: {_COARSEN}.")
        if field not in names:
            raise unknown("field", field, names, DataError)
        return field
    if not names:
        raise DataError(
            f"The data have no subgrid term: scores need a field and `NAME{SUFFIX}`, and there "
            f"{'are' if len(data.data_vars) > 1 else 'is'} {', '.join(f'`{n}`' for n in data.data_vars) or 'nothing'}. "
            f"{_COARSEN}."
        )
    if len(names) > 1:
        raise DataError(f"There are several fields with subgrid terms: choose one, `field={names[0]!r}`.")
    return names[0]
