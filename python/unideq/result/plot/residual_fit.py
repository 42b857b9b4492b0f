"""The fit of a residual problem in one figure: fields, residuals, losses, weights, learned parameters."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from ...checks import instance, number, writable
from ...errors import DataError, OptionError, unknown
from .overview import names_of
from .residual_history import plot_causal, plot_losses, plot_parameters, plot_weights
from .style import COLOURS, DIVERGING, MUTED, SEQUENTIAL, axes_of, make_figure, styled, title, write_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ..fit import Fit

__all__ = ["plot_map", "residual_overview"]

MOST_FIELDS, MOST_RESIDUALS = 3, 3
FAINTEST = 6
"""Decades of a residual's colours below its largest value."""


def residual_overview(
    fit: Fit,
    path: str | os.PathLike[str] | None = None,
    fields: Sequence[str] | None = None,
    reference: xr.Dataset | None = None,
    dpi: int = 150,
    **at: float,
) -> Figure:
    """Fields of the best seed, their residuals, the course of losses, weights and parameters, in one figure.

    Parameters
    ----------
    path
        File to write as well; its ending decides the format (`.png`, `.svg`, `.pdf`).
    fields
        Fields or outputs to show; default: the first three.
    reference
        Dataset with fields over the coordinates: shown beside, as the error.
    dpi
        Resolution of a written bitmap.
    at
        Coordinate → value where it is cut; with three coordinates and more, those that aren't given are cut in the
        middle, but for the last two.

    Returns
    -------
    matplotlib.figure.Figure
        It belongs to no pyplot state: a notebook shows it once, scripts write it with `savefig`.

    Raises
    ------
    OptionError
        For unknown names, or if `path` can't be written.
    """
    if path is not None:
        writable(path, what="The picture")
    dpi, fields = number(dpi, "dpi", above=0), names_of(fields, "fields")
    needs = "an xarray Dataset with fields over coordinates"
    instance(reference, xr.Dataset, "reference", needs=needs, none=True, error=DataError)
    solution, residual = fit.tree["/solution"].to_dataset(), fit.tree["/residual"].to_dataset()
    names = [str(n) for n in solution.data_vars][:MOST_FIELDS] if fields is None else list(fields)
    for name in names:
        if name not in solution:
            raise unknown("field", name, map(str, solution.data_vars))
    best = {"seed": fit.record.best_seed}
    cut = _cut(fit, at)
    shown: list[tuple[str, Any, str]] = [(n, solution[n].isel(best).sel(cut, method="nearest"), "field") for n in names]
    if reference is not None:
        compared = [n for n in names if n in reference]
        if not compared:
            raise DataError(f"The reference has none of the fields {', '.join(f'`{n}`' for n in names)}.")
        shown += [(n, _error(fit, n, reference, cut), "error") for n in compared]
    for n in list(residual.data_vars)[:MOST_RESIDUALS]:
        values = residual[n].isel(best).sel(cut, method="nearest")
        more = [d for d in values.dims if str(d).startswith("component_of_")]
        shown.append((str(n), np.sqrt((values**2).sum(more, skipna=False)) if more else values, "residual"))
    across = min(3, len(shown))
    rows = -(-len(shown) // across)
    below = [plot_losses, *_further(fit)]
    with styled():
        figure = make_figure(12.0, 3.5 * rows + 3.4)
        figure.get_layout_engine().set(w_pad=0.08, h_pad=0.08)  # type: ignore[union-attr, call-arg]
        note = ", ".join(f"{n} = {v:.4g}" for n, v in cut.items())
        figure.suptitle(_headline(fit, note), x=0.012, ha="left", fontsize=9.5, color=MUTED)
        top, bottom = figure.subfigures(2, 1, height_ratios=(3.5 * rows, 3.2), squeeze=False)[:, 0]
        axes = top.subplots(rows, across, squeeze=False).ravel()
        for ax, (name, values, kind) in zip(axes, shown, strict=False):
            plot_map(fit, name, values, kind, ax)
        for ax in axes[len(shown) :]:
            ax.set_axis_off()
        ratios = [1.5 if draw is plot_losses else 1.0 for draw in below]
        lower = bottom.subplots(1, len(below), squeeze=False, width_ratios=ratios)[0]
        for ax, draw in zip(lower, below, strict=True):
            draw(fit, ax)
    if path is not None:
        write_figure(figure, path, dpi)
    return figure


def plot_map(fit: Fit, name: str, values: xr.DataArray, kind: str = "field", ax: Axes | None = None) -> Axes:
    """One field, error or residual: a curve over one coordinate, a map over two.

    Parameters
    ----------
    name
        What it is called.
    values
        Over one or two coordinates.
    kind
        `field`, `error` (colours around zero), or `residual` (its absolute value, logarithmic).
    """
    with styled():
        ax = axes_of(ax)
        note = {"field": f"seed {fit.best_seed}", "error": "predicted − reference", "residual": "residual"}[kind]
        title(ax, name, note)
        if values.ndim == 1:
            _curve(ax, values, kind)
        else:
            _map(ax, values, kind)
        _points(fit, name, values, kind, ax)
    return ax


def _curve(ax: Axes, values: xr.DataArray, kind: str) -> None:
    (dim,) = values.dims
    colour = {"field": COLOURS[0], "error": COLOURS[1], "residual": COLOURS[2]}[kind]
    if kind != "field":
        ax.axhline(0.0, color="#555555", lw=0.8)
    ax.plot(values[dim].values, values.values, color=colour)
    ax.set_xlabel(str(dim))


def _map(ax: Axes, values: xr.DataArray, kind: str) -> None:
    # Time runs to the right, as in the pictures of the literature; else the first coordinate does.
    across, up = ("t", next(d for d in values.dims if d != "t")) if "t" in values.dims else values.dims
    image = values.transpose(up, across)
    data = np.abs(image.values) if kind == "residual" else image.values
    settings: dict[str, Any] = {}
    if kind == "residual":
        from matplotlib.colors import LogNorm

        positive = data[np.isfinite(data) & (data > 0)]
        high = float(positive.max()) if len(positive) else 1.0
        low = max(float(np.quantile(positive, 0.01)), high * 10.0**-FAINTEST) if len(positive) else 0.1
        settings = {"norm": LogNorm(min(low, 0.5 * high), high), "cmap": "magma"}
        data = np.where(np.isfinite(data), np.maximum(data, low), np.nan)
    elif kind == "error" or _about_zero(data):
        most = float(np.nanmax(np.abs(data))) or 1.0
        settings = {"vmin": -most, "vmax": most, "cmap": DIVERGING if kind == "error" else "RdBu_r"}
    else:
        settings = {"cmap": SEQUENTIAL}
    mesh = ax.pcolormesh(image[across].values, image[up].values, data, shading="nearest", rasterized=True, **settings)
    # Beside the map however its aspect shapes it.
    bar = ax.figure.colorbar(mesh, cax=ax.inset_axes((1.03, 0.0, 0.045, 1.0)))
    bar.outline.set_visible(False)  # type: ignore[union-attr]
    if kind == "residual":
        bar.set_label("absolute value", fontsize="small")
    ax.set_xlabel(str(across))
    ax.set_ylabel(str(up))
    spans = [float(np.ptp(image[d].values)) for d in (across, up)]
    if "t" not in values.dims and 0.5 <= spans[0] / spans[1] <= 2.0:
        ax.set_aspect("equal")


def _about_zero(data: np.ndarray) -> bool:
    """Whether values lie on both sides of zero, about as far."""
    low, high = float(np.nanmin(data)), float(np.nanmax(data))
    return low < 0 < high and 1 / 3 < -low / high < 3


def _points(fit: Fit, name: str, values: xr.DataArray, kind: str, ax: Axes) -> None:
    """Where an adaptive sampler put the points of a residual."""
    term = next((t for t in fit.model.residuals if name == t or name.startswith(f"{t}.")), None)
    if kind != "residual" or values.ndim != 2 or term not in fit.record.points:
        return
    columns = fit.record.points[term]
    if all(d in columns for d in values.dims) and values.ndim == len(fit.model.domain.names):
        across, up = ("t", next(d for d in values.dims if d != "t")) if "t" in values.dims else values.dims
        ax.plot(columns[str(across)], columns[str(up)], ".", ms=1.6, color="#56B4E9", alpha=0.8)


def _cut(fit: Fit, at: dict[str, float]) -> dict[str, float]:
    names = fit.model.domain.names
    for name in at:
        if name not in names:
            raise unknown("coordinate", name, names)
    cut = {n: float(number(v, n)) for n, v in at.items()}
    free = [n for n in names if n not in cut]
    if not free:
        raise OptionError("All coordinates are cut; leave one or two free.")
    for name in free[:-2]:
        low, high = fit.model.domain.intervals[name]
        cut[name] = 0.5 * (low + high)
    return cut


def _error(fit: Fit, name: str, reference: xr.Dataset, cut: dict[str, float]) -> xr.DataArray:
    truth = reference[name]
    if not all(d in truth.dims for d in fit.model.domain.names):
        raise OptionError(
            f"A picture of the error needs the reference `{name}` on a grid over "
            f"{', '.join(fit.model.domain.names)}, not over {', '.join(map(str, truth.dims))}."
        )
    truth = truth.sel(cut, method="nearest")
    coordinates: dict[str, Any] = {n: truth[n].values for n in fit.model.domain.names}
    return fit.predict(**coordinates)[name] - truth


def _further(fit: Fit) -> list[Any]:
    """What else there is to draw below."""
    logs = fit.tree["/training"].to_dataset()
    return [
        *([plot_weights] if "weight" in logs else []),
        *([plot_causal] if "causal_weight" in logs else []),
        *([plot_parameters] if any(e.kind == "parameter" and e.free for e in fit.record.layout.entries) else []),
    ]


def _headline(fit: Fit, note: str) -> str:
    record = fit.record
    total = record.best_total[record.best_seed]
    words = [
        f"status: {fit.status.split(':')[0]}",
        f"{len(fit.seeds)} seeds, best {fit.best_seed}" if len(fit.seeds) > 1 else f"seed {fit.best_seed}",
        f"{record.history.iterations} iterations on {record.engine.get('name')}",
        f"validation total {total:.3g}",
        record.settings.balance.text,
        note,
    ]
    return "   ·   ".join(w for w in words if w)
