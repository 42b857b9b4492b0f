"""`coarsen`: fine data as a coarse grid is meant to see them, and exactly what its equations lack."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from ..checks import instance, known_arguments
from ..errors import DataError, ModelError, OptionError
from ..grid import Axis, Grid, restrict
from ..grid.filters import Filter, Gaussian
from ..model import PDE
from ..model.closed import SUFFIX, words_of_term
from ..model.provenance import generator_of

__all__ = ["coarsen", "tendencies"]


@known_arguments
def coarsen(
    data: xr.Dataset, coarse: Grid | PDE, filter: Filter | None = None, *, model: PDE | None = None
) -> xr.Dataset:
    """Fields filtered and brought to a coarse grid; given the equations there, also the term that they lack.

    Where ∂u/∂t = f(u) on the fine grid, the filtered field ū obeys ∂ū/∂t = f̄(ū) + Π with f̄ the coarse model and
    Π = filtered(f(u)) − f̄(ū): what a closure shall give, without an error of discretisation in time.

    Parameters
    ----------
    data
        Dataset over time and the grid's dimensions, e.g. of `problem.data()`. Arrays of dask stay lazy.
    coarse
        The coarse grid, or the model whose closure is wanted, on it: `replace(problem, points=64).model()`.
    filter
        One of `ude.filters`. Default: `Gaussian()`, twice as wide as the coarse grid's spacing.
    model
        The model that made the data, for Π. Default: the one that their attribute `unideq_model` describes.

    Returns
    -------
    xarray.Dataset
        The fields on the coarse grid and, where `coarse` is a model, `NAME_subgrid` for each of its fields: Π.

    Raises
    ------
    DataError
        If the data don't fit the grids or the models, hold NaN, or nobody says which model made them.
    OptionError
        If an axis isn't periodic, the grid isn't coarser, or the filter is narrower than its spacing.
    ModelError
        If a model has networks or forcings of a trajectory's own.

    Notes
    -----
    M. Germano, J. Fluid Mech. 238 (1992) 325-336, has the filtered equations; here the filter is applied to the whole
    tendency, so that terms which commute with it (linear ones) cancel. P. Sagaut, Large Eddy Simulation for
    Incompressible Flows (2006), has the filters.

    Examples
    --------
    >>> from dataclasses import replace
    >>> import unideq as ude
    >>> problem = ude.problems.Burgers(points=64)
    >>> data = problem.data(steps=10, every=5)
    >>> seen = ude.coarsen(data, replace(problem, points=16).model())
    >>> dict(seen.u_subgrid.sizes)
    {'trajectory': 1, 'time': 3, 'x': 16}
    """
    instance(data, xr.Dataset, "data", needs="an xarray Dataset, e.g. `array.to_dataset(name='u')`", error=DataError)
    instance(coarse, (Grid, PDE), "coarse", needs="a coarse grid, or the PDE on it")
    instance(filter, Filter, "filter", needs="one of `ude.filters`, e.g. `ude.filters.Gaussian()`", none=True)
    instance(model, PDE, "model", needs="the PDE that made the data", none=True)
    grid = coarse if isinstance(coarse, Grid) else coarse.grid
    fine = _fine_axes(data, grid)
    chosen = filter or Gaussian()
    factors = chosen.transfer(fine, _widths(chosen, grid))
    names = [str(n) for n, v in data.data_vars.items() if set(grid.dims) <= set(v.dims)]
    if not names:
        raise DataError(f"No variable of the data lies on {', '.join(f'`{n}`' for n in grid.dims)}: nothing to filter.")
    smooth = data.assign({n: _filtered(data[n], grid.dims, factors) for n in names})
    if isinstance(coarse, Grid):
        if model is not None:
            raise OptionError("Subgrid terms need the equations on the coarse grid: give the PDE there, not its grid.")
        return restrict(smooth, grid)
    truth = model or _made_by(data)
    _check_model(truth, coarse, data, fine)
    slopes = {n + SUFFIX: _filtered(a, grid.dims, factors) for n, a in tendencies(truth, data, grid.dims).items()}
    made = restrict(smooth.assign(slopes), grid)
    terms = {n + SUFFIX: made[n + SUFFIX] - there for n, there in tendencies(coarse, made, grid.dims).items()}
    return made.assign({n: a.assign_attrs(long_name=words_of_term(n.removesuffix(SUFFIX))) for n, a in terms.items()})


def _fine_axes(data: xr.Dataset, grid: Grid) -> list[Axis]:
    """The data's axes, which must be finer."""
    axes = []
    for axis in grid.axes:
        if not axis.periodic:
            raise OptionError(
                f"Filters work on Fourier modes, and axis `{axis.name}` has boundary {axis.boundary!r}: they need "
                "periodic axes. `ude.restrict(data, grid)` averages cells elsewhere."
            )
        if axis.name not in data.dims or axis.name not in data.coords:
            raise DataError(
                f"The data has no dimension `{axis.name}` with a coordinate; its dimensions are "
                f"{', '.join(f'`{d}`' for d in data.dims) or 'none'}. Rename one: `data.rename(…)`."
            )
        found = Axis.from_coordinates(axis.name, data[axis.name].values, axis.boundary)
        if found.points < axis.points:
            raise OptionError(
                f"Along `{axis.name}` the grid has {axis.points} points and the data only {found.points}. Choose a "
                "coarser grid, or make finer data."
            )
        axes.append(found)
    return axes


