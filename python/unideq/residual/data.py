"""`Data`: measurements of fields or outputs, one term a measured variable."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import xarray as xr

from ..checks import known_arguments, number, settle
from ..errors import DataError, unknown
from ..graph.location import warn_user
from ..measurements import decoded, measured
from ..objective.scale import far_values, far_words
from ..stored import stored
from .domain import Domain, Points
from .point_set import PointSet
from .samplers import Sampler
from .terms import settle_shared

__all__ = ["Data", "Measured"]


@known_arguments
@dataclass(frozen=True)
class Data:
    """Measurements: (unknown − measured) / scale is a residual, for every variable of a dataset.

    Each variable becomes a term of its own, `TERM.VARIABLE`.

    Parameters
    ----------
    dataset
        Variables named after fields or outputs; coordinates named after the domain's, on a grid (`u(x, t)`) or
        scattered (`u(point)` with `x(point)`, `t(point)`). NaN: not measured.
    points
        Number of measurements in an iteration, chosen from those there are; None: all of them, always.
    weight
        Of each term in the total.
    sampler
        How mini-batches are chosen.
    scale
        What a difference is divided by: True, the standard deviation of the variable's measurements; a number > 0;
        False, nothing.

    Examples
    --------
    >>> import numpy as np, unideq as ude, xarray as xr
    >>> x = np.linspace(0, 1, 11)
    >>> measured = ude.Data(xr.Dataset({"u": ("x", np.sin(x))}, {"x": x}), weight=10.0)
    """

    dataset: xr.Dataset
    points: int | None = None
    weight: float = 1.0
    sampler: Sampler | None = None
    scale: bool | float = True

    def __post_init__(self) -> None:
        if isinstance(self.dataset, xr.DataArray) and self.dataset.name is not None:
            object.__setattr__(self, "dataset", self.dataset.to_dataset())
        if not isinstance(self.dataset, xr.Dataset):
            raise DataError(f"`Data` needs an xarray Dataset, not {type(self.dataset).__name__}.")
        settle_shared(self)
        if not isinstance(self.scale, bool):
            settle(self, number, "scale", above=0, hint="Or True for the measurements' own, False for none.")

    def terms(self, name: str, domain: Domain, unknowns: Collection[str]) -> dict[str, Measured]:
        """One term a variable, for the unknowns that there are."""
        if not self.dataset.data_vars:
            raise DataError(f"Data term `{name}` has no variables. Name them after {', '.join(unknowns)}.")
        found = {}
        for variable, values in decoded(self.dataset).data_vars.items():
            if variable not in unknowns:
                raise unknown(f"variable of data term `{name}`", variable, unknowns, DataError)
            what = f"Data term `{name}.{variable}`"
            points = domain.checked_points(_measurements(values, domain, what), what, DataError)
            far = far_values(points["measured"])
            if far.size:
                warn_user(far_words(str(variable), points["measured"], far))
            found[f"{name}.{variable}"] = Measured(
                _difference(str(variable), self._scale(points["measured"])),
                self.points,
                self.weight,
                self.sampler,
                points,
            )
        return found

    def _scale(self, values: np.ndarray) -> float:
        if self.scale is False:
            return 1.0
        if self.scale is not True:
            return float(self.scale)
        deviation, size = float(np.std(values)), float(np.max(np.abs(values)))
        return deviation if deviation > 1e-12 * size else size or 1.0  # values that are all the same: their size


@stored
@dataclass(frozen=True)
class Measured(PointSet):
    """Measurements of one unknown; made by `Data`."""

    kind: ClassVar[str] = "measured"


def _measurements(values: xr.DataArray, domain: Domain, what: str) -> Points:
    """Coordinates of the finite values, and those as `measured`."""
    for name in domain.names:
        if name not in values.coords or not set(values.coords[name].dims) <= set(values.dims):
            listing = ", ".join(map(str, values.coords)) or "none"
            raise DataError(
                f"{what} has no coordinate `{name}` along its dimensions (it has {listing}). Name coordinates after "
                f"the domain's: {', '.join(domain.names)}."
            )
    found = measured(values.values, what)
    columns = {
        n: measured(values.coords[n].broadcast_like(values).transpose(*values.dims).values, f"{what}: its `{n}`")
        for n in domain.names
    }
    finite = np.isfinite(found)
    if np.isinf(found).any():
        count = int(np.isinf(found).sum())
        raise DataError(f"{what} holds {count} infinite values. Use NaN for what isn't measured.")
    if not finite.any():
        raise DataError(f"{what} has no points: no value was measured (all are NaN). Leave the variable out.")
    return {**{n: column[finite] for n, column in columns.items()}, "measured": found[finite]}


def _difference(unknown_name: str, scale: float) -> Any:
    return lambda at, field: (field[unknown_name] - at.measured) * (1.0 / scale)
