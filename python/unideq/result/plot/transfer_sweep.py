"""Scores of transfers against what was retrained, beside full fine-tuning, training from scratch and nothing."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np

from .style import COLOURS, INK, MUTED, make_figure, styled, title, write_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..transfer_sweep import TransferSweep

__all__ = ["plot_transfer_sweep"]

LINES = {"full": ("-", "all retrained"), "scratch": (":", "from scratch"), "none": ("--", "not retrained")}


def plot_transfer_sweep(sweep: TransferSweep, path: str | os.PathLike[str] | None = None) -> Figure:
    """See `TransferSweep.plot`."""
    data, shares = sweep.dataset, sweep.dataset["fraction"].values
    names = [str(n) for n in data["retrained"].values if n not in LINES]
    places, count = np.arange(len(names)), data.sizes["metric"]
    networks = {part.partition(".")[0] for n in names for part in n.split(" + ")}
    shown = [n.replace(f"{min(networks)}.", "") for n in names] if len(networks) == 1 else names
    with styled():
        figure = make_figure(max(3.4, 0.34 * len(names) + 1.6) * count, 3.6)
        for k, ax in enumerate(np.atleast_1d(figure.subplots(1, count))):
            scores = data["score"].isel(metric=k)
            for j, share in enumerate(shares):
                colour, own = COLOURS[j % len(COLOURS)], scores.isel(fraction=j)
                at = places + 0.12 * (j - (len(shares) - 1) / 2)
                values = own.sel(retrained=names).values
                if values.shape[1] > 1:
                    ax.plot(at, values, ls="", marker=".", ms=4.0, color=colour, alpha=0.4)
                label = f"{share:.3g} of the data" if len(shares) > 1 else "these retrained"
                ax.plot(at, values.mean(axis=1), ls="", marker="o", ms=5.5, color=colour, label=label)
                for name, (style, words) in LINES.items():
                    if name in data["retrained"].values and (name != "none" or j == 0):
                        line = float(own.sel(retrained=name).mean())
                        drawn = MUTED if name == "none" else colour if len(shares) > 1 else INK
                        ax.axhline(line, ls=style, lw=1.1, color=drawn, zorder=0, label=words if j == 0 else None)
            if (scores.values > 0).all() and np.nanmax(scores) > 10 * np.nanmin(scores):
                ax.set_yscale("log")
            ax.set_xticks(
                places, shown, rotation=60 if len(names) > 4 else 0, ha="right" if len(names) > 4 else "center"
            )
            ax.set(xlabel="retrained", xlim=(-0.6, len(names) - 0.4))
            title(ax, str(data["metric"].values[k]))
        ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    if path is not None:
        write_figure(figure, path)
    return figure
