"""The course of a residual problem's training: losses, weights of the terms, learned parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .style import COLOURS, INK, MUTED, axes_of, styled, title

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..fit import Fit

__all__ = ["plot_causal", "plot_losses", "plot_parameters", "plot_weights"]

MOST_TERMS, MOST_PARAMETERS = 6, 4
POINTS = 1500
"""Largest number of points of a curve: more would only thicken it."""


def plot_losses(fit: Fit, ax: Axes | None = None) -> Axes:
    """The best seed's unweighted terms over iterations, and all seeds' validation totals."""
    logs = fit.tree["/training"].to_dataset()
    best = fit.record.best_seed
    with styled():
        ax = axes_of(ax)
        title(ax, "losses")
        ax.set_xlabel("iteration")
        ax.set_ylabel("mean squared residual")
        if not logs.sizes["iteration"]:
            ax.text(0.5, 0.5, "no iteration yet", ha="center", va="center", transform=ax.transAxes, color=MUTED)
            return ax
        ax.set_yscale("log")
        for k, name in enumerate(logs["term"].values[:MOST_TERMS]):
            colour = COLOURS[k % len(COLOURS)]
            steps, middle, low, high = thinned(logs["term_value"].values[best, :, k])
            ax.fill_between(steps, low, high, color=colour, alpha=0.18, lw=0)
            ax.plot(steps, middle, color=colour, lw=1.1, label=str(name))
        if "judged_total" in logs:
            at = logs["judgement"].values
            for k, values in enumerate(logs["judged_total"].values):
                if k != best:
                    ax.plot(at, values, color=MUTED, lw=0.7, alpha=0.7)
            ax.plot(at, logs["judged_total"].values[best], color=INK, lw=1.6, label="validation total")
        _stages(ax, fit, logs["stage_number"].values)
        ax.set_xlim(0, logs.sizes["iteration"])
        ax.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0), borderaxespad=0)
    return ax


def plot_weights(fit: Fit, ax: Axes | None = None) -> Axes:
    """The weights of the terms over iterations (best seed), in the losses' colours."""
    logs = fit.tree["/training"].to_dataset()
    with styled():
        ax = axes_of(ax)
        title(ax, "weights")
        ax.set_xlabel("iteration")
        ax.set_yscale("log")
        for k, name in enumerate(logs["term"].values[:MOST_TERMS]):
            steps, middle, _, _ = thinned(logs["weight"].values[fit.record.best_seed, :, k])
            ax.plot(steps, middle, color=COLOURS[k % len(COLOURS)], lw=1.2, label=str(name))
        ax.set_xlim(0, logs.sizes["iteration"])
    return ax


def plot_causal(fit: Fit, ax: Axes | None = None) -> Axes:
    """The causal weights of the slices of time over iterations (best seed, first term that has them)."""
    from matplotlib import colormaps

    logs = fit.tree["/training"].to_dataset()
    chunks = logs.sizes["chunk"]
    with styled():
        ax = axes_of(ax)
        title(ax, "causal weights")
        # Not beside the title, which leaves no room where four panels share a row.
        ax.text(0.98, 0.03, "dark: early, light: late", transform=ax.transAxes, ha="right", fontsize=7.5, color=MUTED)
        ax.set_xlabel("iteration")
        for j in range(chunks):
            steps, middle, _, _ = thinned(logs["causal_weight"].values[fit.record.best_seed, :, 0, j])
            ax.plot(steps, middle, color=colormaps["viridis"](j / max(chunks - 1, 1)), lw=0.9)
        ax.set_xlim(0, logs.sizes["iteration"])
        ax.set_ylim(-0.03, 1.03)
    return ax


def plot_parameters(fit: Fit, ax: Axes | None = None) -> Axes:
    """Learned parameters on the way (best seed), relative to where they ended if there are several."""
    record = fit.record
    h = record.history
    theta = np.stack(h.snapshot_theta)[:, record.best_seed]
    values = record.layout.unpack(theta)
    free = [e for e in record.layout.entries if e.kind == "parameter" and e.free]
    with styled():
        ax = axes_of(ax)
        title(ax, "parameters")
        ax.set_xlabel("iteration")
        drawn = 0
        for entry in free[:MOST_PARAMETERS]:
            for column in values[entry.name].reshape(len(theta), -1).T[:MOST_PARAMETERS]:
                colour = COLOURS[drawn % len(COLOURS)]
                drawn += 1
                scale = 1.0 if len(free) == 1 else abs(column[-1]) or 1.0
                ax.plot(h.snapshot_iteration, column / scale, color=colour, lw=1.3, marker="o", ms=2.4)
                units = f" {entry.units}" if entry.units else ""
                ax.annotate(
                    f"{entry.name} = {column[-1]:.5g}{units}",
                    (0.98, 0.97 - 0.09 * (drawn - 1)),
                    xycoords="axes fraction",
                    ha="right",
                    va="top",
                    fontsize="small",
                    color=colour,
                )
        if len(free) > 1:
            ax.set_ylabel("relative to the last value")
        else:
            ax.set_ylabel(free[0].name + (f" [{free[0].units}]" if free[0].units else ""))
        ax.set_xlim(0, max(h.iterations, 1))
        ax.margins(y=0.15)
    return ax


def thinned(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Iterations, medians, lowest and highest values of a curve's blocks."""
    count = len(values)
    size = max(1, -(-count // (POINTS if count < 20 * POINTS else POINTS // 5)))
    padded = np.full(-(-count // size) * size, np.nan)
    padded[:count] = values
    blocks = padded.reshape(-1, size)
    lost = ~np.isfinite(blocks).any(axis=1)
    blocks = np.where(np.isfinite(blocks), blocks, np.nan)
    blocks[lost] = 0.0  # a block without any value would warn
    found = np.nanmedian(blocks, axis=1), np.nanmin(blocks, axis=1), np.nanmax(blocks, axis=1)
    middle, low, high = (np.where(lost, np.nan, f) for f in found)
    return np.arange(len(blocks)) * size + 0.5 * (size + 1), middle, low, high


def _stages(ax: Axes, fit: Fit, stage: np.ndarray) -> None:
    stages = fit.record.settings.stages()
    starts = np.flatnonzero(np.diff(stage, prepend=-1))
    for first, end in zip(starts, np.append(starts[1:], len(stage)), strict=True):
        if first:
            ax.axvline(float(first), color=INK, lw=0.8, ls=(0, (2, 2)), alpha=0.6)
        if end - first > 0.08 * len(stage):
            text = type(stages[int(stage[first])].phase).__name__
            place = {"xycoords": ("data", "axes fraction"), "xytext": (-4, -2), "textcoords": "offset points"}
            ax.annotate(text, (end, 1.0), va="top", ha="right", fontsize="x-small", color="#555555", **place)
