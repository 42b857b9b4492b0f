"""Measurements and predictions of one variable over time, with the spread of the ensemble."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ...objective.own_times import along
from ..ensemble import near_best
from .field import plot_field
from .series import (
    Shown,
    columns,
    component,
    flattened,
    is_field,
    label_of,
    shade_held_out,
    shown_trajectories,
    time_axis,
    variable_of,
)
from .style import BAND, COLOURS, INK, axes_of, styled, title

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..fit import Fit

__all__ = ["plot_data"]

QUANTILES = (0.05, 0.95)
LIMIT = {"marker": "_", "ms": 8.0}


def plot_data(
    fit: Fit,
    variable: str | None = None,
    ax: Axes | None = None,
    trajectories: Sequence[Any] | None = None,
    legend: bool = True,
    log_time: bool | None = None,
) -> Axes:
    """Measurements as points, the best seed's prediction as a line, the spread of the seeds near the best as a band.

    Measurements that training saw are filled, held-out ones open; held-out times are shaded. A variable with one space
    dimension is drawn as an image of the prediction over (time, space); see `plot_field`.

    Parameters
    ----------
    variable
        Measured variable; default: the first.
    ax
        Where to draw; default: a new figure (`ax.figure`).
    trajectories
        Labels of the trajectories to show; default: all, or an even choice of six.
    legend
        Whether to explain the signs.
    log_time
        Whether time is drawn on a logarithmic axis; default: where the measured times grow by factors.
    """
    variable = variable_of(fit, variable)
    with styled():
        ax = axes_of(ax)
        if is_field(fit, variable):
            return plot_field(fit, variable, "predicted", ax, None if trajectories is None else trajectories[0])
        return _draw(fit, variable, ax, trajectories, legend, log_time)


def _draw(
    fit: Fit, variable: str, ax: Axes, trajectories: Sequence[Any] | None, legend: bool, log_time: bool | None
) -> Axes:
    shown = shown_trajectories(fit, trajectories)
    solution = fit.tree["/solution"].to_dataset()
    shape = fit.record.observations.shapes[variable]
    width = columns(shape)
    near, best = near_best(fit.record), fit.record.best_seed
    single = len(shown) == 1 and width == 1
    if len(shown) > 1 and width > 1:
        shown = shown[:1]  # colours tell components apart, so one trajectory at a time
    band = near.sum() > 1
    for at, s in enumerate(shown):
        times, values = along(solution, variable, s.index)
        predicted = flattened(values, shape)  # (seed, time, column)
        for column in range(width):
            colour = COLOURS[(at if width == 1 else column) % len(COLOURS)]
            members = predicted[..., column]
            if band:
                low, high = np.nanquantile(members[near], QUANTILES, axis=0) if _any(members[near]) else members[:2]
                ax.fill_between(times, low, high, color=colour, alpha=BAND, lw=0)
            name = component(fit, variable, column) if width > 1 else f"{s.label}"
            if s.wholly_held_out:
                name += " (held out)"
            line = _with_jumps(fit, variable, s.index, times, members[best], column)
            ax.plot(*line, color=colour, label="_nolegend_" if single else name)
            _points(ax, s, variable, shape, column, INK if single else colour)
    if fit.record.model.triggers:
        _mark_events(ax, fit, shown)
    time_axis(ax, fit, log_time)
    shade_held_out(ax, shown)
    what = label_of(fit.record.observations.dataset, variable)
    ax.set_ylabel(what if width > 1 or not shape else f"mean of {what}")
    count = len(fit.record.observations)
    title(ax, variable, f"{len(shown)} of {count} trajectories" if len(shown) < count else "")
    if legend:
        ax.legend(handles=_signs(fit, ax, shown, variable, single, band), loc="upper left", bbox_to_anchor=(1.01, 1.0))
    return ax


def _with_jumps(
    fit: Fit, variable: str, index: int, times: np.ndarray, values: np.ndarray, column: int
) -> tuple[np.ndarray, np.ndarray]:
    """The best seed's line with both sides of what happened to a state on its way."""
    if not fit.record.model.triggers or variable not in fit.tree["/events"].data_vars:
        return times, values
    found = fit.tree["/events"].to_dataset().isel(seed=fit.record.best_seed, trajectory=index)
    at = found["event_time"].values
    known = np.isfinite(at)
    shape = fit.record.observations.shapes[variable]
    sides = [flattened(found[variable].sel(side=side).values[known], shape)[:, column] for side in ("before", "after")]
    moments = np.concatenate([times, at[known], at[known]])
    order = np.lexsort((np.repeat([0, 1, 2], [len(times), known.sum(), known.sum()]), moments))
    return moments[order], np.concatenate([values, *sides])[order]


def _mark_events(ax: Axes, fit: Fit, shown: Sequence[Shown]) -> None:
    """When something happened: short lines at the top, in the trajectories' colours."""
    times = fit.tree["/events"].to_dataset()["event_time"].values[fit.record.best_seed]
    for at, s in enumerate(shown):
        colour = INK if len(shown) == 1 else COLOURS[at % len(COLOURS)]
        known = times[s.index][np.isfinite(times[s.index])]
        ax.vlines(known, 0.96, 1.0, transform=ax.get_xaxis_transform(), color=colour, lw=1.2, label="_nolegend_")


def _any(values: np.ndarray) -> bool:
    """Whether every column of a band has a number (else the quantiles would warn)."""
    return bool(np.isfinite(values).any(axis=0).all())


def _points(ax: Axes, s: Shown, variable: str, shape: tuple[int, ...], column: int, colour: str) -> None:
    style: dict[str, Any] = {"ls": "none", "marker": "o", "ms": 4.2, "mec": colour, "mew": 1.0, "zorder": 3}
    for part, face in ((s.training, colour), (s.held_out, "white")):
        if part is not None and len(part.times):
            ax.plot(
                part.times, flattened(part.values[variable], shape)[:, column], mfc=face, label="_nolegend_", **style
            )
    limits = flattened(s.only_limits(variable), shape)[:, column]
    if np.isfinite(limits).any():
        ax.plot(s.limits.times, limits, label="_nolegend_", **{**style, **LIMIT})


def _signs(fit: Fit, ax: Axes, shown: list[Shown], variable: str, single: bool, band: bool) -> list[Any]:
    """Legend entries: trajectories or components by colour, then what the signs mean."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    colour = COLOURS[0] if single else "#666666"
    point = INK if single else "#666666"
    handles: list[Any] = [] if single else [h for h in ax.get_lines() if not str(h.get_label()).startswith("_")]
    dot: dict[str, Any] = {"ls": "none", "marker": "o", "ms": 4.2}
    handles.append(Line2D([], [], color=point, label="measured", **dot))
    if any(s.held_out is not None and len(s.held_out.times) for s in shown):
        handles.append(Line2D([], [], mfc="white", mec=point, label="measured, held out", **dot))
    if any(np.isfinite(s.only_limits(variable)).any() for s in shown):
        handles.append(Line2D([], [], color=point, label="measured: beyond a limit", **{**dot, **LIMIT}))
    handles.append(Line2D([], [], color=colour, label=f"seed {fit.best_seed}" if len(fit.seeds) > 1 else "predicted"))
    if band:
        count = near_best(fit.record).sum()
        handles.append(Patch(color=colour, alpha=BAND, lw=0, label=f"5–95 % of {count} good seeds"))
    return handles
