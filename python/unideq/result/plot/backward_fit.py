"""The fit of a backward problem in one figure: the value at the start, the solution along paths, their ends, losses."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np

from ...checks import number, writable
from .residual_history import plot_losses
from .style import COLOURS, INK, MUTED, make_figure, styled, title, write_figure

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ..fit import Fit

__all__ = ["backward_overview", "plot_values"]


def backward_overview(
    fit: Fit, path: str | os.PathLike[str] | None = None, exact: float | None = None, dpi: int = 150
) -> Figure:
    """The value by seeds with its intervals, u and |z| along paths, their ends against g, the losses.

    Parameters
    ----------
    path
        File to write as well; its ending decides the format (`.png`, `.svg`, `.pdf`).
    exact
        u(t₀, x₀), where it is known.
    dpi
        Resolution of a written bitmap.

    Raises
    ------
    OptionError
        If `exact` isn't a number, or `path` can't be written.
    """
    if path is not None:
        writable(path, what="The picture")
    dpi, exact = number(dpi, "dpi", above=0), number(exact, "exact", none=True)
    with styled():
        figure = make_figure(12.0, 6.6)
        problem = fit.model
        words = f"{problem!r}; {fit.status}"
        figure.suptitle(words, x=0.012, ha="left", fontsize=9.5, color=MUTED)
        grid = figure.add_gridspec(2, 3)
        plot_values(fit.tree["/diagnostics"].to_dataset(), figure.add_subplot(grid[0, 0]), exact)
        shown = fit.tree["/solution"].to_dataset().isel(seed=fit.record.best_seed)
        for place, draw in (((0, 1), _paths), ((0, 2), _ends), ((1, 0), _slopes)):
            draw(shown, figure.add_subplot(grid[place]))
        plot_losses(fit, figure.add_subplot(grid[1, 1:]))
    if path is not None:
        write_figure(figure, path, dpi)
    return figure


def plot_values(found: xr.Dataset, ax: Axes, exact: float | None = None) -> None:
    """u(t₀, x₀) of all seeds with its intervals; `found` as `unideq.result.backward_paths.estimates` gives it."""
    at = np.arange(found.sizes["seed"])
    title(ax, "u(t₀, x₀)", f"{found.attrs['paths']} fresh paths")
    middle, low, high = (found[n].values for n in ("u0", "low", "high"))
    ax.errorbar(
        at, middle, [middle - low, high - middle], fmt="o", ms=5, capsize=3, color=COLOURS[0], label="corrected, 95 %"
    )
    ax.plot(at, found["trained"], ls="none", marker="x", color=COLOURS[1], label="as trained")
    if exact is not None:
        ax.axhline(exact, color=INK, lw=1.0, ls="--", label="exact")
    ax.set_xticks(at, [str(s) for s in found["seed"].values])
    ax.set_xlim(-0.6, len(at) - 0.4)
    ax.set_xlabel("seed")
    ax.ticklabel_format(axis="y", useOffset=False)
    ax.legend(loc="best")


def _paths(found: xr.Dataset, ax: Axes) -> None:
    time = found["time"].values
    for one in found["u"].values:
        ax.plot(time, one, color=COLOURS[0], lw=0.8, alpha=0.5)
    ax.plot(
        np.full(found.sizes["path"], time[-1]),
        found["terminal"],
        ls="none",
        marker="o",
        ms=3,
        color=COLOURS[1],
        label="g(X)",
    )
    title(ax, "u along paths", f"{found.sizes['path']} paths")
    ax.set_xlabel("time")
    ax.legend(loc="best")


def _ends(found: xr.Dataset, ax: Axes) -> None:
    g, u = found["terminal"].values, found["u"].values[:, -1]
    ends = [min(g.min(), u.min()), max(g.max(), u.max())]
    ax.plot(ends, ends, color=MUTED, lw=1.0)
    ax.plot(g, u, ls="none", marker="o", ms=3.5, color=COLOURS[0])
    title(ax, "ends of the paths")
    ax.set_xlabel("g(X)")
    ax.set_ylabel("u at the end")


def _slopes(found: xr.Dataset, ax: Axes) -> None:
    size = np.sqrt((found["z"].values ** 2).sum(axis=-1))
    time = found["step_start"].values
    low, middle, high = np.quantile(size, (0.05, 0.5, 0.95), axis=0)
    ax.fill_between(time, low, high, color=COLOURS[2], alpha=0.22, lw=0, label="90 % of the paths")
    ax.plot(time, middle, color=COLOURS[2], label="median")
    title(ax, "|z| = |σᵀ∇u| along paths")
    ax.set_xlabel("time")
    ax.legend(loc="best")
