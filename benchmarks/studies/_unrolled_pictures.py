"""Part of a study: errors by step with bands over seeds, and rollouts beside the truth."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from unideq.harness import Study

COLOURS = {"ONE": "tab:orange", "NOG": "tab:green", "WIG": "tab:blue"}


def draw_errors(study: Study, cases: Sequence[str], counted: int, path: Path | None) -> None:
    """Mean error of the tests after 1 … 12 steps: median over seeds, band from the smallest to the largest one."""
    figure = Figure(figsize=(8.6, 3.8), layout="constrained")
    panels: Any = figure.subplots(1, 2, sharey=True)
    steps = np.arange(1, counted + 1)
    for axes, coupling in zip(panels, ("correction", "prediction"), strict=True):
        for case in cases:
            if not case.startswith(coupling) and (coupling == "prediction" or case.startswith("prediction")):
                continue
            colour = COLOURS.get(case.rpartition(" ")[2])
            style: dict[str, Any] = {"color": colour or "black", "ls": "-" if colour else (0, (1, 1))}
            if colour is None:
                style["color"] = ("black", "tab:purple")[case != cases[-1]]
            _band(axes, study, case, steps, style, case.removeprefix(coupling).strip())
        for case, colour in (("coarse solver", "0.6"), ("persistence", "0.8")):
            axes.plot(steps, study.rows_where(case=case)[0]["error_by_step"], color=colour, ls="--", label=case)
        axes.set(xlabel="step", title=coupling.capitalize(), yscale="log")
    panels[0].set_ylabel("mean (v − u)² / max u²")
    figure.legend(
        *panels[0].get_legend_handles_labels(), loc="outside lower center", frameon=False, fontsize=8, ncols=4
    )
    if path is not None:
        figure.savefig(path, dpi=150)


def draw_kolmogorov(study: Study, cases: Sequence[str], path: Path | None) -> None:
    """Relative L2 error along test rollouts."""
    figure = Figure(figsize=(4.8, 3.4), layout="constrained")
    axes: Any = figure.subplots()
    coarse = study.rows_where(case="Kolmogorov coarse solver")[0]["error_by_step"]
    steps = np.arange(1, len(coarse) + 1)
    for case in cases:
        name = case.rpartition(" ")[2]
        _band(axes, study, case, steps, {"color": COLOURS[name]}, name)
    axes.plot(steps, coarse, color="0.6", ls="--", label="coarse solver")
    axes.set(xlabel="step", ylabel="relative L2 error", title="Kolmogorov flow, test Reynolds numbers", yscale="log")
    axes.legend(frameon=False, fontsize=8)
    if path is not None:
        figure.savefig(path, dpi=150)


def _band(axes: Any, study: Study, case: str, steps: np.ndarray, style: dict[str, Any], label: str) -> None:
    curves = np.array([r["error_by_step"] for r in study.rows_where(case=case)], dtype=float)
    axes.plot(steps, np.median(curves, axis=0), label=label, lw=1.6, **style)
    if len(curves) > 1:
        axes.fill_between(steps, curves.min(axis=0), curves.max(axis=0), color=style["color"], alpha=0.15, lw=0)


def draw_rollout(study: Study, true: xr.Dataset, cases: Sequence[str], path: Path | None) -> None:
    """One test trajectory in space and time: the truth on top, below it rollouts from its first state."""
    fields = {"truth": true.u.transpose("time", "x").values}
    for case in cases:
        picture = np.array(
            study.rows_where(case=case, seed=None if case == "coarse solver" else 0)[0]["picture"], float
        )
        fields[case] = picture
    figure = Figure(figsize=(8.0, 1.5 * len(fields)), layout="constrained")
    panels: Any = figure.subplots(len(fields), 1, sharex=True)
    x = true["x"].values * float(true["domain"].item())
    extent = (0.0, float(len(fields["truth"]) - 1), 0.0, float(x[-1] + x[1]))
    for axes, (name, field) in zip(panels, fields.items(), strict=True):
        image = axes.imshow(
            field.T, origin="lower", aspect="auto", cmap="RdBu_r", vmin=-3, vmax=3, extent=extent, rasterized=True
        )
        axes.set(ylabel="x", title=name)
        axes.title.set_fontsize(9)
    panels[-1].set_xlabel("time")
    figure.colorbar(image, ax=list(panels), label="u", shrink=0.5)
    if path is not None:
        figure.savefig(path, dpi=130)
