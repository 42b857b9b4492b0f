"""Fields with one space dimension as images over time and space."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import unknown
from .series import held_out_from, label_of, shown_trajectories
from .style import DIVERGING, SEQUENTIAL, axes_of, styled, title

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..fit import Fit

__all__ = ["plot_field"]

KINDS = ("measured", "predicted", "residual")


def plot_field(
    fit: Fit, variable: str, kind: str = "predicted", ax: Axes | None = None, trajectory: Any = None
) -> Axes:
    """One field of one trajectory over (time, space); colours of `measured` and `predicted` mean the same.

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
    predicted = solution[variable].values[fit.record.best_seed, shown.index]
    series = fit.record.observations.series[shown.index]
    measured = series.values[variable]
    grid = solution["time"].values
    with styled():
        ax = axes_of(ax)
        cells = np.arange(measured.shape[1])
        if kind == "predicted":
            times, values = grid, predicted
        else:
            times = series.times
            values = measured if kind == "measured" else predicted[np.searchsorted(grid, series.times)] - measured
        if kind == "residual":
            size = float(np.nanmax(np.abs(values))) or 1.0
            limits: dict[str, Any] = {"vmin": -size, "vmax": size, "cmap": DIVERGING}
        else:
            limits = {"vmin": float(np.nanmin(measured)), "vmax": float(np.nanmax(measured)), "cmap": SEQUENTIAL}
        image = ax.pcolormesh(times, cells, values.T, shading="nearest", rasterized=True, **limits)
        bar = ax.figure.colorbar(image, ax=ax, pad=0.02, aspect=18)
        bar.outline.set_visible(False)  # type: ignore[union-attr]
        bar.set_label(label_of(observed, variable) if kind != "residual" else "predicted − measured", fontsize="small")
        _mark_held_out(ax, shown)
        ax.set_xlim(float(grid[0]), float(grid[-1]))
        ax.set_xlabel(label_of(observed, "time", 60))
        ax.set_ylabel("cell")
        several = len(fit.record.observations) > 1
        title(ax, f"{variable}, {kind}", f"trajectory {shown.label}" if several else "")
    return ax


def _mark_held_out(ax: Axes, shown: Any) -> None:
    """A line instead of shading, which would change the colours."""
    begin = held_out_from([shown])
    if begin is not None:
        ax.axvline(begin, color="white", lw=2.2)
        ax.axvline(begin, color="#222222", lw=1.0, ls=(0, (3, 2)), label="_held out")
        place = {"xycoords": ("data", "axes fraction"), "xytext": (4, -3), "textcoords": "offset points"}
        box = {"facecolor": "white", "alpha": 0.75, "lw": 0, "pad": 1.5}
        ax.annotate("held out", (begin, 1.0), va="top", fontsize="small", bbox=box, **place)  # type: ignore[arg-type]
