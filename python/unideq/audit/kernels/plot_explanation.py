"""Picture of an explanation: classes of kernels by layer, what changed, spectra of the layers, most changed kernels."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from ...result.plot.style import COLOURS, MUTED, SEQUENTIAL, log_numbers, make_figure, styled, title, write_figure
from .classes import CLASSES

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from .explanation import Explanation

__all__ = ["plot_explanation"]

SHOWN = 5
"""Kernels whose spectra are drawn."""
STYLES = {"base": (COLOURS[0], "-"), "target": (COLOURS[1], "--"), "transferred": (COLOURS[2], "-")}


def plot_explanation(explanation: Explanation, path: str | os.PathLike[str] | None = None) -> Figure:
    """See `Explanation.plot`."""
    tree = explanation.tree
    kernels, layers = tree["/kernels"].to_dataset(), tree["/preactivations"].to_dataset()
    changes = tree["/changes"].to_dataset() if "changes" in tree.children else None
    count = layers.sizes["layer"]
    columns = min(count, 6)
    rows = -(-count // columns)
    heights = [2.7, *([2.3] * rows), *([3.6] if changes is not None else [])]
    with styled():
        figure = make_figure(max(2.05 * columns, 8.2), sum(heights))
        parts: Any = figure.subfigures(len(heights), 1, height_ratios=heights)
        left, right = parts[0].subplots(1, 2)
        _classes(left, kernels)
        if changes is not None:
            _changes(right, changes)
        elif explanation.pick is not None:
            _shifts(right, layers)
        else:
            _profile(right, kernels)
        for row in range(rows):
            axes = np.atleast_1d(parts[1 + row].subplots(1, columns, sharey=False))
            for k, ax in enumerate(axes, row * columns):
                if k < count:
                    _spectra(ax, layers.isel(layer=k), k == 0)
                else:
                    ax.axis("off")
        if changes is not None:
            _kernels(parts[-1], kernels, tree["/kernels_transferred"].to_dataset(), changes)
    if path is not None:
        write_figure(figure, path)
    return figure


def _short(names: Any) -> list[str]:
    return [str(n).partition(".")[2] or str(n) for n in names]


def _classes(ax: Axes, kernels: xr.Dataset) -> None:
    """Shares of the classes, a bar a layer."""
    layers = list(dict.fromkeys(kernels["layer"].values))
    below = np.zeros(len(layers))
    shades = (*COLOURS, MUTED)
    for k, kind in enumerate(CLASSES):
        share = np.array([float((kernels["kind"].values[kernels["layer"].values == n] == kind).mean()) for n in layers])
        if share.any():
            ax.bar(_short(layers), share, bottom=below, color=shades[k], width=0.7, label=kind)
        below += share
    ax.set(ylabel="share of kernels", ylim=(0, 1))
    ax.tick_params(axis="x", rotation=45 if len(layers) > 4 else 0)
    ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    title(ax, "what kernels let pass")


def _changes(ax: Axes, changes: xr.Dataset) -> None:
    names = _short(changes["named_layer"].values)
    ax.bar(names, changes["relative_layer_change"].values, color=COLOURS[2], width=0.7)
    ax.set(ylabel="relative change")
    ax.tick_params(axis="x", rotation=45 if len(names) > 4 else 0)
    title(ax, "change by layer")


def _shifts(ax: Axes, layers: xr.Dataset) -> None:
    shift = layers["shift"]
    least = 1 + int(np.argmin(shift.values[1:]))
    colours = [MUTED if k == 0 else COLOURS[1] if k == least else COLOURS[0] for k in range(shift.size)]
    ax.bar(_short(layers["layer"].values), shift.values, color=colours, width=0.7)
    ax.set(ylabel="|½ ln(E_target / E_base)|")
    ax.tick_params(axis="x", rotation=45 if shift.size > 4 else 0)
    title(ax, "target's distance", f"retrain {_short([layers['layer'].values[least]])[0]}")


def _profile(ax: Axes, kernels: xr.Dataset) -> None:
    ax.hist(kernels["peak"].values, bins=20, color=COLOURS[0])
    ax.set(xlabel="wavenumber that passes best [rad/cell]", ylabel="kernels")
    title(ax, "where kernels pass")


def _spectra(ax: Axes, layer: xr.Dataset, first: bool) -> None:
    """Energy over the wavenumber, a line a source."""
    for source in layer["source"].values:
        colour, style = STYLES[str(source)]
        energy = layer["energy"].sel(source=source)
        ax.loglog(layer["wavenumber"], energy.where(energy > 0), color=colour, ls=style, lw=1.4, label=str(source))
    top = float(layer["energy"].max())
    ax.set_ylim(max(float(layer["energy"].min()), 1e-10 * top), 3 * top)
    log_numbers(ax)
    ax.set_xlabel("wavenumber")
    if first:
        ax.set_ylabel("energy")
        ax.legend(loc="lower left")
    title(ax, _short([layer["layer"].item()])[0])


def _kernels(figure: Any, before: xr.Dataset, after: xr.Dataset, changes: xr.Dataset) -> None:
    """Spectra of the most changed kernels, before and after."""
    count = min(SHOWN, changes.sizes["kernel"])
    flat = before["magnitude"].ndim == 2
    axes = np.reshape(figure.subplots(1 if flat else 2, count, squeeze=False), (-1, count))
    for k in range(count):
        one = changes.isel(kernel=k)
        found = [_spectrum(d, one) for d in (before, after)]
        where = f"{_short([one['layer'].item()])[0]} [{int(one['output'])}, {int(one['input'])}]"
        if flat:
            ax = axes[0, k]
            for spectrum, source in zip(found, ("base", "transferred"), strict=True):
                colour, style = STYLES[source]
                ax.plot(spectrum[spectrum.dims[0]], spectrum, color=colour, ls=style, label=source)
            ax.set(ylim=(0, None), xticks=[-np.pi, 0, np.pi], xticklabels=["−π", "0", "π"])
            ax.set_xlabel(one["kind_after"].item(), color=MUTED)
            title(ax, where)
            continue
        top = max(float(s.max()) for s in found)
        for row, (spectrum, kind) in enumerate(zip(found, ("kind_before", "kind_after"), strict=True)):
            ax = axes[row, k]
            x, y = spectrum.dims
            ax.pcolormesh(spectrum[x], spectrum[y], spectrum.T, cmap=SEQUENTIAL, vmin=0, vmax=top, rasterized=True)
            ax.set(aspect="equal", xticks=[-np.pi, 0, np.pi], yticks=[-np.pi, 0, np.pi])
            ax.set_xticklabels(["−π", "0", "π"] if row else [])
            ax.set_yticklabels(["−π", "0", "π"] if k == 0 else [])
            title(ax, where if row == 0 else "")
            ax.set_xlabel(one[kind].item(), color=MUTED)
            if k == 0:
                ax.set_ylabel("after" if row else "before")


def _spectrum(kernels: xr.Dataset, one: xr.Dataset) -> xr.DataArray:
    match = np.ones(kernels.sizes["kernel"], bool)
    for name in ("layer", "output", "input"):
        match &= kernels[name].values == one[name].item()
    return kernels["magnitude"].isel(kernel=int(np.flatnonzero(match)[0]))
