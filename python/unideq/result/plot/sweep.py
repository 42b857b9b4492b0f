"""A score of a sweep against its settings."""

from __future__ import annotations

import os
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from .style import COLOURS, make_figure, styled, title, write_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["plot_sweep"]

MOST = 4
"""Panels a row."""


def plot_sweep(score: xr.DataArray, path: str | os.PathLike[str] | None = None) -> Figure:
    """See `Sweep.plot`."""
    along, *others = [str(d) for d in score.dims if d != "seed"] or ["seed"]
    lines, panels = others[:1], others[1:]
    chosen = list(product(*(score[d].values for d in panels)))
    columns = min(len(chosen), MOST)
    rows = -(-len(chosen) // columns)
    with styled():
        figure = make_figure(3.4 * columns + 1.2, 2.9 * rows + 0.3)
        axes = figure.subplots(rows, columns, sharey=True, squeeze=False).ravel()
        for ax, values in zip(axes, chosen, strict=False):
            part = score.sel(dict(zip(panels, values, strict=True)))
            for k, label in enumerate(score[lines[0]].values if lines else [None]):
                own = part if label is None else part.sel({lines[0]: label})
                _draw(ax, own, along, COLOURS[k % len(COLOURS)], None if label is None else f"{lines[0]} {label}")
            title(ax, ", ".join(f"{d} {v}" for d, v in zip(panels, values, strict=True)))
            ax.set_xlabel(along)
        for ax in axes[len(chosen) :]:
            ax.set_axis_off()
        known = score.values[np.isfinite(score.values)]
        if known.size and (known > 0).all() and known.max() > 10 * known.min():
            axes[0].set_yscale("log")
        for row in range(rows):
            axes[row * columns].set_ylabel(_label(score))
        if lines:
            axes[columns - 1].legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    if path is not None:
        write_figure(figure, path)
    return figure


def _draw(ax: Any, own: xr.DataArray, along: str, colour: str, label: str | None) -> None:
    """Seeds as points, their median as a line."""
    values = own.transpose(along, ...).values.reshape(own.sizes[along], -1)
    labels = own[along].values
    numbers = labels.dtype.kind in "if"
    at = labels if numbers else np.arange(len(labels))
    if values.shape[1] > 1:
        ax.plot(at, values, ls="", marker=".", ms=5.0, color=colour, alpha=0.5)
    middle = np.array([np.median(row[np.isfinite(row)]) if np.isfinite(row).any() else np.nan for row in values])
    ax.plot(at, middle, marker="o", ms=4.5, ls="-" if numbers else "", color=colour, label=label)
    if not numbers:
        ax.set_xticks(at, [str(n) for n in labels], rotation=0 if len(labels) < 4 else 45)
        ax.set_xlim(-0.5, len(labels) - 0.5)
        return
    if (labels > 0).all() and labels.max() > 20 * labels.min():
        ax.set_xscale("log")
    if len(labels) <= 8:
        ax.set_xticks(at, [f"{n:g}" for n in labels])
        ax.set_xticks([], minor=True)


def _label(score: xr.DataArray) -> str:
    units = score.attrs.get("units", "")
    return f"{score.attrs.get('long_name', score.name)}{f' [{units}]' if units else ''}"
