"""Part of a study: its pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import xarray as xr
from matplotlib.figure import Figure

import unideq as ude

__all__ = ["draw_coupled", "draw_transfers"]

COLOURS = {"published": "#0072B2", "quadratic": "#D55E00"}
PLACES = {"none": 0, "full": 2, "scratch": 3}
"""On the axis; layers lie between."""


def draw_transfers(table: list[dict[str, Any]], path: Path) -> None:
    """The spectrum's error relative to that at home, a panel a transfer."""
    table = sorted(table, key=lambda t: (PLACES.get(t["retrained"], 1), t["retrained"]))
    cases = list(dict.fromkeys(t["case"] for t in table))
    figure = Figure(figsize=(3.1 * len(cases), 3.4), layout="constrained")
    panels = figure.subplots(1, len(cases), sharey=True, squeeze=False)[0]
    for panel, case in zip(panels, cases, strict=True):
        for closure, colour in COLOURS.items():
            rows = [t for t in table if t["case"] == case and t["closure"] == closure and t["retrained"] != "at home"]
            for share, mark in ((0.1, "o"), (0.02, "v")):
                own = [t for t in rows if t["share of the data"] == share]
                names = [t["retrained"].removeprefix("closure.").replace("layer_", "layer ") for t in own]
                label = f"{closure}, {share:.0%} of the data"
                panel.plot(names, [t["of at home"] for t in own], mark, color=colour, ms=5, label=label,
                           fillstyle="full" if share == 0.1 else "none")  # fmt: skip
        panel.axhline(1.0, color="#8a8a8a", lw=0.8)
        panel.set(yscale="log", title=case)
        panel.tick_params(axis="x", rotation=70)
        panel.spines[["top", "right"]].set_visible(False)
    panels[0].set_ylabel("error of ln E, of that at home")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=min(4, len(cases)), frameon=False)
    figure.savefig(path, dpi=150)


def draw_coupled(scores: xr.Dataset, path: Path) -> None:
    """What `ude.closure_scores` says of all closures."""
    ude.plot_closure_scores(scores).savefig(path, dpi=150)
