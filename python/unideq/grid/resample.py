"""`restrict`: data on one grid brought to another grid of the same domain, as reference solutions are."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from ..checks import instance
from ..errors import DataError
from .axis import Axis
from .grid import Grid

__all__ = ["restrict"]


def restrict(data: xr.Dataset, grid: Grid) -> xr.Dataset:
    """Data on another grid of the same domain, usually a coarser one.

    Parameters
    ----------
    data
        Dataset whose variables have the grid's dimensions (variables without them stay as they are), with uniform
        coordinates.
    grid
        The grid that the result lives on.

    Returns
    -------
    xarray.Dataset
        The same variables, dimensions and attributes with the grid's coordinates. On periodic axes by cutting (or
        extending) the Fourier series. Elsewhere, where the number of points falls by a whole factor, by averaging
        cells, else by cubic interpolation.

    Raises
    ------
    DataError
        If a dimension or coordinate is missing, coordinates aren't uniform, the domain is another, or values are NaN.

    Examples
    --------
    >>> import numpy as np, unideq as ude, xarray as xr
    >>> fine = ude.Axis("x", 0.0, 2 * np.pi, 64)
    >>> data = xr.Dataset({"u": ("x", np.sin(fine.coordinates))}, {"x": fine.coordinates})
    >>> coarse = ude.Grid(fine.with_points(8))
    >>> bool(np.allclose(ude.restrict(data, coarse).u, np.sin(coarse.coordinates("x"))))
    True
    """
    if not isinstance(data, xr.Dataset):
        raise DataError(
            f"`restrict` needs an xarray Dataset, not {type(data).__name__}. Write `array.to_dataset(name='u')`."
        )
    instance(grid, Grid, "grid", needs="a grid", error=DataError)
    for axis in grid.axes:
        data = _along(data, axis)
    return data


def _along(data: xr.Dataset, axis: Axis) -> xr.Dataset:
    if axis.name not in data.dims or axis.name not in data.coords:
        raise DataError(
            f"The data has no dimension `{axis.name}` with a coordinate; its dimensions are "
            f"{', '.join(f'`{d}`' for d in data.dims) or 'none'}. Rename one: `data.rename(…)`."
        )
    source = Axis.from_coordinates(axis.name, data[axis.name].values, axis.boundary)
    tolerance = 1e-4 * min(source.spacing, axis.spacing)
    if abs(source.start - axis.start) > tolerance or abs(source.stop - axis.stop) > tolerance:
        raise DataError(
            f"Along `{axis.name}` the data covers {source.start:g} … {source.stop:g} and the grid "
            f"{axis.start:g} … {axis.stop:g}. Choose a grid of the same domain."
        )
    attributes = data[axis.name].attrs or ({"units": axis.units} if axis.units else {})
    made: dict[str, Any] = {}
    for name, values in data.data_vars.items():
        made[str(name)] = _variable(values, axis) if axis.name in values.dims else values
    others = {name: c for name, c in data.coords.items() if axis.name not in c.dims}
    coordinate = xr.Variable(axis.name, axis.coordinates, attributes)
    return xr.Dataset(made, {**others, axis.name: coordinate}, data.attrs)


def _variable(values: xr.DataArray, axis: Axis) -> xr.DataArray:
    n = values.sizes[axis.name]
    bare = values.drop_vars([name for name, c in values.coords.items() if axis.name in c.dims])
    if n == axis.points:
        return bare
    if isinstance(values.data, np.ndarray) and not np.isfinite(values.data).all():
        raise DataError(f"`{values.name}` holds NaN or infinite values; they would spread along `{axis.name}`.")
    matrix = _cubic(n, axis.points) if not axis.periodic and n % axis.points else None

    def brought(array: np.ndarray) -> np.ndarray:
        if axis.periodic:
            return _fourier(array, axis.points)
        if matrix is not None:
            return array @ matrix.T
        return array.reshape(*array.shape[:-1], axis.points, n // axis.points).mean(axis=-1)

    result = xr.apply_ufunc(
        brought,
        bare,
        input_core_dims=[[axis.name]],
        output_core_dims=[[axis.name]],
        exclude_dims={axis.name},
        dask="parallelized",
        dask_gufunc_kwargs={"output_sizes": {axis.name: axis.points}},
        output_dtypes=[float],
        keep_attrs=True,
    )
    return result.transpose(*values.dims)


def _fourier(array: np.ndarray, points: int) -> np.ndarray:
    """The Fourier series cut or extended; the two waves of a new or old Nyquist mode share its amplitude."""
    n = array.shape[-1]
    spectrum = np.fft.rfft(array, axis=-1)
    modes = np.zeros((*array.shape[:-1], points // 2 + 1), dtype=complex)
    count = min(n, points) // 2 + 1
    modes[..., :count] = spectrum[..., :count]
    if points < n and points % 2 == 0:
        modes[..., -1] = 2.0 * np.real(modes[..., -1])
    if points > n and n % 2 == 0:
        modes[..., count - 1] *= 0.5
    return np.fft.irfft(modes, points, axis=-1) * (points / n)


def _cubic(n: int, points: int) -> np.ndarray:
    """Lagrange interpolation through the four nearest cells, as a matrix (points, n)."""
    matrix = np.zeros((points, n))
    count = min(4, n)
    for i in range(points):
        place = (i + 0.5) * n / points - 0.5
        first = min(max(int(np.floor(place)) - 1, 0), n - count)
        for j in range(first, first + count):
            others = [k for k in range(first, first + count) if k != j]
            matrix[i, j] = np.prod([(place - k) / (j - k) for k in others])
    return matrix
