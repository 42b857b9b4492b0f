"""Picture of a flow map's spectra: eigenvalues at the left, spectral radii along rollouts at the right."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from ...result.plot.style import COLOURS, MUTED, label_once, title

if TYPE_CHECKING:
    from matplotlib.figure import SubFigure

__all__ = ["plot_spectrum", "spectral_radius"]


def plot_spectrum(d: xr.Dataset, figure: SubFigure) -> None:
    """The worst condition's one-step eigenvalues, and the spectral radii of all along their rollouts."""
    left, right = figure.subplots(1, 2)
    worst = int(np.nanargmax(np.nan_to_num(d["e_foldings"].values, posinf=1e300, nan=-1e300)))
    angle = np.linspace(0.0, 2.0 * np.pi, 200)
    left.plot(np.cos(angle), np.sin(angle), color=MUTED, lw=0.9)
    for j, source in enumerate(d["source"].values):
        for step, alpha in ((0, 0.35), (-1, 0.9)):
            one = d.isel(condition=worst, source=j)
            path = np.isfinite(one["one_step_real"].values).any(axis=1)
            if not path.any():
                continue
            at = 0 if step == 0 else int(np.flatnonzero(path)[-1])
            label = f"{source}, step {int(d['looked_step'].values[at])}"
            x, y = one["one_step_real"].values[at], one["one_step_imaginary"].values[at]
            left.plot(
                x, y, ls="none", marker="o+"[j], ms=3.2 if j == 0 else 5, color=COLOURS[1 - j], alpha=alpha, label=label
            )
    left.set_aspect("equal", adjustable="datalim")
    left.set_xlabel("Re λ")
    left.set_ylabel("Im λ")
    left.legend(loc="best", markerscale=1.4)
    title(left, "one-step eigenvalues", str(d["condition_name"].values[worst]))
    radius = spectral_radius(d)
    for k in range(d.sizes["condition"]):
        new = d["kind"].values[k] == "new"
        colour = COLOURS[1] if new else COLOURS[0]
        values = radius.isel(condition=k).sel(source="model").values
        right.plot(d["looked_step"], values, color=colour, lw=1.6, label=label_once(right, str(d["kind"].values[k])))
        if "truth" in d["source"].values:
            values = radius.isel(condition=k).sel(source="truth").values
            right.plot(d["looked_step"], values, color=colour, lw=1.0, ls=":", label=label_once(right, "truth"))
    right.axhline(1.0, color=MUTED, lw=0.8)
    if np.nanmax(radius.values) > 5.0 * np.nanmin(radius.values):
        right.set_yscale("log")
    right.set_xlabel("step")
    right.set_ylabel("|λ|max of one step")
    right.legend(loc="best")
    unstable = int(d["unstable"].sum())
    title(right, "spectral radius", f"{unstable} of {d.sizes['condition']} called unstable")


def spectral_radius(dataset: xr.Dataset) -> xr.DataArray:
    """Largest modulus of the one-step eigenvalues, over `condition`, `source` and `looked`."""
    square: xr.DataArray = dataset["one_step_real"] ** 2 + dataset["one_step_imaginary"] ** 2
    return square.max("mode") ** 0.5
