"""Many trajectories in one figure: a small picture each, or the quantiles of all residuals and what fits worst."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..score import errors_by_trajectory, residuals
from .data import plot_data
from .residual import residual_label
from .series import MOST, flattened, time_axis
from .style import COLOURS, MUTED, styled, title

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import SubFigure

    from ..fit import Fit

__all__ = ["MULTIPLES", "middle_and_worst", "plot_multiples", "plot_residual_quantiles", "rows_of_multiples"]

MULTIPLES = 24
"""Trajectories that get a picture each, at most."""
BINS, LEAST = 40, 20
"""Most times at which quantiles are drawn, and least residuals for each."""
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


def rows_of_multiples(count: int) -> int:
    """Rows of small pictures, four in each."""
    return -(-count // 4)


def plot_multiples(fit: Fit, variable: str, cell: SubFigure, log_time: bool | None = None) -> list[Axes]:
    """A picture of each trajectory, all on the same axes; see `plot_data`."""
    labels = [s.label for s in fit.record.observations.series]
    rows = rows_of_multiples(len(labels))
    with styled():
        grid = cell.subplots(rows, 4, sharex=True, sharey=True, squeeze=False)
        for at, ax in enumerate(grid.ravel()):
            if at >= len(labels):
                ax.set_axis_off()
                continue
            plot_data(fit, variable, ax, [labels[at]], legend=not at, log_time=log_time)
            for line in ax.get_lines():
                line.set(markersize=2.4, linewidth=1.2)
            for where in ("left", "right"):
                ax.set_title("", loc=where)
            ax.annotate(
                f"{labels[at]}", (1.0, 1.0), xycoords="axes fraction", ha="right", va="top", fontsize="small",
                color=MUTED,
            )  # fmt: skip
            words = ax.get_xlabel(), ax.get_ylabel()
            ax.set(xlabel="", ylabel="")
            ax.tick_params(labelbottom=at + 4 >= len(labels))
        cell.supxlabel(words[0], fontsize=9.5)
        cell.supylabel(words[1], fontsize=9.5)
        title(grid[0, 0], variable)
    return list(grid.ravel()[: len(labels)])


def middle_and_worst(fit: Fit) -> list[Any]:
    """Labels of the trajectory of middling error, and of those that fit worst: by the root mean squared residual of the
    best seed, each variable in its own spread."""
    record, solution = fit.record, fit.tree["/solution"].to_dataset()
    observed = record.observations.exact(record.settings.loss)
    total, count = np.zeros(len(observed)), np.zeros(len(observed))
    for name in observed.names:
        error = errors_by_trajectory(observed, name, residuals(observed, solution, name))[record.best_seed]
        square = (error / (np.nanstd(observed.pooled(name)) or 1.0)) ** 2
        total, count = total + np.where(np.isfinite(square), square, 0.0), count + np.isfinite(square)
    error = np.where(count > 0, total / np.maximum(count, 1), -np.inf)
    order = np.argsort(error, kind="stable")
    order = order[np.isfinite(error[order])]
    chosen = [order[len(order) // 2], *order[:-MOST:-1]]
    return [observed.series[i].label for i in dict.fromkeys(chosen)]


def plot_residual_quantiles(fit: Fit, variable: str, ax: Axes, log_time: bool | None = None) -> Axes:
    """What the residuals of all trajectories are like over time: their median, and where half and 90 % of them lie."""
    record = fit.record
    observed, best = record.observations.exact(record.settings.loss), record.best_seed
    found = residuals(observed, fit.tree["/solution"].to_dataset(), variable)[best]
    found = flattened(found, observed.shapes[variable])
    times = np.concatenate([s.times for s in observed.series])
    times, values = np.repeat(times, found.shape[1]), found.ravel()
    times, values = times[np.isfinite(values)], values[np.isfinite(values)]
    at, bands = _binned(times, values)
    with styled():
        ax.axhline(0.0, color="#555555", lw=0.8)
        for low, high, alpha in ((0, 4, 0.2), (1, 3, 0.35)):
            ax.fill_between(at, bands[low], bands[high], color=COLOURS[0], alpha=alpha, lw=0)
        ax.plot(at, bands[2], color=COLOURS[0], lw=1.4)
        time_axis(ax, fit, log_time)
        ax.set_ylabel(residual_label(fit, variable))
        title(ax, "", f"predicted − measured: median, 50 % and 90 % of {len(observed)} trajectories")
    return ax


def _binned(times: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Times (K,), and quantiles (5, K) of the values around them."""
    bins = int(np.clip(len(times) // LEAST, 1, BINS))
    edges = np.unique(np.quantile(times, np.linspace(0.0, 1.0, bins + 1)))
    place = np.clip(np.searchsorted(edges, times, side="right") - 1, 0, max(len(edges) - 2, 0))
    known = np.unique(place)
    at = np.array([times[place == k].mean() for k in known])
    return at, np.array([np.quantile(values[place == k], QUANTILES) for k in known]).T
