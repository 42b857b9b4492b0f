"""A learned function against a known one, where the solutions went."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ...checks import function
from ...errors import DataError
from ..learned import visited
from .style import COLOURS, MUTED, axes_of, styled, title

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..network import TrainedNetwork

__all__ = ["plot_against"]

MOST = 1500
"""Points that are drawn."""


def plot_against(network: TrainedNetwork, known: Callable[..., Any], ax: Axes | None = None) -> Axes:
    """See `TrainedNetwork.plot`."""
    fit, name = network.fit, network.name
    seen = visited(fit, name)
    function(known, "known", needs="a function of the network's arguments", takes=seen.arguments.shape[-1])
    places = seen.arguments[fit.record.best_seed].reshape(-1, seen.arguments.shape[-1])
    places = places[np.isfinite(places).all(axis=1)]
    places = places[np.argsort(places[:, 0], kind="stable")]
    if fit.model.networks[name].acts_on != "points":
        raise DataError(f"Network `{name}` acts on fields: compare `fit.network({name!r})(…)` with the known ones.")
    members = np.atleast_2d(network(*places.T)).reshape(len(network.seeds), len(places), -1)
    main = network.seeds.index(fit.best_seed) if fit.best_seed in network.seeds else 0
    learned = members[main]
    truth = np.asarray(known(*places.T), dtype=float)
    truth = np.broadcast_to(truth[..., None] if truth.ndim < 2 else truth, learned.shape)
    error = float(np.linalg.norm(learned - truth) / (np.linalg.norm(truth) or 1.0))
    with styled():
        ax = axes_of(ax, 5.0, 3.8)
        every = slice(None, None, max(1, len(places) // MOST))
        for k, label in enumerate(seen.output_labels):
            colour = COLOURS[k % len(COLOURS)]
            if places.shape[1] == 1:
                for member in np.delete(members, main, axis=0):
                    ax.plot(places[:, 0], member[:, k], color=colour, lw=0.8, alpha=0.45)
                ax.plot(places[:, 0], learned[:, k], color=colour, lw=2.0, label=f"learned {label}")
                ax.plot(places[:, 0], truth[:, k], color=MUTED, lw=1.4, ls="--", label="known" if k == 0 else None)
                continue
            style: dict[str, Any] = {"ls": "none", "marker": "o", "ms": 2.4, "mew": 0, "alpha": 0.7}
            ax.plot(truth[every, k], learned[every, k], color=colour, label=label, **style)
        if places.shape[1] == 1:
            ax.set(xlabel=seen.argument_labels[0], ylabel=name)
        else:
            ends = [min(truth.min(), learned.min()), max(truth.max(), learned.max())]
            ax.plot(ends, ends, color=MUTED, lw=1.0, ls="--", label="equal", zorder=0)
            ax.set(xlabel="known", ylabel=f"learned {name}")
        ax.legend(loc="best")
        title(ax, f"learned: {name}", f"{100 * error:.2g} % from the known one")
    return ax
