"""Picture of a decomposition: each term's share of the closure at the left, both where it is largest at the right."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...result.plot.style import COLOURS, MUTED, title

if TYPE_CHECKING:
    from matplotlib.figure import SubFigure

    from .decomposition import Decomposition

__all__ = ["plot_shares"]


def plot_shares(d: Decomposition, figure: SubFigure) -> None:
    """Each term's share of the closure, and the closure beside the terms where it is largest."""
    left, right = figure.subplots(1, 2)
    r = d.regression
    position = np.arange(len(r.names))[::-1]
    colours = [COLOURS[1] if n in d.scheme else COLOURS[0] for n in r.names]
    left.barh(position, 100 * r.shares, color=colours, height=0.6, alpha=0.85)
    spread = 100 * np.clip([r.shares - r.share_low, r.share_high - r.shares], 0.0, None)
    left.errorbar(100 * r.shares, position, xerr=spread, fmt="none", ecolor="#333333", elinewidth=1.0, capsize=2.5)
    left.set_yticks(position, r.names)
    left.set_ylim(min(-0.6, len(r.names) - 3.4), len(r.names) - 0.4)  # few bars stay slim
    left.axvline(0.0, color=MUTED, lw=0.8)
    left.set_xlabel("share of the closure [%]")
    title(left, f"closure of {d.field}: terms", f"R² = {r.r_squared:.3f}")
    for colour, label in ((COLOURS[0], "physics"), (COLOURS[1], "truncation error")):
        left.plot([], [], color=colour, lw=6, alpha=0.85, label=label)
    left.legend(loc="best")
    sample = int(np.argmax(np.nan_to_num(np.abs(d.closure)).reshape(len(d.closure), -1).max(axis=1)))
    truth, fitted = d.closure[sample], d.fitted[sample]
    if truth.ndim > 1:  # the row through the largest value
        middle = np.unravel_index(int(np.nanargmax(np.abs(truth))), truth.shape)[:-1]
        truth, fitted = truth[middle], fitted[middle]
    right.plot(truth, color="#222222", lw=2.2, alpha=0.35, label="learned")
    right.plot(fitted, color=COLOURS[1], lw=1.4, ls="--", label="terms")
    right.set_xlabel("cell")
    right.set_ylabel(f"∂{d.field}/∂t")
    title(right, "where it is largest")
    right.legend(loc="best")
