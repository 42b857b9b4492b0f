"""The whole fit in one figure."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from ...checks import known_arguments, known_keys, number, sequence, writable
from ..ensemble import near_best
from ..member import member_of
from .data import plot_data
from .field import plot_field
from .groups import plot_groups
from .history import plot_history
from .learned import learned_panels, plot_learned
from .many import MULTIPLES, middle_and_worst, plot_multiples, plot_residual_quantiles, rows_of_multiples
from .residual import plot_residuals
from .series import MOST, is_field, variable_of
from .style import MUTED, make_figure, styled, title, write_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

    from ..fit import Fit

__all__ = ["headline", "overview"]

MOST_VARIABLES, MOST_LEARNED, MOST_GROUPED, A_ROW = 6, 6, 2, 3


@known_arguments
def overview(
    fit: Fit,
    path: str | os.PathLike[str] | None = None,
    variables: Sequence[str] | None = None,
    trajectories: Sequence[Any] | None = None,
    networks: Sequence[str] | None = None,
    dpi: int = 150,
    seed: int | None = None,
    log_time: bool | None = None,
) -> Figure:
    """Measurements with predictions, residuals, learned terms, parameters by group and the course of training.

    Parameters
    ----------
    path
        File to write as well; its ending decides the format (`.png`, `.svg`, `.pdf`).
    variables
        Measured variables to show; default: the first six.
    trajectories
        Labels of the trajectories to show; default: all up to six, a small picture each up to 24, and of more the one
        of middling error and the five that fit worst, above the quantiles of all residuals.
    networks
        Learned terms to show; default: the first six pictures of them.
    dpi
        Resolution of a written bitmap.
    seed
        Which member of the ensemble to show alone; default: the best, with the others as thin lines.
    log_time
        Whether time is drawn on a logarithmic axis; default: where the measured times grow by factors, as a stiff
        problem's do.

    Returns
    -------
    matplotlib.figure.Figure
        It belongs to no pyplot state: a notebook shows it once, scripts write it with `savefig`.

    Raises
    ------
    OptionError
        For unknown names, or if `path` can't be written.
    """
    if path is not None:
        writable(path, what="The picture")
    dpi = number(dpi, "dpi", above=0)
    variables, trajectories = names_of(variables, "variables"), names_of(trajectories, "trajectories")
    networks = names_of(networks, "networks", least=0)
    known_keys(networks or (), fit.model.networks, "network")
    if seed is not None:
        fit = member_of(fit, fit.member(seed))
    names = list(fit.record.observations.names)[:MOST_VARIABLES] if variables is None else list(variables)
    names = [variable_of(fit, n) for n in names]
    panels = [p for p in learned_panels(fit) if networks is None or p[0] in networks][:MOST_LEARNED]
    with styled():
        data_rows, learned_rows = -(-len(names) // A_ROW), -(-len(panels) // A_ROW)
        fields = any(is_field(fit, n) for n in names)
        count = len(fit.record.observations)
        many = trajectories is None and not fields and count > MOST
        data_height = 7.2 if fields else 4.6
        if many and count <= MULTIPLES:
            data_height = 1.9 + 1.2 * rows_of_multiples(count)
        beside = len(panels) == 1  # one learned picture stands beside the history
        heights = [data_height * data_rows, *([3.5 * learned_rows] if panels and not beside else []), 3.2]
        figure = make_figure(12.0, sum(heights) + 0.4)
        figure.get_layout_engine().set(w_pad=0.08, h_pad=0.06)  # type: ignore[union-attr, call-arg]
        figure.suptitle(headline(fit), x=0.012, ha="left", fontsize=9.5, color=MUTED)
        parts = figure.subfigures(len(heights), 1, height_ratios=heights, squeeze=False)[:, 0]
        _data(fit, parts[0], names, trajectories, data_rows, log_time, many)
        last = parts[-1]
        if beside:
            left, last = last.subfigures(1, 2, width_ratios=(1.0, 2.0))
            plot_learned(fit, *panels[0], ax=left.add_subplot())
        elif panels:
            _learned(fit, parts[1], panels, learned_rows)
        shown = list(fit.kind.group_values(fit.record))[:MOST_GROUPED]
        cells = last.subfigures(1, 1 + len(shown), squeeze=False, width_ratios=[*[1.0] * len(shown), 2.0])[0]
        for cell, name in zip(cells, shown, strict=False):
            plot_groups(fit, name, cell.add_subplot())
        plot_history(fit, cells[-1].add_subplot())
    if path is not None:
        write_figure(figure, path, dpi)
    return figure


def names_of(given: Any, name: str, least: int = 1) -> tuple[Any, ...] | None:
    """What a picture shall show: a list of at least so many names, or None for all."""
    return None if given is None else sequence(given, name, needs="a list of names, or None", least=least)


def _data(
    fit: Fit,
    part: SubFigure,
    names: list[str],
    trajectories: Sequence[Any] | None,
    rows: int,
    log_time: bool | None,
    many: bool,
) -> None:
    across = min(len(names), A_ROW)
    draw = partial(_many if many else _some, trajectories=trajectories, log_time=log_time)
    cells = part.subfigures(rows, across, squeeze=False).ravel()
    explained = False
    for at, name in enumerate(names):
        cell = cells[at]
        if is_field(fit, name):
            axes = cell.subplots(3, 1, sharex=True)
            first = None if trajectories is None else trajectories[0]
            for ax, kind in zip(axes, ("measured", "predicted", "residual"), strict=True):
                plot_field(fit, name, kind, ax, first)
        else:
            axes = draw(fit, name, cell)
            own: Any = axes[0].get_legend()
            own.remove()  # its entries go above all pictures, where they hide nothing
            if not explained:
                part.legend(
                    handles=own.legend_handles, loc="outside upper right", ncols=across_of(len(own.legend_handles))
                )
                explained = True
            cell.align_ylabels(axes)
        for ax in axes[:-1]:
            ax.set_xlabel("")


def _some(
    fit: Fit, name: str, cell: SubFigure, trajectories: Sequence[Any] | None, log_time: bool | None
) -> Sequence[Axes]:
    """Trajectories in one picture, their residuals below."""
    axes = cell.subplots(2, 1, sharex=True, height_ratios=(3.0, 1.4))
    plot_data(fit, name, axes[0], trajectories, True, log_time)
    plot_residuals(fit, name, axes[1], trajectories, log_time)
    axes[1].set_title("")
    return axes


def _many(fit: Fit, name: str, cell: SubFigure, trajectories: None, log_time: bool | None) -> Sequence[Axes]:
    """A picture of each trajectory or, where they are too many, some telling ones; quantiles of all residuals below."""
    count = len(fit.record.observations)
    if count > MULTIPLES:
        axes = cell.subplots(2, 1, sharex=True, height_ratios=(3.0, 1.4))
        plot_data(fit, name, axes[0], chosen := middle_and_worst(fit), True, log_time)
        title(axes[0], name, f"the middling one and the {len(chosen) - 1} worst of {count} trajectories")
        plot_residual_quantiles(fit, name, axes[1], log_time)
        return axes
    upper, lower = cell.subfigures(2, 1, squeeze=False, height_ratios=(1.2 * rows_of_multiples(count), 1.5))[:, 0]
    axes = plot_multiples(fit, name, upper, log_time)
    plot_residual_quantiles(fit, name, lower.add_subplot(), log_time)
    return axes[:1]


def across_of(count: int) -> int:
    """Columns of a legend, so that its rows are full and no longer than seven entries."""
    return -(-count // -(-count // 7))


def _learned(fit: Fit, part: SubFigure, panels: list[tuple[str, int]], rows: int) -> None:
    across = min(len(panels), A_ROW)
    axes = part.subplots(rows, across, squeeze=False).ravel()
    for ax, (network, panel) in zip(axes, panels, strict=False):
        plot_learned(fit, network, panel, ax)
    for ax in axes[len(panels) :]:
        ax.set_axis_off()


def headline(fit: Fit) -> str:
    """Status, seeds, iterations, and by what on which engine."""
    record = fit.record
    seeds = (
        f"{len(fit.seeds)} seeds, {int(near_best(record).sum())} near the best"
        if len(fit.seeds) > 1
        else f"seed {fit.best_seed}"
    )
    words = [
        f"status: {fit.status.split(':')[0]}",
        seeds,
        f"{record.history.iterations} iterations",
        f"{record.method} on {record.engine.get('name')}",
    ]
    return "   ·   ".join(words)
