"""Picture of a field by several integrators: errors of one data interval at the left, of rollouts at the right."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from ...result.plot.style import COLOURS, title

if TYPE_CHECKING:
    from matplotlib.figure import SubFigure

__all__ = ["plot_integrator"]


def plot_integrator(d: xr.Dataset, figure: SubFigure) -> None:
    """Error against the data, and distance from the training's own steps, by integrator."""
    labels = list(map(str, d["integrator"].values))
    places = np.arange(len(labels))
    parts = (("", "one data interval", "of how far it moves"), ("rollout_", "rollouts", "of the states' spread"))
    for ax, (prefix, name, unit) in zip(figure.subplots(1, 2), parts, strict=True):
        errors, apart = d["rollout_error" if prefix else "interval_error"].values, d[f"{prefix}from_own"].values
        shown = [np.where(np.isfinite(v) & (v > 0), v, np.nan) for v in (errors, apart)]
        ax.plot(places, shown[0], marker="o", ms=6, color=COLOURS[0], label="against the data")
        ax.plot(places, shown[1], marker="s", ms=5, ls=":", color=COLOURS[1], label="against the training's steps")
        ax.set_yscale("log")
        ax.set_xticks(places, labels)
        ax.set_ylabel(f"RMS, part {unit}")
        note = f"{d.attrs['steps']} intervals" if prefix else f"h = {d.attrs['h']:g}"
        title(ax, name, note)
        ax.legend(loc="best")
