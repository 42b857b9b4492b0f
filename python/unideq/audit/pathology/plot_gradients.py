"""Pictures of a residual fit's gradients: histograms a layer, and ratios, curvature and weights over training."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from ...result.plot.style import COLOURS, INK, MUTED, title

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import SubFigure

__all__ = ["plot_layers", "plot_training"]

LAYERS = 6
"""Layers shown."""


def plot_layers(data: xr.Dataset, figure: SubFigure) -> None:
    """Histograms of the last moment's gradients, one axes a layer."""
    layers = chosen_layers(data)
    axes = list(figure.subplots(1, len(layers), squeeze=False)[0])
    plot_histograms(data, axes, layers)
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper left", ncols=min(len(labels), 6), columnspacing=1.4)


def plot_training(data: xr.Dataset, figure: SubFigure) -> None:
    """Ratios, curvature, slices of time and weights over training, those that are known."""
    known = {
        plot_ratios: True, plot_curvature: "hessian_max" in data, plot_slices: "slice_loss" in data, plot_weights: True
    }  # fmt: skip
    shown = [draw for draw, there in known.items() if there]
    for draw, ax in zip(shown, figure.subplots(1, len(shown), squeeze=False)[0], strict=True):
        draw(data, ax)


def matrices(data: xr.Dataset) -> list[str]:
    """Layers that are matrices of weights; all where none is."""
    names = [str(n) for n in data["layer"].values]
    return [n for n in names if n.endswith("weight")] or names


def chosen_layers(data: xr.Dataset) -> list[str]:
    """Matrices of weights, evenly picked where there are many."""
    found = matrices(data)
    at = np.unique(np.linspace(0, len(found) - 1, min(LAYERS, len(found))).round().astype(int))
    return [found[k] for k in at]


def plot_histograms(data: xr.Dataset, axes: list[Axes], layers: list[str], iteration: int = -1) -> None:
    """Densities of the weighted terms' gradients, one axes a layer; edges are shared by the terms."""
    moment = data.isel(iteration=iteration)
    for k, (ax, layer) in enumerate(zip(axes, layers, strict=True)):
        one = moment.sel(layer=layer)
        for i, term in enumerate(data["term"].values):
            density = one["histogram"].sel(term=term).values
            ax.stairs(density, one["edges"].values, color=_colour(i), lw=1.5, fill=False, label=str(term))
            ax.stairs(density, one["edges"].values, color=_colour(i), alpha=0.13, fill=True)
        _logarithmic(ax)
        reach = float(one["edges"].max())
        ax.set_xlim(-reach, reach)
        tick = float(f"{0.8 * reach:.1g}")
        ax.set_xticks([-tick, 0.0, tick], [f"{-tick:g}", "0", f"{tick:g}"])
        left = len(matrices(data)) - len(layers)
        title(ax, layer.removesuffix(".weight"), f"{left} more not shown" if left and layer == layers[-1] else "")
        if k == 0:
            ax.set_ylabel("density of λ ∂L/∂w")


def plot_ratios(data: xr.Dataset, ax: Axes) -> None:
    """Size of the reference's gradient over each term's, weighted, over training."""
    reference = set(str(data.attrs["reference"]).split(", "))
    times = data["iteration"].values
    for i, term in enumerate(data["term"].values):
        if str(term) in reference:
            continue
        ax.plot(times, data["norm_ratio"].sel(term=term), color=_colour(i), marker="o", ms=3)
        ax.plot(times, data["annealing_ratio"].sel(term=term), color=_colour(i), lw=1.1, ls=":")
    ax.axhline(1.0, color=MUTED, lw=0.8)
    if len(ax.lines) > 1:
        _logarithmic(ax, room=8.0)
    ax.plot([], [], color=INK, lw=1.5, label="‖∇L_r‖ / ‖λ∇L‖")
    ax.plot([], [], color=INK, lw=1.1, ls=":", label="max|∇L_r| / mean|λ∇L|")
    ax.legend(loc="upper right", handlelength=1.2)
    ax.set_xlabel("iteration")
    title(ax, "gradient ratios")


def plot_curvature(data: xr.Dataset, ax: Axes) -> None:
    """Largest Hessian eigenvalue over training, and the bound 2/η of gradient descent."""
    times = data["iteration"].values
    ax.plot(times, data["hessian_max"], color=COLOURS[0], marker="o", ms=3, label="λ_max")
    rate = data["learning_rate"].values
    if np.isfinite(rate).any():
        ax.plot(times, 2.0 / rate, color=MUTED, lw=1.2, ls=":", label="2 / learning rate")
    _logarithmic(ax, room=30.0)
    ax.set_xlabel("iteration")
    ax.legend(loc="upper right", handlelength=1.4)
    title(ax, "Hessian")


def plot_slices(data: xr.Dataset, ax: Axes) -> None:
    """Mean squared residual by slice of time at several moments, light to dark."""
    loss = data["slice_loss"]
    sums = loss.sum(("iteration", "slice"))
    term = str(sums["term"].values[int(np.argmax(sums.values))])
    count = loss.sizes["slice"]
    middle = (np.arange(count) + 0.5) / count
    last = loss.sizes["iteration"] - 1
    colour = _colour([str(t) for t in data["term"].values].index(term))
    shown = sorted({round(k) for k in np.linspace(0, last, min(4, last + 1))})
    for n, k in enumerate(shown):
        shade = (n + 1) / len(shown)
        ax.plot(
            middle, loss.isel(iteration=k).sel(term=term), color=colour, alpha=0.2 + 0.8 * shade,
            lw=0.9 + shade, label=f"{int(data['iteration'][k])}",
        )  # fmt: skip
    _logarithmic(ax)
    ax.set_xlabel("time (of its interval)")
    ax.legend(loc="best", title="iteration", title_fontsize=8.5, handlelength=1.2)
    title(ax, f"{term}: mean r² in time")


def plot_weights(data: xr.Dataset, ax: Axes) -> None:
    """The terms' weights over training, or their unweighted values where weights don't move."""
    moving = "weight_log" in data
    for i, term in enumerate(data["term"].values):
        if moving:
            values = data["weight_log"].sel(term=term).values
            ax.plot(data["logged_iteration"].values, values, color=_colour(i), lw=1.4)
        else:
            ax.plot(data["iteration"].values, data["loss"].sel(term=term), color=_colour(i), marker="o", ms=3)
    _logarithmic(ax)
    ax.set_xlabel("iteration")
    title(ax, "weights" if moving else "terms (validation)")


def _logarithmic(ax: Axes, room: float = 1.0) -> None:
    """A logarithmic axis without labels between the powers of ten where there are two of them, with room above."""
    from matplotlib.ticker import LogFormatterMathtext, NullFormatter

    ax.set_yscale("log")
    low, high = ax.get_ylim()
    ax.set_ylim(low, high * room)
    ax.yaxis.set_major_formatter(LogFormatterMathtext())
    if high / low > 100.0:
        ax.yaxis.set_minor_formatter(NullFormatter())


def _colour(i: int) -> str:
    return COLOURS[i % len(COLOURS)]
