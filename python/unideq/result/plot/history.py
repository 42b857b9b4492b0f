"""The course of training: totals of all seeds, terms of the best one, held-out loss, stages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ...checks import number
from ...objective import Unrolled
from .style import COLOURS, INK, MUTED, axes_of, styled, title, write_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ..fit import Fit

__all__ = ["history_alone", "plot_history"]

MOST_TERMS = 4


def plot_history(fit: Fit, ax: Axes | None = None, terms: bool = True, legend: bool = True) -> Axes:
    """Loss over iterations, on a logarithmic scale where all values are positive.

    Parameters
    ----------
    ax
        Where to draw; default: a new figure.
    terms
        Whether to show the best seed's terms (the first four), times their weights: they add up to the total.
    legend
        Whether to explain the lines.
    """
    record = fit.record
    logs = record.history.joined(len(fit.seeds))
    with styled():
        ax = axes_of(ax)
        title(ax, "training")
        ax.set_xlabel("iteration")
        ax.set_ylabel("loss")
        total, best = logs["total"], record.best_seed
        if not total.shape[1]:
            ax.text(0.5, 0.5, "no iteration yet", ha="center", va="center", transform=ax.transAxes, color=MUTED)
            return ax
        steps = np.arange(1, total.shape[1] + 1)
        drawn = [total]
        other = 1 if best == 0 else 0
        for k in range(len(total)):
            if k != best:
                ax.plot(
                    steps,
                    total[k],
                    color=MUTED,
                    lw=0.7,
                    alpha=0.7,
                    label="total, other seeds" if k == other else None,
                )
        if terms and len(logs["terms"]) > 1:
            for at, (name, values) in enumerate(list(logs["terms"].items())[:MOST_TERMS]):
                colour = COLOURS[(at + 2) % len(COLOURS)]
                weight = _weights(fit, logs, name, best)
                shown = np.asarray(weight * values[best])
                factor = f" × {weight:.3g}" if np.ndim(weight) == 0 and weight != 1.0 else ""
                ax.plot(steps, shown, color=colour, lw=1.0, label=f"term {name}{factor}")
                drawn.append(shown)
        ax.plot(steps, total[best], color=COLOURS[0], lw=1.8, label=f"total, seed {fit.best_seed}")
        held = logs["held_total"]
        if held.shape[1]:
            few = {"marker": "o", "ms": 2.8} if held.shape[1] < 60 else {}
            ax.plot(logs["held_iteration"], held[best], color=COLOURS[1], lw=1.2, label="held-out", **few)  # type: ignore[arg-type]
            drawn.append(held[best])
        judged = logs["judged_total"]
        if judged.shape[1] and not held.shape[1]:
            ax.plot(logs["judged_iteration"], judged[best], color=COLOURS[1], lw=1.2, label="fixed windows")
            drawn.append(judged[best])
        _scale(ax, drawn)
        _rejected(ax, logs["rejected"][best], steps)
        _stages(ax, fit, logs["stage"])
        ax.set_xlim(0, total.shape[1] + 1)
        if legend:
            ax.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0), borderaxespad=0)
    return ax


def history_alone(fit: Fit, path: Any = None, dpi: int = 150) -> Figure:
    """The course of training in a figure of its own, written to `path` as well."""
    dpi = number(dpi, "dpi", above=0)
    figure: Any = plot_history(fit, terms=False).figure
    if path is not None:
        write_figure(figure, path, dpi)
    return figure


def _weights(fit: Fit, logs: Any, name: str, best: int) -> Any:
    """What a term counts with in the total: a number, or one an iteration where training logged it."""
    settings = fit.record.settings
    if name in logs["weights"]:
        return logs["weights"][name][best]
    if name == "regularisation":
        return 1.0 if settings.regulariser is None else settings.regulariser.weight
    if name in settings.costs:
        return settings.costs[name].factor
    if name in settings.rankings:
        return settings.rankings[name].weight
    if name == "continuity":
        found = [getattr(s.objective, "continuity", 1.0) for s in settings.stages()]
        return np.asarray(found, dtype=float)[logs["stage"]] if len(set(found)) > 1 else found[0]
    return float(settings.loss.weights.get(name, 1.0))


def _scale(ax: Axes, drawn: list[np.ndarray]) -> None:
    values = np.concatenate([np.ravel(d) for d in drawn])
    values = values[np.isfinite(values)]
    if not len(values):
        return
    if (values > 0).all():
        ax.set_yscale("log")
        low, high = values.min(), values.max()
        # A term that dies out at 1e-30 or a start at 1e12 would flatten everything else.
        low, high = max(low, 1e-4 * np.quantile(values, 0.05)), min(high, 1e4 * np.quantile(values, 0.95))
        room = (high / low) ** 0.06
        ax.set_ylim(low / room, high * room**3)
    else:  # a likelihood: linear near its lowest value, logarithmic far above it
        low, high = float(values.min()), float(values.max())
        ax.set_yscale("symlog", linthresh=10.0 ** np.ceil(np.log10(max(abs(low), 1e-12))))
        ax.set_ylim(low - 0.3 * abs(low) - 1e-12, 4.0 * max(high, abs(low)))


def _rejected(ax: Axes, rejected: np.ndarray, steps: np.ndarray) -> None:
    at = steps[rejected]
    if len(at):
        style: dict[str, Any] = {"transform": ax.get_xaxis_transform(), "color": "#b00020", "clip_on": False}
        ax.plot(at, np.full(len(at), 0.015), ls="none", marker="|", ms=6, mew=1.0, label="rejected step", **style)


def _stages(ax: Axes, fit: Fit, stage: np.ndarray) -> None:
    stages = fit.record.settings.stages()
    starts = np.flatnonzero(np.diff(stage, prepend=-1))
    ends = np.append(starts[1:], len(stage))
    for first, end in zip(starts, ends, strict=True):
        if first:
            ax.axvline(first + 0.5, color=INK, lw=0.8, ls=(0, (2, 2)), alpha=0.6)
        one = stages[int(stage[first])]
        if end - first > 0.12 * len(stage):
            text = f"{type(one.phase).__name__}\n{_objective(one.objective)}"
            place = {"xycoords": ("data", "axes fraction"), "xytext": (-4, -2), "textcoords": "offset points"}
            # At its right end, where the loss is lowest.
            ax.annotate(text, (end + 0.5, 1.0), va="top", ha="right", fontsize="x-small", color="#555555", **place)


def _objective(objective: Any) -> str:
    words = {
        "Trajectory": "trajectory",
        "MultipleShooting": "shooting",
        "Collocation": "collocation",
        "APriori": "a priori",
    }
    name = type(objective).__name__
    horizon = getattr(objective, "horizon", None)
    if isinstance(objective, Unrolled):
        return f"{objective.steps} step{'s' * (objective.steps > 1)}, {objective.gradient}"
    return words.get(name, name) + (f" to {horizon:g}" if horizon is not None else "")
