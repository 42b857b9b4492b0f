"""Prediction error and causal error against the weight of what is known about interventions."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np

from .style import COLOURS, MUTED, make_figure, styled, title, write_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ..ranking_sweep import RankingSweep

__all__ = ["plot_ranking_sweep"]

WORDS = {"training": "training", "held_out": "held out"}


def plot_ranking_sweep(sweep: RankingSweep, path: str | os.PathLike[str] | None = None) -> Figure:
    """See `RankingSweep.plot`."""
    data, names = sweep.dataset, [str(n) for n in sweep.dataset["variable"].values]
    weights = data["weight"].values
    places = np.arange(len(weights))
    with styled():
        figure = make_figure(4.0 * (len(names) + 1), 3.2)
        axes = np.atleast_1d(figure.subplots(1, len(names) + 1))
        for ax, name in zip(axes, names, strict=False):
            _lines(ax, places, {p: data["rmse"].sel(part=p, variable=name).values for p in WORDS})
            ax.set(ylabel="RMSE", yscale="log")
            title(ax, f"prediction: {name}")
        _lines(axes[-1], places, {p: data["causal_error"].sel(part=p).values for p in WORDS})
        axes[-1].set(ylabel="share of rankings violated", ylim=(-0.04, 1.04))
        axes[-1].axhline(0.0, color=MUTED, lw=0.8, zorder=0)
        title(axes[-1], "causal error")
        for ax in axes:
            ax.set_xticks(places, [f"{w:g}" for w in weights])
            ax.set_xlabel("weight of the rankings")
        axes[-1].legend(loc="best")
    if path is not None:
        write_figure(figure, path)
    return figure


def _lines(ax: Axes, places: np.ndarray, parts: dict[str, np.ndarray]) -> None:
    """Means over the seeds, and each seed thinly; (weight, seed) a part."""
    for k, (part, values) in enumerate(parts.items()):
        if not np.isfinite(values).any():
            continue
        for member in values.T if values.shape[1] > 1 else ():
            ax.plot(places, member, color=COLOURS[k], lw=0.8, alpha=0.4)
        style = {"color": COLOURS[k], "marker": "o", "ms": 4.0, "ls": "-" if k == 0 else "--"}
        ax.plot(places, np.nanmean(values, axis=1), label=WORDS[part], **style)
