"""Parameters by group: a dot a group, from the least to the greatest, over the population that they are drawn from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..ensemble import near_best
from .style import COLOURS, MUTED, axes_of, styled, title

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..fit import Fit

__all__ = ["plot_groups"]

MOST = 16
"""Groups whose labels are written."""


def plot_groups(fit: Fit, name: str, ax: Axes | None = None) -> Axes:
    """The values of a parameter's groups; thin dots are other good seeds', the band is one spread about the typical
    value."""
    record = fit.record
    per, labels, values = fit.kind.group_values(record)[name]
    order = np.argsort(values[record.best_seed], kind="stable")
    rows, about = np.arange(len(order)), record.model.grouped[name]
    with styled():
        ax = axes_of(ax, 3.6, 3.2)
        for member in np.flatnonzero(near_best(record)):
            best = member == record.best_seed
            style = {"ms": 4.5, "zorder": 3} if best else {"ms": 2.5, "alpha": 0.4}
            ax.plot(values[member][order], rows, "o", mew=0, color=COLOURS[0], **style)  # type: ignore[arg-type]
        spread, words = about.parameter.spread, f"{len(labels)} groups"
        if spread is not None:
            parts = record.layout.unpack(fit.theta)
            middle, width = float(parts[f"typical.{name}"]), float(parts[f"spread.{name}"])
            low, high = (float(spread.value(middle, width, side)) for side in (-1.0, 1.0))
            ax.axvspan(low, high, color=MUTED, alpha=0.18, lw=0)
            ax.axvline(middle, color=MUTED, lw=1.0)
            words = f"typical {middle:.3g}, spread {width:.2g}"
        few = len(labels) <= MOST
        ax.set_yticks(rows if few else [], [str(labels[k]) for k in order] if few else [])
        ax.set(xlabel=about.units, ylabel=per)
        title(ax, name, words)
    return ax
