"""Fields and residuals of a trained residual problem at points: a grid, coordinate arrays, or scattered points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from ..checks import array, is_whole
from ..engine import Engine
from ..errors import OptionError, unknown
from ..graph import Graph
from ..graph.location import warn_user
from ..residual import ResidualProblem

__all__ = ["Places", "evaluate_at", "grid_places", "places_of"]

BLOCK = 2**14
"""Points that an engine evaluates at a time."""
AXIS = {1: 401, 2: 101, 3: 41}
"""Points an axis of the default grid, by the number of coordinates; 17 with more."""


@dataclass(frozen=True)
class Places:
    """Where something is evaluated.

    Attributes
    ----------
    columns
        Coordinate → values (M,), flat.
    dims, shape
        Of the arrays that come back.
    coords
        Of the dataset.
    """

    columns: dict[str, np.ndarray]
    dims: tuple[str, ...]
    shape: tuple[int, ...]
    coords: dict[str, Any]


def grid_places(problem: ResidualProblem, axes: Mapping[str, Any]) -> Places:
    """The product of one axis a coordinate; a single number leaves its dimension out."""
    arrays = {n: _numbers(n, axes[n]) for n in problem.domain.names}
    for name, values in arrays.items():
        if values.ndim > 1:
            raise OptionError(
                f"`{name}` needs a number or a 1-D array, an axis of the grid, not shape {values.shape}. "
                "Scattered points go into `points`."
            )
    _warn_outside(problem, arrays)
    dims = tuple(n for n, v in arrays.items() if v.ndim)
    mesh = np.meshgrid(*(np.atleast_1d(v) for v in arrays.values()), indexing="ij")
    columns = {n: m.reshape(-1) for n, m in zip(arrays, mesh, strict=True)}
    words = {"long_name": "coordinate"}
    coords = {n: (n, v, words) if v.ndim else v for n, v in arrays.items()}
    return Places(columns, dims, tuple(len(arrays[n]) for n in dims), coords)


def _numbers(name: str, values: Any) -> np.ndarray:
    return array(values, name, finite=False, hint="Give one number, or an axis of them.")


def default_axes(problem: ResidualProblem, grid: int | Mapping[str, int] | None) -> dict[str, np.ndarray]:
    """Evenly spaced axes over the domain."""
    names = problem.domain.names
    counts = dict.fromkeys(names, AXIS.get(len(names), 17))
    if isinstance(grid, Mapping):
        for name in grid:
            if name not in names:
                raise unknown("coordinate in `grid`", name, names)
        counts.update(grid)
    elif grid is not None:
        counts = dict.fromkeys(names, grid)
    for name, count in counts.items():
        if not is_whole(count, 2):
            raise OptionError(f"`grid` needs a whole number of points >= 2 along `{name}`, not {count!r}.")
    return {n: np.linspace(*problem.domain.intervals[n], int(counts[n])) for n in names}


def places_of(
    problem: ResidualProblem, points: Any, grid: int | Mapping[str, int] | None, coordinates: Mapping[str, Any]
) -> Places:
    """Where a user asked for values: scattered points, axes, or a grid."""
    for name in coordinates:
        if name not in problem.domain.names:
            raise unknown("coordinate", name, problem.domain.names)
    if points is None:
        return grid_places(problem, {**default_axes(problem, grid), **coordinates})
    if coordinates or grid is not None:
        raise OptionError("Give `points`, or axes of a grid (`x=...`, `grid=...`), not both.")
    return _scattered(problem, points)


def _scattered(problem: ResidualProblem, points: Any) -> Places:
    if isinstance(points, xr.Dataset):
        given = xr.broadcast(*(points[n] for n in problem.domain.names if n in points.variables))
        found = {str(a.name): a for a in given}
        missing = [n for n in problem.domain.names if n not in found]
        if missing:
            raise OptionError(f"`points` has no `{missing[0]}`. Give {', '.join(problem.domain.names)}.")
        first = given[0]
        columns = {n: np.asarray(found[n].values, dtype=float).reshape(-1) for n in problem.domain.names}
        coords: dict[str, Any] = {n: (first.dims, found[n].values) for n in found if n not in first.dims}
        coords |= {str(d): points[d] for d in first.dims if d in points.coords}
        _warn_outside(problem, columns)
        return Places(columns, tuple(map(str, first.dims)), first.shape, coords)
    try:
        columns = problem.domain.checked_points(points, "`points`", OptionError, beyond=True)
    except AttributeError:
        raise OptionError("`points` needs a Dataset or a dict coordinate → values (M,).") from None
    columns = {n: columns[n] for n in problem.domain.names}
    _warn_outside(problem, columns)
    count = len(next(iter(columns.values())))
    return Places(columns, ("point",), (count,), {n: ("point", v) for n, v in columns.items()})


def _warn_outside(problem: ResidualProblem, columns: Mapping[str, np.ndarray]) -> None:
    for name, (low, high) in problem.domain.intervals.items():
        values = columns[name]
        if np.isnan(values).any():
            raise OptionError(f"`{name}` is NaN at {np.isnan(values).sum()} points: there is nothing to evaluate.")
        if len(problem.domain.outside(name, values)):
            warn_user(f"`{name}` leaves the domain ({low:g} to {high:g}): nothing was trained there.")


def evaluate_at(
    problem: ResidualProblem,
    engine: Engine,
    graphs: Mapping[str, Graph],
    theta: np.ndarray,
    seeds: Sequence[int],
    places: Places,
    inside: bool = False,
) -> xr.Dataset:
    """Outputs of graphs at points.

    Parameters
    ----------
    graphs
        Prefix → graph of one point; an output `residual` is called like the prefix, others `PREFIX.OUTPUT`, and without
        a prefix like themselves.
    theta
        (S, P) of these seeds.
    inside
        Whether points outside a domain of another shape than its box become NaN.

    Returns
    -------
    xarray.Dataset
        Over seed and the places' dims, with a last `component` where an output has several.
    """
    variables: dict[str, Any] = {}
    lost = ~problem.domain.contains(places.columns) if inside and problem.domain.inside is not None else None
    for prefix, graph in graphs.items():
        columns = {n: places.columns[n] for n in graph.input_names if n != "theta"}
        members = [_values(engine, graph, columns, one, len(next(iter(places.columns.values())))) for one in theta]
        for output in graph.outputs:
            values = np.stack([m[output] for m in members])
            if lost is not None:
                values = np.where(lost.reshape((1, -1) + (1,) * (values.ndim - 2)), np.nan, values)
            name = output if not prefix else problem.label(prefix, output)
            more = (f"component_of_{name}",) if values.ndim > 2 else ()
            shaped = values.reshape((len(theta), *places.shape, *values.shape[2:]))
            word = "residual of" if prefix else "field"
            variables[name] = (("seed", *places.dims, *more), shaped, {"long_name": f"{word} {name}"})
    return xr.Dataset(variables, coords={"seed": list(seeds), **places.coords})


def _values(
    engine: Engine, graph: Graph, columns: Mapping[str, np.ndarray], theta: np.ndarray, count: int
) -> dict[str, np.ndarray]:
    """A graph's outputs (M, …) at points, some thousands at a time, always as many: engines compile by shape."""
    size = min(BLOCK, count)
    parts: dict[str, list[np.ndarray]] = {n: [] for n in graph.outputs}
    for start in range(0, count, size):
        rows = np.minimum(np.arange(start, start + size), count - 1)
        values = {n: c[rows] for n, c in columns.items()}
        if values:
            found = engine.evaluate(graph, {**values, "theta": theta}, list(values))
        else:
            found = {
                n: np.repeat(np.asarray(v)[None], size, 0) for n, v in engine.evaluate(graph, {"theta": theta}).items()
            }
        for n, value in found.items():
            parts[n].append(np.asarray(value)[: count - start])
    return {n: np.concatenate(blocks) for n, blocks in parts.items()}
