"""Forcings of a trajectory's own: declared with the model, read from the data of each trajectory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from ..checks import choice, known_arguments, settle, text, whole
from ..errors import DataError, ModelError
from ..graph import Expression, Graph, apply, substitute, variable
from ..times import NUMBERS_ONLY, Clock
from .forcing import METHODS, forcing_times, method_of, pieces
from .names import named_items

__all__ = [
    "Forcing",
    "Record",
    "Records",
    "declared_forcings",
    "forcing_input",
    "records_in",
    "row_tables",
    "stacked_rows",
    "with_rows",
]


@known_arguments
@dataclass(frozen=True)
class Forcing:
    """A measured input that each trajectory has a record of: read from the data, interpolated at t.

    Give it in `forcings=`; equations read it as `forcing.NAME`. The data have a variable of that name over `time` (with
    or without `trajectory`), or on times of its own, the coordinate `NAME_time`; NaN there is left out.

    Parameters
    ----------
    interpolation
        `linear`, `previous` (steps) or `cubic` (natural spline); None: what the data's attribute `interpolation` says,
        else `linear`.
    shape
        Of one value; default: a number.
    units, description
        For labels and reports.

    Raises
    ------
    ModelError
        If a setting isn't one of these.

    Examples
    --------
    >>> import unideq as ude
    >>> ude.Forcing("previous", units="mg/h")
    Forcing(interpolation='previous', shape=(), units='mg/h', description='')
    """

    interpolation: str | None = None
    shape: tuple[int, ...] = ()
    units: str = ""
    description: str = ""

    def __post_init__(self) -> None:
        settle(self, choice, "interpolation", choices=METHODS, none=True, error=ModelError)
        given = (self.shape,) if isinstance(self.shape, int) else tuple(self.shape)
        sizes = tuple(whole(n, "shape", "Forcing", least=1, error=ModelError) for n in given)
        object.__setattr__(self, "shape", sizes)
        settle(self, text, "units", "description", error=ModelError)

    def to_json(self) -> dict[str, Any]:
        """The arguments that make it again, as plain data."""
        return {**self.__dict__, "shape": list(self.shape)}


class Record(NamedTuple):
    """What was measured in one trajectory: times (K,), increasing, and values (K, *shape), finite."""

    times: np.ndarray
    values: np.ndarray


@dataclass(frozen=True)
class Records:
    """A forcing's records by the label of their trajectory, as a model holds them."""

    labels: tuple[Any, ...]
    records: tuple[Record, ...]

    def of(self, label: Any, name: str) -> Record:
        """That of a trajectory.

        Raises
        ------
        DataError
            If there is none; says so of the forcing `name`.
        """
        if label in self.labels:
            return self.records[self.labels.index(label)]
        listing = ", ".join(map(repr, self.labels[:6])) + (" …" if len(self.labels) > 6 else "")
        raise DataError(
            f"Forcing `{name}` has no record of trajectory {label!r}: it has {listing}. Give it that one, with the "
            "labels of the data along `trajectory`."
        )

    def to_json(self) -> dict[str, Any]:
        """Plain data for `from_json`."""
        return {
            "labels": list(self.labels),
            "times": [r.times.tolist() for r in self.records],
            "values": [r.values.tolist() for r in self.records],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Records:
        """Inverse of `to_json`."""
        pairs = zip(data["times"], data["values"], strict=True)
        return cls(tuple(data["labels"]), tuple(Record(np.array(t, float), np.array(v, float)) for t, v in pairs))


def declared_forcings(given: Any) -> tuple[dict[str, xr.DataArray], dict[str, Forcing], dict[str, Records]]:
    """Forcings that all trajectories share, those of a trajectory's own, and the records of the latter that are known.

    `given`: a list of names, or name → DataArray or `Forcing`.
    """
    if isinstance(given, str):
        raise ModelError(f"`forcings` needs a list of names or a dict: write `forcings=[{given!r}]`.")
    if isinstance(given, (list, tuple)):
        twice = next((n for n in given if list(given).count(n) > 1), None)
        if twice is not None:
            raise ModelError(f"The forcing {twice!r} stands twice in `forcings`.")
        given = {name: Forcing() for name in given}
    shared, own, known = {}, {}, {}
    for name, value in named_items("forcings", "Forcing", given):
        if isinstance(value, Forcing):
            own[name] = value
        elif isinstance(value, xr.DataArray) and "trajectory" in value.dims:
            records = records_in(name, value)
            own[name] = Forcing(method_of(name, value), records.records[0].values.shape[1:])
            known[name] = records
        else:
            shared[name] = value
    return shared, own, known


def records_in(name: str, data: xr.DataArray, count: int = 1, clock: Clock = NUMBERS_ONLY) -> Records:
    """The records of an array over `time`, with or without `trajectory`; `count` times the same where without."""
    what = f"Forcing `{name}`"
    if not isinstance(data, xr.DataArray):
        raise DataError(f"{what} needs an xarray DataArray with a `time` coordinate, not {type(data).__name__}.")
    if "trajectory" not in data.dims:
        return Records(tuple(range(count)), (Record(*forcing_times(what, data, clock, drop=True)),) * count)
    size = data.sizes["trajectory"]
    labels = data["trajectory"].values.tolist() if "trajectory" in data.coords else list(range(size))
    if not labels:
        raise DataError(f"{what} is of no trajectory: its dimension `trajectory` has length zero.")
    parts = [data.isel(trajectory=i) for i in range(size)]
    found = [
        Record(*forcing_times(f"{what} of trajectory {label!r}", part, clock, drop=True))
        for label, part in zip(labels, parts, strict=True)
    ]
    return Records(tuple(labels), tuple(found))


def forcing_input(name: str, forcing: Forcing) -> Expression:
    """The graph input that stands for a forcing whose records aren't known yet."""
    return variable(f"forcing.{name}", forcing.shape)


def row_tables(name: str, method: str, records: Sequence[Record]) -> dict[str, Any]:
    """Attributes of `piecewise_polynomial` with one row a record."""
    return {**stacked_rows([pieces(method, r.times, r.values) for r in records]), "label": name}


def stacked_rows(made: Sequence[Mapping[str, Any]]) -> dict[str, np.ndarray]:
    """Pieces of several records as rows of one table, their ends repeated where others are longer."""
    columns = {}
    for key, axis in (("breaks", 0), ("anchors", 0), ("coefficients", 1)):
        width = max(one[key].shape[axis] for one in made)
        columns[key] = np.stack([_repeated(one[key], axis, width) for one in made])
    return columns


def _repeated(array: np.ndarray, axis: int, width: int) -> np.ndarray:
    """The array with its last entry repeated."""
    widths = [(0, 0)] * array.ndim
    widths[axis] = (0, width - array.shape[axis])
    return np.pad(array, widths, mode="edge")


def with_rows(graph: Graph, tables: Mapping[str, Mapping[str, Any]]) -> Graph:
    """A graph of (t, u, forcings, c, θ) with the forcings read at t from tables, in the row that `c` ends with."""
    standing = {i.name.removeprefix("forcing."): i for i in graph.inputs if i.name.startswith("forcing.")}
    known = {i: tables[name] for name, i in standing.items() if name in tables}
    if not known:
        return graph
    t, c = graph.input("t"), graph.input("c")
    replaced = {i: apply("piecewise_polynomial", t, c[-1], **table) for i, table in known.items()}
    return substitute(graph, replaced, tuple(i for i in graph.inputs if i not in known))