def _widths(chosen: Filter, grid: Grid) -> list[float]:
    widths = []
    for axis in grid.axes:
        width = 2.0 * axis.spacing if chosen.width is None else float(chosen.width)
        if width < axis.spacing * (1.0 - 1e-9):
            raise OptionError(
                f"The filter's width is {width:g}, narrower than the spacing of the coarse grid along `{axis.name}`, "
                f"{axis.spacing:g}, which can't carry what it lets pass. Choose at least that; 2 spacings are usual."
            )
        if width > axis.length:
            raise OptionError(
                f"The filter's width is {width:g}, and axis `{axis.name}` is {axis.length:g} long. It is in units of "
                "the coordinates, not a number of points."
            )
        widths.append(width)
    return widths


def _filtered(values: xr.DataArray, dims: Sequence[str], factors: np.ndarray) -> xr.DataArray:
    if isinstance(values.data, np.ndarray) and not np.isfinite(values.data).all():
        raise DataError(f"`{values.name}` holds NaN or infinite values; a filter would spread them.")
    places = tuple(range(-len(dims), 0))

    def smooth(array: np.ndarray) -> np.ndarray:
        return np.fft.irfftn(np.fft.rfftn(array, axes=places) * factors, array.shape[places[0] :], axes=places)

    core = list(dims)
    found = xr.apply_ufunc(
        smooth, values, input_core_dims=[core], output_core_dims=[core], dask="parallelized", output_dtypes=[float],
        keep_attrs=True,
    )  # fmt: skip
    return found.transpose(*values.dims)


def _made_by(data: xr.Dataset) -> PDE:
    found = generator_of(data)
    if isinstance(found, PDE):
        return found
    what = "no attribute `unideq_model`" if found is None else f"the one in `unideq_model` is a {type(found).__name__}"
    raise DataError(
        f"Subgrid terms need the model that made the data, and {what}. Give it: `ude.coarsen(data, coarse, model=...)`."
    )


def _check_model(truth: PDE, coarse: PDE, data: xr.Dataset, fine: Sequence[Axis]) -> None:
    """Both models describe the same fields, the fine one on the data's grid, and need nothing that isn't known."""
    for which, found in (("fine", truth), ("coarse", coarse)):
        if found.networks or found.inputs or found.grouped:
            lacks = "networks" if found.networks else "forcings or parameters of a trajectory's own"
            raise ModelError(f"Subgrid terms are those of known equations, and the {which} model has {lacks}.")
    if "closure" in coarse.named:
        raise ModelError("The coarse model has a closure, and subgrid terms are what it lacks without. Give that one.")
    if set(truth.states.names) != set(coarse.states.names):
        raise ModelError(
            f"The fine model has the fields {', '.join(truth.states.names)} and the coarse one "
            f"{', '.join(coarse.states.names)}: they must be the same."
        )
    missing = [n for n in truth.states.names if n not in data.data_vars]
    if missing:
        raise DataError(f"The data lack the field `{missing[0]}` of the model; they have {', '.join(map(str, data))}.")
    for own, axis in zip(truth.grid.axes, fine, strict=True):
        same = own.name == axis.name and own.points == axis.points
        if not same or not np.allclose(own.coordinates, axis.coordinates, rtol=0.0, atol=1e-4 * axis.spacing):
            raise DataError(
                f"The data have {axis.points} points along `{axis.name}` and the model that made them has {own.points} "
                f"along `{own.name}`. Give `model=` on the data's grid: filtered data have lost what Π is made of."
            )


def tendencies(model: PDE, data: xr.Dataset, dims: Sequence[str]) -> dict[str, xr.DataArray]:
    """Field → ∂u/∂t by the model at every snapshot, over the data's dimensions; `dims` are those of space."""
    names = list(model.states.names)
    conditions = [n for n in model.conditions if n in data.coords or n in data.data_vars]

    def slope(t: Any, *given: Any) -> Any:
        own = {n: float(v) for n, v in zip(conditions, given, strict=False)}
        found = model(float(t), dict(zip(names, given[len(conditions) :], strict=True)), **own)
        return tuple(found[n] for n in names) if len(names) > 1 else found[names[0]]

    if "time" in data.dims and "time" not in data.coords:
        raise DataError("The data's dimension `time` has no coordinate. Add it: `data.assign_coords(time=...)`.")
    time = data["time"] if "time" in data.coords else xr.DataArray(0.0)
    found = xr.apply_ufunc(
        slope, time, *(data[n] for n in (*conditions, *names)),
        input_core_dims=[[] for _ in (time, *conditions)] + [list(dims) for _ in names],
        output_core_dims=[list(dims) for _ in names],
        vectorize=True, dask="parallelized", output_dtypes=[float] * len(names),
    )  # fmt: skip
    arrays = found if isinstance(found, tuple) else (found,)
    return {n: a.transpose(*data[n].dims).rename(n) for n, a in zip(names, arrays, strict=True)}
