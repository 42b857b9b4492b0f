"""Learned terms over the states that the solutions visited."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import OptionError
from ..ensemble import near_best
from ..learned import Visited, visited
from ..network import TrainedNetwork
from ..region import DOUBTED, Region, believed, disagreement, seen_in_training
from .style import COLOURS, INK, MUTED, SEQUENTIAL, axes_of, styled, title

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..fit import Fit

__all__ = ["filled", "learned_panels", "plot_learned"]

GRID = 90


def learned_panels(fit: Fit) -> list[tuple[str, int]]:
    """(network, panel) of every picture that learned terms need; `plot_learned` draws each."""
    panels = []
    for name in fit.model.learned:
        network = fit.model.networks[name]
        few = {1: 1, 2: network.outputs} if network.acts_on == "points" else {}
        count = few.get(network.inputs, network.inputs)
        panels += [(name, k) for k in range(count)]
    return panels


def plot_learned(fit: Fit, network: str | None = None, panel: int = 0, ax: Axes | None = None) -> Axes:
    """A learned term, drawn only where the solutions went.

    With one argument all outputs are lines over it (the best seed thick, other good seeds thin). With two, an output is
    a filled contour inside the hull of the best seed's visited states, hatched where the good seeds disagree. With
    more, and for networks on grids, which see neighbours too, outputs are points over one argument. Where held-out
    times leave the region that training saw, its ends or its edge are dotted.

    Parameters
    ----------
    network
        Its name; default: the first learned one.
    panel
        Output to show (two arguments), or argument to show it against (three and more).
    ax
        Where to draw; default: a new figure.

    Raises
    ------
    OptionError
        If the model has no learned term, or no such network or panel.
    """
    if not fit.model.learned:
        raise OptionError("This model has no learned term to show.")
    seen = visited(fit, next(iter(fit.model.learned)) if network is None else network)
    if (seen.network, panel) not in learned_panels(fit):
        raise OptionError(f"`panel={panel}` is too large for network `{seen.network}`.")
    with styled():
        ax = axes_of(ax, 5.0, 3.8)
        arguments = seen.arguments.shape[-1]
        pointwise = fit.model.networks[seen.network].acts_on == "points"
        draw = _line if pointwise and arguments == 1 else _surface if pointwise and arguments == 2 else _scatter
        draw(fit, seen, panel, ax)
    return ax


def _line(fit: Fit, seen: Visited, panel: int, ax: Axes) -> None:
    near, best = near_best(fit.record), fit.record.best_seed
    outputs = seen.outputs.shape[-1]
    for k in range(outputs):
        colour = COLOURS[k % len(COLOURS)]
        for s in [*np.flatnonzero(near & (np.arange(len(near)) != best)), best]:
            x, y = seen.arguments[s].reshape(-1), seen.outputs[s].reshape(-1, outputs)[:, k]
            order = np.argsort(x)
            main = s == best
            label = seen.output_labels[k] if main else None
            ax.plot(x[order], y[order], color=colour, lw=2.0 if main else 0.8, alpha=1.0 if main else 0.45, label=label)
    region, beyond = seen_in_training(fit, seen)
    if len(beyond) and not region.holds(beyond).all():
        ends = [float(end[0]) for end in region.ends]
        ax.vlines(ends, 0.0, 1.0, transform=ax.get_xaxis_transform(), color=MUTED, lw=0.9, ls=":")
    ax.set_xlabel(seen.argument_labels[0])
    ax.set_ylabel("output" if outputs > 1 else seen.network)
    title(ax, f"learned: {seen.network}", f"{near.sum()} good seeds" if near.sum() > 1 else "")
    if outputs > 1:
        ax.legend(loc="best")


def _surface(fit: Fit, seen: Visited, panel: int, ax: Axes) -> None:
    best = fit.record.best_seed
    paths = seen.arguments[best]  # (trajectory, time, cell, 2)
    points = paths.reshape(-1, 2)
    points = points[np.isfinite(points).all(axis=1)]
    title(ax, f"learned: {seen.output_labels[panel]}", f"seed {fit.best_seed}" if len(fit.seeds) > 1 else "")
    ax.set_xlabel(seen.argument_labels[0])
    ax.set_ylabel(seen.argument_labels[1])
    if not len(points):
        return
    low, high = points.min(axis=0), points.max(axis=0)
    x, y = (np.linspace(low[k], high[k], GRID) for k in (0, 1))
    mesh = np.stack(np.meshgrid(x, y), axis=-1)
    z = _output(fit, seen.network, mesh, panel)
    whole = Region(points)
    if len(whole.hull) > 2:
        within = whole.holds(mesh)
        filled(ax, x, y, np.where(within, z, np.nan), whole.hull)
        _doubted(fit, seen, ax, mesh, within)
    else:  # the states lie on a line: colour the line itself
        colours = _output(fit, seen.network, points, panel)
        ax.figure.colorbar(ax.scatter(*points.T, c=colours, s=8, cmap=SEQUENTIAL), ax=ax, pad=0.02)
    for trajectory in paths[:12]:
        if trajectory.shape[1] == 1:
            ax.plot(*trajectory[:, 0].T, color="white", lw=1.6, alpha=0.8)
            ax.plot(*trajectory[:, 0].T, color="#222222", lw=0.7)
    if paths.shape[2] > 1:
        ax.plot(*points[:: max(1, len(points) // 800)].T, ls="none", marker=".", ms=1.5, color="#222222", alpha=0.5)


def _doubted(fit: Fit, seen: Visited, ax: Axes, mesh: np.ndarray, within: np.ndarray) -> None:
    """Hatching where the good seeds disagree, and a dotted edge of what training saw, where held-out times leave it."""
    from matplotlib.patches import Polygon

    region, beyond = seen_in_training(fit, seen)
    if len(beyond) and len(region.hull) > 2 and not region.holds(beyond).all():
        ax.add_patch(Polygon(region.hull, closed=True, fill=False, edgecolor=INK, lw=0.9, ls=":"))
    if near_best(fit.record).sum() < 2:
        return
    spread = np.where(within, disagreement(fit, seen.network, mesh, believed(fit, seen, region)[2]), 0.0)
    if (spread > DOUBTED).any():
        top = 2.0 * max(float(spread.max()), DOUBTED)
        ax.contourf(*np.moveaxis(mesh, -1, 0), spread, levels=[DOUBTED, top], colors="none", hatches=["////"])
        ax.set_title("hatched: seeds disagree", loc="right", fontsize="small", fontweight="normal", color=MUTED)


def _output(fit: Fit, network: str, points: np.ndarray, panel: int) -> np.ndarray:
    """One output at points (…, 2)."""
    return TrainedNetwork(fit, network)(points).reshape(*points.shape[:-1], -1)[..., panel]


def filled(
    ax: Axes, x: np.ndarray, y: np.ndarray, z: np.ndarray, hull: np.ndarray, levels: bool = True, **style: Any
) -> None:
    """A function on a grid, coloured inside a hull, with level lines or without."""
    from matplotlib.patches import Polygon

    finite = z[np.isfinite(z)]
    if not len(finite) or np.ptp(finite) < 1e-12 * max(1.0, float(np.abs(finite).max())):
        ax.add_patch(Polygon(hull, closed=True, facecolor="#dddddd", edgecolor=MUTED, label="constant"))
        return
    image = ax.pcolormesh(x, y, z, shading="nearest", rasterized=True, **{"cmap": SEQUENTIAL, **style})
    edge = Polygon(hull, closed=True, transform=ax.transData)
    image.set_clip_path(edge)
    if levels:
        lines = ax.contour(x, y, z, levels=6, colors="white", linewidths=0.6, alpha=0.7, negative_linestyles="solid")
        lines.set_clip_path(edge)
    bar = ax.figure.colorbar(image, ax=ax, pad=0.02, aspect=22)
    bar.outline.set_visible(False)  # type: ignore[union-attr]


def _scatter(fit: Fit, seen: Visited, panel: int, ax: Axes) -> None:
    best = fit.record.best_seed
    outputs = seen.outputs.shape[-1]
    x = seen.arguments[best][..., panel].reshape(-1)
    y = seen.outputs[best].reshape(-1, outputs)
    every = max(1, len(x) // 1500)
    style: dict[str, Any] = {"ls": "none", "marker": "o", "ms": 2.4, "mew": 0, "alpha": 0.7}
    for k in range(min(outputs, len(COLOURS))):
        ax.plot(x[::every], y[::every, k], color=COLOURS[k], label=seen.output_labels[k], **style)
    ax.set_xlabel(seen.argument_labels[panel])
    ax.set_ylabel("output" if outputs > 1 else seen.network)
    more = f"{len(COLOURS)} of {outputs} outputs" if outputs > len(COLOURS) else ""
    title(ax, f"learned: {seen.network}", more)
    if outputs > 1 and panel == 0:
        ax.legend(loc="best", markerscale=2)
