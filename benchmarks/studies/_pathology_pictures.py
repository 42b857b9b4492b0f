"""Pictures of the study of gradient pathologies: published and own errors; what gradients look like."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from _pathology_methods import METHODS, PUBLISHED_CAVITY, PUBLISHED_HELMHOLTZ

__all__ = ["draw_errors"]


def draw_errors(rows: list[dict[str, Any]], path: Path) -> None:
    """Relative errors of the published methods, beside the published ones; lines for our recipes and classical ones."""
    from matplotlib.figure import Figure

    published = [r for r in rows if r["part"] == "published"]
    panels = list(dict.fromkeys((r["problem"], r["network"]) for r in published))
    if not panels:
        return
    figure = Figure(figsize=(2.6 * len(panels) + 1.4, 4.0), layout="constrained")
    axes = np.atleast_1d(figure.subplots(1, len(panels), sharey=True))
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
        classical = [r["error"] for r in rows if r["part"] == "classical" and r["problem"].startswith(problem)]
        for k, value in enumerate(classical):
            ax.axhline(value, color="0.6", lw=1.0, ls="--", label=None if k else "classical solvers")
        ax.set_xticks(range(4), METHODS)
        ax.set(title=f"{problem.capitalize()}, {network}", yscale="log", xlim=(-0.5, 3.6))
    axes[0].set_ylabel("relative L2 error")
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2, frameon=False)
    figure.savefig(path, dpi=150)
