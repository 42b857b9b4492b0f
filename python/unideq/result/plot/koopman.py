"""A fit of a Koopman model in one figure: forecasts, eigenvalues, eigenfunctions over the states, training."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ...checks import known_arguments, number, whole, writable
from ..member import member_of
from ..region import Region
from .data import plot_data
from .history import plot_history
from .learned import filled
from .many import middle_and_worst
from .overview import headline, names_of
from .series import MOST, variable_of
from .style import COLOURS, INK, MUTED, axes_of, make_figure, styled, title, write_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ..fit import Fit

__all__ = ["koopman_overview", "plot_eigenfunction", "plot_eigenvalues"]

GRID, MOST_VARIABLES, MOST_POINTS = 121, 3, 4000


@known_arguments
def koopman_overview(
    fit: Fit,
    path: str | os.PathLike[str] | None = None,
    variables: Sequence[str] | None = None,
    trajectories: Sequence[Any] | None = None,
    dpi: int = 150,
    seed: int | None = None,
) -> Figure:
    """Measurements with forecasts from the first snapshots, eigenvalues, two eigenfunctions, the course of training.

    Parameters
    ----------
    path
        File to write as well; its ending decides the format (`.png`, `.svg`, `.pdf`).
    variables
        Measured variables to show; default: the first three.
    trajectories
        Labels of the trajectories to show; default: all up to six, of more the one of middling error and the five that
        fit worst.
    dpi
        Resolution of a written bitmap.
    seed
        Which member of the ensemble to show; default: the best.

    Raises
    ------
    OptionError
        For unknown names, or if `path` can't be written.
    """
    if path is not None:
        writable(path, what="The picture")
    dpi = number(dpi, "dpi", above=0)
    variables, trajectories = names_of(variables, "variables"), names_of(trajectories, "trajectories")
    if seed is not None:
        fit = member_of(fit, fit.member(seed))
    names = list(fit.record.observations.names)[:MOST_VARIABLES] if variables is None else list(variables)
    names = [variable_of(fit, n) for n in names]
    if trajectories is None and len(fit.record.observations) > MOST:
        trajectories = middle_and_worst(fit)
    with styled():
        figure = make_figure(12.0, 10.4)
        figure.get_layout_engine().set(w_pad=0.08, h_pad=0.06)  # type: ignore[union-attr, call-arg]
        figure.suptitle(headline(fit), x=0.012, ha="left", fontsize=9.5, color=MUTED)
        above, middle, below = figure.subfigures(3, 1, squeeze=False, height_ratios=(3.4, 3.6, 3.0))[:, 0]
        for k, (name, ax) in enumerate(zip(names, above.subplots(1, len(names), squeeze=False)[0], strict=True)):
            plot_data(fit, name, ax, trajectories, True, None)
            if k and (legend := ax.get_legend()) is not None:
                legend.remove()
        axes = middle.subplots(1, 3)
        plot_eigenvalues(fit, axes[0])
        shown = _shown(fit)
        for (which, part), ax in zip(shown, axes[1:], strict=False):
            plot_eigenfunction(fit, which, part, ax)
        for ax in axes[1 + len(shown) :]:
            ax.set_axis_off()
        plot_history(fit, below.add_subplot())
    if path is not None:
        write_figure(figure, path, dpi)
    return figure


def _shown(fit: Fit) -> list[tuple[int, str]]:
    """(eigenvalue, part) of the two pictures: modulus and angle of the first pair, or the first two that are real."""
    spectrum = fit.tree["spectrum"].to_dataset().isel(seed=fit.record.best_seed)
    turns = np.abs(spectrum["frequency"].values).reshape(-1, spectrum.sizes["eigenvalue"]).max(axis=0)
    if not turns.any():
        return [(k, "real") for k in range(min(2, len(turns)))]
    first = int(np.flatnonzero(turns)[0])
    return [(first, "modulus"), (first, "angle")]


def plot_eigenvalues(fit: Fit, ax: Axes | None = None) -> Axes:
    """Eigenvalues per time in the complex plane; of parametrised models those along the data, by radius.

    Parameters
    ----------
    ax
        Where to draw; default: a new figure.
    """
    model, best = fit.record.model, fit.record.best_seed
    spectrum = fit.tree["spectrum"].to_dataset()
    with styled():
        ax = axes_of(ax, 4.4, 3.8)
        title(ax, "eigenvalues", f"seed {fit.best_seed}" if len(fit.seeds) > 1 else "")
        ax.set_xlabel("growth μ, per time")
        ax.set_ylabel("frequency ω, radians per time")
        growth, frequency = spectrum["growth"].values, spectrum["frequency"].values
        if model.dynamics == "parametrised":
            theta = fit.record.chosen_theta[best][: model.layout.size]
            data = fit.record.observations.dataset
            states = {s.name: data[str(model.observed_state(s.name))].values for s in model.states}
            y = model.encode(states, theta).reshape(-1, model.pairs, 2)
            radius = np.repeat(np.hypot(y[..., 0], y[..., 1]), 2, axis=-1).reshape(-1)
            x, z = growth[best].reshape(-1), frequency[best].reshape(-1)
            every = max(1, len(x) // MOST_POINTS)
            points = ax.scatter(x[::every], z[::every], c=radius[::every], s=6, cmap="viridis", lw=0)
            ax.figure.colorbar(points, ax=ax, pad=0.02, label="radius of the pair")
        else:
            for k in range(len(growth)):
                if k != best:
                    ax.plot(growth[k], frequency[k], ls="none", marker="o", ms=4, mew=0, color=MUTED, alpha=0.6)
            ax.plot(growth[best], frequency[best], ls="none", marker="o", ms=7, color=COLOURS[0])
        width = float(np.nanmax(np.abs(np.append(growth[best], 0.0)))) or 1.0
        height = float(np.nanmax(np.abs(np.append(frequency[best], 0.0)))) or width
        ax.set_xlim(-1.25 * width, 1.25 * width)
        ax.set_ylim(-1.25 * height, 1.25 * height)
        ax.axvline(0.0, color=INK, lw=0.7)
        ax.axhline(0.0, color=INK, lw=0.7)
    return ax


def plot_eigenfunction(fit: Fit, eigenvalue: int = 0, part: str = "modulus", ax: Axes | None = None) -> Axes:
    """An eigenfunction over the measured states: filled inside their hull where there are two numbers, else points.

    Parameters
    ----------
    eigenvalue
        Which one, as numbered in `/spectrum`.
    part
        `real`, `imaginary`, `modulus` or `angle`.
    ax
        Where to draw; default: a new figure.
    """
    model, data = fit.model, fit.record.observations.dataset
    whole(eigenvalue, "eigenvalue", least=0, most=model.latent - 1)
    columns = [data[str(model.observed_state(s.name))].values.reshape(-1, s.size) for s in model.states]
    points = np.concatenate(columns, axis=1)
    points = points[np.isfinite(points).all(axis=1)]
    labels = model.states.component_names
    with styled():
        ax = axes_of(ax, 4.4, 3.8)
        sign = {"modulus": f"|φ{eigenvalue}|", "angle": f"arg φ{eigenvalue}"}.get(part, f"{part} part of φ{eigenvalue}")
        title(ax, f"eigenfunction {sign}")
        ax.set_xlabel(labels[0])

        def value(at: np.ndarray) -> np.ndarray:
            return model.eigenfunctions(at)[part].values[..., eigenvalue]

        every = max(1, len(points) // MOST_POINTS)
        if points.shape[1] == 1:
            x = np.linspace(points.min(), points.max(), 200)
            ax.plot(x, value(x[:, None]), color=COLOURS[0])
            ax.set_ylabel(sign)
            return ax
        ax.set_ylabel(labels[1])
        low, high = points.min(axis=0), points.max(axis=0)
        style: dict[str, Any] = {"cmap": "twilight", "vmin": -np.pi, "vmax": np.pi} if part == "angle" else {}
        region = Region(points)
        if points.shape[1] == 2 and len(region.hull) > 2:
            x, y = (np.linspace(low[k], high[k], GRID) for k in (0, 1))
            mesh = np.stack(np.meshgrid(x, y), axis=-1)
            filled(ax, x, y, np.where(region.holds(mesh), value(mesh), np.nan), region.hull, part != "angle", **style)
        else:
            some = points[::every]
            drawn = ax.scatter(some[:, 0], some[:, 1], c=value(some), s=5, lw=0, **{"cmap": "viridis", **style})
            ax.figure.colorbar(drawn, ax=ax, pad=0.02)
    return ax
