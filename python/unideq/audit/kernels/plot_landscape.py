"""Picture of a loss landscape: contours of the logarithm, or a curve, around the trained weights."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from ...checks import instance
from ...result.plot.style import COLOURS, INK, SEQUENTIAL, make_figure, styled, title, write_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["plot_loss_landscape"]


def plot_loss_landscape(landscape: Any, path: str | os.PathLike[str] | None = None) -> Figure:
    """Draw what `loss_landscape` found.

    Parameters
    ----------
    landscape
        Its Dataset.
    path
        File to write.
    """
    instance(landscape, xr.Dataset, "landscape", "plot_loss_landscape", needs="what `ude.loss_landscape(fit)` found")
    loss = landscape["loss"].where(np.isfinite(landscape["loss"]) & (landscape["loss"] > 0))
    with styled():
        figure = make_figure(4.8, 3.8)
        ax = figure.subplots()
        if loss.ndim == 1:
            ax.semilogy(loss["a"], loss, color=COLOURS[0])
            ax.axvline(0.0, color=INK, lw=0.8, ls=":")
            ax.set(xlabel="a", ylabel=loss.attrs["long_name"])
        else:
            drawn = ax.contourf(loss["a"], loss["b"], np.log10(loss.values.T), levels=16, cmap=SEQUENTIAL)
            figure.colorbar(drawn, ax=ax, label=f"log₁₀ of the {loss.attrs['long_name']}")
            ax.plot(0.0, 0.0, marker="+", ms=9, mew=1.6, color="white")
            ax.set(xlabel="a", ylabel="b", aspect="equal")
        title(ax, "loss around the trained weights", f"seed {landscape.attrs['seed']}")
    if path is not None:
        write_figure(figure, path)
    return figure
