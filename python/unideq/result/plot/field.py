"""Fields as images: over time and space with one space dimension, as snapshots side by side with two."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import unknown
from ...objective.own_times import along
from .series import held_out_from, label_of, shown_trajectories
from .style import DIVERGING, SEQUENTIAL, axes_of, styled, title

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.collections import QuadMesh

    from ..fit import Fit

__all__ = ["plot_field"]

KINDS = ("measured", "predicted", "residual")
MOST_NAMES = 12
"""Entries of an axis that are named."""
SNAPSHOTS = 5
"""Times at which a field of two space dimensions is shown."""


def plot_field(
    fit: Fit, variable: str, kind: str = "predicted", ax: Axes | None = None, trajectory: Any = None
) -> Axes:
    """One field of one trajectory; colours of `measured` and `predicted` mean the same.

    With one space dimension an image over (time, space); with two, snapshots at measured times side by side.

    Parameters
    ----------
    kind
        `measured`, `predicted` (the best seed), or `residual` (predicted − measured, at the measured times).
    trajectory
        Label; default: the first one.
    """
    if kind not in KINDS:
        raise unknown("kind of picture", kind, KINDS)
    shown = shown_trajectories(fit, None if trajectory is None else [trajectory])[0]
    observed = fit.record.observations.dataset
    solution = fit.tree["/solution"].to_dataset()
    grid, members = along(solution, variable, shown.index)
    predicted = members[fit.record.best_seed]
    series = fit.record.observations.series[shown.index]
    measured = series.values[variable]
    with styled():
        ax = axes_of(ax)
        if kind == "predicted":
            times, values = grid, predicted
        else:
            times = series.times
            values = measured if kind == "measured" else predicted[np.searchsorted(grid, series.times)] - measured
        if kind == "residual":
            # A rollout on its way to infinity must not hide what came before.
            most = float(np.nanmax(measured) - np.nanmin(measured)) or np.inf
            size = min(float(np.nanmax(np.abs(values))), most) or 1.0
            limits: dict[str, Any] = {"vmin": -size, "vmax": size, "cmap": DIVERGING}
        else:
            limits = {"vmin": float(np.nanmin(measured)), "vmax": float(np.nanmax(measured)), "cmap": SEQUENTIAL}
        space = observed[variable].dims[2:]
        if len(space) == 1:
            image = _over_time(ax, times, values, observed, space[0], limits)
            _mark_held_out(ax, shown)
            ax.set_xlim(float(grid[0]), float(grid[-1]))
            ax.set_xlabel(label_of(observed, "time", 60))
        else:
            image = _snapshots(ax, series.times, times, values, observed, space, limits)
        bar = ax.figure.colorbar(image, ax=ax, pad=0.02, aspect=18)
        bar.outline.set_visible(False)  # type: ignore[union-attr]
        bar.set_label(label_of(observed, variable) if kind != "residual" else "predicted − measured", fontsize="small")
        several = len(fit.record.observations) > 1
        title(ax, f"{variable}, {kind}", f"trajectory {shown.label}" if several else "")
    return ax


def _points(observed: xr.Dataset, dim: Any) -> tuple[np.ndarray, str]:
    """Where a space dimension's points lie, and its label; numbers of cells, or of entries with names, elsewhere."""
    count = np.arange(observed.sizes[dim])
    if dim not in observed.coords:
        return count, "cell" if re.fullmatch(r".*_\d+", str(dim)) else str(dim)
    values = observed[dim].values
    return values if values.dtype.kind in "fiu" else count, label_of(observed, dim)


def _name_ticks(axis: Axis, observed: xr.Dataset, dim: Any) -> None:
    """Names instead of numbers where a coordinate is text: of all entries, or of an even choice."""
    if dim in observed.coords and observed[dim].dtype.kind in "UO":
        every = max(1, -(-observed.sizes[dim] // MOST_NAMES))
        at = np.arange(0, observed.sizes[dim], every)
        axis.set_ticks(at, labels=[str(v) for v in observed[dim].values[at]])


def _over_time(
    ax: Axes, times: np.ndarray, values: np.ndarray, observed: xr.Dataset, dim: Any, limits: dict[str, Any]
) -> QuadMesh:
    points, label = _points(observed, dim)
    ax.set_ylabel(label)
    _name_ticks(ax.yaxis, observed, dim)
    return ax.pcolormesh(times, points, values.T, shading="nearest", rasterized=True, **limits)


def _snapshots(
    ax: Axes,
    measured: np.ndarray,
    times: np.ndarray,
    values: np.ndarray,
    observed: xr.Dataset,
    space: tuple[Any, ...],
    limits: dict[str, Any],
) -> QuadMesh:
    """A row of images at some measured times, inside of the axes."""
    chosen = sorted({round(k) for k in np.linspace(0, len(measured) - 1, SNAPSHOTS)})
    (across, x_label), (up, y_label) = (_points(observed, d) for d in space)
    ax.set_axis_off()
    image: Any = None
    for at, k in enumerate(chosen):
        inner = ax.inset_axes((at / len(chosen) + 0.01, 0.0, 1 / len(chosen) - 0.02, 0.9))
        frame = values[int(np.argmin(np.abs(times - measured[k])))]
        image = inner.pcolormesh(across, up, frame.T, shading="nearest", rasterized=True, **limits)
        inner.set_aspect("equal")
        inner.set_title(f"t = {measured[k]:g}", fontsize="small", loc="center")
        inner.tick_params(labelsize="x-small")
        _name_ticks(inner.xaxis, observed, space[0])
        _name_ticks(inner.yaxis, observed, space[1])
        inner.set_xlabel(x_label, fontsize="small")
        if at:
            inner.set_yticklabels([])
        else:
            inner.set_ylabel(y_label, fontsize="small")
    return image


def _mark_held_out(ax: Axes, shown: Any) -> None:
    """A line instead of shading, which would change the colours."""
    begin = held_out_from([shown])
    if begin is not None:
        ax.axvline(begin, color="white", lw=2.2)
        ax.axvline(begin, color="#222222", lw=1.0, ls=(0, (3, 2)), label="_held out")
        place = {"xycoords": ("data", "axes fraction"), "xytext": (4, -3), "textcoords": "offset points"}
        box = {"facecolor": "white", "alpha": 0.75, "lw": 0, "pad": 1.5}
        ax.annotate("held out", (begin, 1.0), va="top", fontsize="small", bbox=box, **place)  # type: ignore[arg-type]
