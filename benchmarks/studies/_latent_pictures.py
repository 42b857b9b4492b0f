"""Part of a study: its picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

__all__ = ["draw"]

COLOURS = {
    "mechanistic": "#0072B2",
    "neural": "#D55E00",
    "unideq": "#0072B2",
    "by hand": "#8a8a8a",
    "recurrent": "#009E73",
}
PARTS = ("inside", "forecast", "far")


def draw(rows: list[dict[str, Any]], path: Path) -> None:
    """Scores of the periodic series, errors of the pendulum's pictures over time, and one film."""
    figure = Figure(figsize=(10, 5.6), layout="constrained")
    halves: Any = figure.subfigures(2, 1, height_ratios=[1.1, 1.0])
    top, bottom = halves
    left, right = top.subplots(1, 2, width_ratios=[1.0, 1.6])
    for k, model in enumerate(("unideq", "by hand", "recurrent")):
        own = [r for r in rows if r["part"] == "periodic" and r["model"] == model and r.get("mse_far") is not None]
        for r in own:
            at = np.arange(3) + 0.16 * (k - 1)
            left.plot(at, [r[f"mse_{p}"] for p in PARTS], "o", color=COLOURS[model], ms=5,
                      label=model if r is own[0] else None)  # fmt: skip
    left.set(yscale="log", title="periodic series", ylabel="mean squared error", xticks=range(3))
    left.set_xticklabels(["read", "forecast", "twice as far"])
    left.legend(frameon=False)
    films = {r["model"]: r for r in rows if r["part"] == "pendulum"}
    for model, row in films.items():
        times = 0.25 * np.arange(len(row["each"]))
        right.plot(times, row["each"], color=COLOURS[model], label=model)
    for edge, word in ((2.0, "read"), (5.0, "trained")):
        right.axvline(edge, color="#8a8a8a", lw=0.8)
        right.annotate(
            f"{word} ", (edge, 0.97), xycoords=("data", "axes fraction"), ha="right", va="top", color="#666666"
        )
    right.set(yscale="log", title="pendulum in pictures", xlabel="time", ylabel="mean squared error")
    right.legend(frameon=False, loc="center left")
    for panel in (left, right):
        panel.spines[["top", "right"]].set_visible(False)
    if films:
        any_row = next(iter(films.values()))
        shown = {"truth": any_row["film"]["truth"], **{m: r["film"]["found"] for m, r in films.items()}}
        panels = bottom.subplots(len(shown), len(any_row["film"]["truth"]), squeeze=False)
        for number, (line, (name, film)) in enumerate(zip(panels, shown.items(), strict=True)):
            for k, (panel, picture) in enumerate(zip(line, film, strict=True)):
                panel.imshow(np.array(picture), vmin=0, vmax=1, cmap="gray_r", origin="lower")
                panel.set(xticks=[], yticks=[])
                if number == 0:
                    panel.set_title(f"t = {2 * k:g}", fontsize=8)
            line[0].set_ylabel(name, rotation=0, ha="right", va="center", fontsize=8)
    figure.savefig(path, dpi=150)
