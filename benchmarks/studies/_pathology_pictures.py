"""Pictures of the study of gradient pathologies: published and own errors; what gradients look like."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from _pathology_methods import METHODS, PUBLISHED_CAVITY, PUBLISHED_HELMHOLTZ

__all__ = ["draw_errors"]


LEAST = 1e-6
"""Least error within the axes; what lies below is written."""


def draw_classical(ax: Any, method: str, error: float) -> None:
    """A line with its name; an arrow where it lies below the axes."""
    below = error < LEAST
    words = f"{method}: {error:.0e} ↓" if below else method
    if not below:
        ax.axhline(error, color="0.6", lw=1.0, ls="--")
    ax.text(-0.4, max(error, LEAST) * 1.15, words, color="0.45", fontsize="small", va="bottom")


def draw_errors(rows: list[dict[str, Any]], path: Path) -> None:
    """Relative errors of the published methods, beside the published ones; lines for our recipes and classical ones."""
    from matplotlib.figure import Figure

    published = [r for r in rows if r["part"] == "published"]
    panels = list(dict.fromkeys((r["problem"], r["network"]) for r in published))
    if not panels:
        return
    figure = Figure(figsize=(2.6 * len(panels) + 1.4, 4.0), layout="constrained")
    axes = np.atleast_1d(figure.subplots(1, len(panels), sharey=True))
    largest = max(1.0, 1.5 * max(max(row["spectral_norm"] or row["errors"]) for row in published))
    for ax, (problem, network) in zip(axes, panels, strict=True):
        known = PUBLISHED_CAVITY if problem == "cavity" else PUBLISHED_HELMHOLTZ[network]
        ax.plot(range(4), [known[m] for m in METHODS], "D", color="black", ms=5, label="published, mean")
        for k, method in enumerate(METHODS):
            for row in (
                r for r in published if (r["problem"], r["network"], r["method"]) == (problem, network, method)
            ):
                errors = np.array(row["spectral_norm"] or row["errors"])
                ax.plot(np.full(len(errors), k + 0.18), errors, "o", color="tab:blue", ms=3, alpha=0.6)
                ax.plot(
                    k + 0.18, errors.mean(), "_", color="tab:blue", ms=14, label=None if k else "ours, each and mean"
                )
        own = [r["error"] for r in rows if r["part"] == "best" and r["problem"] == problem]
        if own:
            ax.axhline(np.median(own), color="tab:orange", lw=1.2, label="our recipe, median")
        for row in rows:
            if row["part"] == "classical" and row["problem"].startswith(problem):
                draw_classical(ax, row["problem"].partition(", ")[2], row["error"])
        ax.set_xticks(range(4), METHODS)
        ax.set(title=f"{problem.capitalize()}, {network}", yscale="log", xlim=(-0.5, 3.6), ylim=(LEAST, largest))
    axes[0].set_ylabel("relative L2 error")
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2, frameon=False)
    figure.savefig(path, dpi=150)
