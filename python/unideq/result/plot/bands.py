"""The fit of an `SDE` in one figure: bands of paths with measurements, errors of one step, learned terms, training."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ...checks import known_arguments, number, writable
from ...errors import unknown
from ..member import member_of
from .history import plot_history
from .learned import learned_panels, plot_learned
from .overview import A_ROW, MOST_LEARNED, headline, names_of
from .series import columns, component, flattened, label_of, shade_held_out, shown_trajectories, time_axis, variable_of
from .style import COLOURS, INK, MUTED, make_figure, styled, title, write_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ..fit import Fit

__all__ = ["plot_bands", "plot_errors", "stochastic_overview"]

MOST_VARIABLES = 4


@known_arguments
def stochastic_overview(
    fit: Fit,
    path: str | os.PathLike[str] | None = None,
    variables: Sequence[str] | None = None,
    trajectory: Any = None,
    dpi: int = 150,
    seed: int | None = None,
) -> Figure:
    """Measurements with the bands of paths, errors of predictions of one step, learned terms and training.

    Parameters
    ----------
    path
        File to write as well; its ending decides the format.
    variables
        Measured variables to show; default: the first four.
    trajectory
        Label of the trajectory whose bands are drawn; default: the first. Others are thin lines.
    dpi
        Resolution of a written bitmap.
    seed
        Which member of the ensemble; default: the best.

    Raises
    ------
    OptionError
        For unknown names, or if `path` can't be written.
    """
    if path is not None:
        writable(path, what="The picture")
    dpi = number(dpi, "dpi", above=0)
    given = names_of(variables, "variables")
    if seed is not None:
        fit = member_of(fit, fit.member(seed))
    known = [n for n in fit.record.observations.names if n in fit.model.observables]
    names = known[:MOST_VARIABLES] if given is None else [variable_of(fit, n) for n in given]
    labels = [s.label for s in fit.record.observations.series]
    if trajectory is not None and trajectory not in labels:
        raise unknown("trajectory", trajectory, labels)
    chosen = labels[0] if trajectory is None else trajectory
    panels = learned_panels(fit)[:MOST_LEARNED]
    with styled():
        rows = -(-len(panels) // A_ROW)
        heights = [*[3.0] * len(names), *([3.4 * rows] if rows else []), 3.0]
        figure = make_figure(12.0, sum(heights) + 0.4)
        figure.get_layout_engine().set(w_pad=0.08, h_pad=0.06)  # type: ignore[union-attr, call-arg]
        figure.suptitle(headline(fit), x=0.012, ha="left", fontsize=9.5, color=MUTED)
        parts = figure.subfigures(len(heights), 1, height_ratios=heights, squeeze=False)[:, 0]
        for part, name in zip(parts, names, strict=False):
            left, right = part.subplots(1, 2, width_ratios=(2.4, 1.0))
            plot_bands(fit, name, left, chosen)
            plot_errors(fit, name, right)
        if rows:
            axes = parts[len(names)].subplots(rows, min(len(panels), A_ROW), squeeze=False).ravel()
            for ax, (network, panel) in zip(axes, panels, strict=False):
                plot_learned(fit, network, panel, ax)
            for ax in axes[len(panels) :]:
                ax.set_axis_off()
        plot_history(fit, parts[-1].add_subplot())
    if path is not None:
        write_figure(figure, path, dpi)
    return figure


def plot_bands(fit: Fit, variable: str, ax: Axes, trajectory: Any) -> Axes:
    """Quantiles of paths from one trajectory's start, with what was measured of it and, thin, of others."""
    record, best = fit.record, fit.record.best_seed
    solution = fit.tree["/solution"].to_dataset()
    shape = record.observations.shapes[variable]
    labels = [s.label for s in record.observations.series]
    values = flattened(solution[variable].values[best, labels.index(trajectory)], shape)  # (quantile, time, column)
    levels, times = solution["quantile"].values, solution["time"].values
    shown = shown_trajectories(fit, [trajectory])
    title(ax, variable, f"trajectory {trajectory}" if len(labels) > 1 else "")
    ax.set_ylabel(label_of(record.observations.dataset, variable))
    for other in record.observations.series[: 12 * (columns(shape) == 1)]:
        if other.label != trajectory:
            ax.plot(other.times, flattened(other.values[variable], shape)[:, 0], color=MUTED, lw=0.5, alpha=0.35)
    for k in range(columns(shape)):
        colour, own = COLOURS[k % len(COLOURS)], f"{component(fit, variable, k)}: " if columns(shape) > 1 else ""
        for depth in range(len(levels) // 2):
            words = f"{own}{100 * (levels[-1 - depth] - levels[depth]):.3g} % of paths"
            edges = values[depth, :, k], values[-1 - depth, :, k]
            ax.fill_between(times, *edges, color=colour, alpha=0.15 + 0.15 * depth, lw=0, label=words)
        ax.plot(times, values[len(levels) // 2, :, k], color=colour, lw=1.2, label=f"{own}median")
        for part, face in ((shown[0].training, INK), (shown[0].held_out, "white")):
            if part is not None and len(part.times):
                few = {"ms": 2.6, "mew": 0.5} if len(part.times) < 300 else {"ms": 1.4, "mew": 0.3}
                seen = "measured" if face == INK else "measured, held out"
                ax.plot(part.times, flattened(part.values[variable], shape)[:, k], ls="none", marker="o", mfc=face,
                        mec=INK, label=seen if k == 0 else None, **few)  # type: ignore[arg-type]  # fmt: skip
    time_axis(ax, fit, False)
    shade_held_out(ax, shown, words=False)
    ax.legend(loc="upper left", bbox_to_anchor=(0.0, -0.2), ncols=5, borderaxespad=0)
    return ax


def plot_errors(fit: Fit, variable: str, ax: Axes) -> Axes:
    """How errors of one step are distributed, in units of the predicted deviation, beside the normal density."""
    found = fit.tree["/diagnostics"].to_dataset()[f"{variable}_residual"].values[fit.record.best_seed]
    errors = found[np.isfinite(found)]
    title(ax, "errors of one step", f"deviation {errors.std():.3g}" if len(errors) else "")
    ax.set_xlabel("error / predicted deviation")
    ax.set_ylabel("density")
    if len(errors):
        edges = np.linspace(-4, 4, int(np.clip(np.sqrt(len(errors)), 9, 41))).tolist()
        ax.hist(np.clip(errors, -4, 4), edges, density=True, color=COLOURS[0], alpha=0.5, label="all trajectories")
    at = np.linspace(-4, 4, 161)
    ax.plot(at, np.exp(-(at**2) / 2) / np.sqrt(2 * np.pi), color=INK, lw=1.2, label="normal")
    ax.legend(loc="upper right")
    return ax
