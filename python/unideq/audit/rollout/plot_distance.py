"""Picture of a distribution shift: distances along rollouts at the left, and where they are large at the right."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from ...result.plot.style import COLOURS, MUTED, SEQUENTIAL, label_once, title

if TYPE_CHECKING:
    from matplotlib.figure import SubFigure

__all__ = ["plot_distance"]


def plot_distance(name: str, d: xr.Dataset, figure: SubFigure) -> None:
    """How far the inputs of one network get from the training's along rollouts, and where (or by how much)."""
    left, right = figure.subplots(1, 2)
    places = [str(p) for p in d["ratio"].dims if str(p).startswith("place_")]
    ratio = d["ratio"].values.reshape(d.sizes["condition"], d.sizes["step"], -1)
    far = np.quantile(np.minimum(ratio, 1e9), 0.95, axis=2)
    far = np.where(far < 1e6, far, np.nan)
    for k in range(d.sizes["condition"]):
        kind = str(d["kind"].values[k])
        left.plot(far[k], color=COLOURS[kind == "new"], lw=1.5, label=label_once(left, kind))
    left.axhline(1.0, color=MUTED, lw=0.9)
    if np.nanmax(far) > 5.0:
        left.set_yscale("log")
    left.set_xlabel("step")
    left.set_ylabel("distance / training's 99 %")
    left.legend(loc="best")
    title(left, f"inputs of {name}", "largest 5 % of the places" if places else "")
    if not places:
        energy = d["energy"].values
        colours = [COLOURS[1] if k == "new" else COLOURS[0] for k in d["kind"].values]
        right.bar(np.arange(len(energy)), energy, color=colours, alpha=0.85)
        right.set_xticks(np.arange(len(energy)), d["condition_name"].values, rotation=20, ha="right")
        right.set_ylabel("energy distance / training's spread")
        if energy.max() > 20.0 * max(float(np.median(energy)), 1e-3):
            right.set_yscale("symlog", linthresh=0.1)
        title(right, "rollout against training")
        return
    worst = int(np.argmax(np.nanmax(np.nan_to_num(far, nan=1e6), axis=1)))
    image = d["ratio"].isel(condition=worst)
    for other in places[1:]:
        image = image.max(other)
    values = np.clip(image.values, 1e-2, 1e3)
    shown = right.pcolormesh(np.log10(values).T, cmap=SEQUENTIAL, rasterized=True)
    right.figure.colorbar(shown, ax=right, pad=0.02, label="log₁₀ distance ratio")
    right.set_xlabel("step")
    right.set_ylabel("cell")
    title(right, "where", str(d["condition_name"].values[worst]))
