"""Residuals of one variable over time: what the prediction leaves unexplained."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ...objective.own_times import along
from .field import plot_field
from .series import columns, flattened, is_field, shade_held_out, shown_trajectories, time_axis, variable_of
from .style import COLOURS, axes_of, styled, title

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..fit import Fit

__all__ = ["plot_residuals", "residual_label"]


def plot_residuals(
    fit: Fit,
    variable: str | None = None,
    ax: Axes | None = None,
    trajectories: Sequence[Any] | None = None,
    log_time: bool | None = None,
) -> Axes:
    """Predicted (best seed) − measured, over time; held-out measurements open and shaded. See `plot_data`."""
    variable = variable_of(fit, variable)
    with styled():
        ax = axes_of(ax, 6.0, 2.4)
        if is_field(fit, variable):
            return plot_field(fit, variable, "residual", ax, None if trajectories is None else trajectories[0])
        shown = shown_trajectories(fit, trajectories)
        solution = fit.tree["/solution"].to_dataset()
        shape = fit.record.observations.shapes[variable]
        width = columns(shape)
        shown = shown[:1] if width > 1 else shown
        ax.axhline(0.0, color="#555555", lw=0.8)
        for at, s in enumerate(shown):
            times, values = along(solution, variable, s.index)
            predicted = flattened(values[fit.record.best_seed], shape)
            for column in range(width):
                colour = COLOURS[(at if width == 1 else column) % len(COLOURS)]
                for part, face in ((s.training, colour), (s.held_out, "white")):
                    if part is None or not len(part.times):
                        continue
                    left = predicted[np.searchsorted(times, part.times), column]
                    rest = left - flattened(part.values[variable], shape)[:, column]
                    ax.vlines(part.times, 0.0, rest, color=colour, lw=1.0, alpha=0.55)
                    ax.plot(part.times, rest, ls="none", marker="o", ms=3.6, mec=colour, mfc=face, mew=1.0)
        time_axis(ax, fit, log_time)
        shade_held_out(ax, shown, words=False)
        ax.set_ylabel(residual_label(fit, variable))
        title(ax, f"{variable}: predicted − measured")
    return ax


def residual_label(fit: Fit, variable: str) -> str:
    """What stands at the axis of residuals."""
    units = fit.record.observations.dataset[variable].attrs.get("units", "")
    return f"residual [{units}]" if units and units != "1" else "residual"
