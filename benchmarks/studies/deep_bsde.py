"""Parabolic equations in 50 and 100 dimensions by forward-backward equations, against known values; goal: 0.2 %.

Hamilton-Jacobi-Bellman, Black-Scholes-Barenblatt and Allen-Cahn equations of E, Han & Jentzen (arXiv:1706.04702) and
Raissi (arXiv:1804.07010), and three with closed forms. All seeds of a problem train together on the same paths. Errors
are those of the corrected value, and of the value as it was trained.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np

import unideq as ude
from unideq.harness import Study

GOALS = {
    "HamiltonJacobiBellman": 0.002,
    "BlackScholesBarenblatt": 0.002,
    "HighDimensionalAllenCahn": 0.01,
    "BurgersType": 0.005,
    "QuadraticGradient": 0.005,
    "ReactionDiffusion": 0.005,
}
"""Problem → largest relative error."""
TRAINED = {
    "HamiltonJacobiBellman": (1e-3, 1.0),
    "BlackScholesBarenblatt": (2e-3, 1.0),
    "HighDimensionalAllenCahn": (2e-3, 1.5),
    "BurgersType": (3e-3, 2.0),
    "QuadraticGradient": (2e-3, 1.5),
    "ReactionDiffusion": (3e-3, 2.0),
}
"""Problem → learning rate at the start, and iterations, in the setting's unit."""


def trained(name: str, iterations: int, seeds: int, engine: str | None) -> tuple[ude.Fit, float, float]:
    """A fit, and the seconds that it took: on the clock, and of the processor."""
    rate, times = TRAINED[name]
    began, used = time.perf_counter(), time.process_time()
    fit = ude.fit(
        getattr(ude.problems, name)().problem(),
        phases=ude.Adam(ude.CosineDecay(rate), round(times * iterations)),
        seeds=seeds,
        engine=engine,
        progress=False,
    )
    return fit, time.perf_counter() - began, time.process_time() - used


def rows_of(name: str, fit: ude.Fit) -> list[dict[str, Any]]:
    exact, found = getattr(ude.problems, name)().value, fit.tree["diagnostics"].to_dataset()
    rows = []
    for seed in fit.seeds:
        one = {n: float(v) for n, v in found.drop_vars("z0").sel(seed=seed).items()}
        rows.append(
            {
                "seed": seed,
                "exact": exact,
                "value": one["u0"],
                "error": abs(one["u0"] / exact - 1.0),
                "interval": [one["low"], one["high"]],
                "trained_error": abs(one["trained"] / exact - 1.0),
                "missed_by_networks": one["mismatch_of_networks"] / one["terminal_spread"],
            }
        )
    return rows


def picture(study: Study, path: Path) -> None:
    """Errors of all seeds over their goals."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.0, 3.4), layout="constrained")
    ax = figure.subplots()
    names = [n for n in GOALS if study.rows_where(problem=n)]
    for k, name in enumerate(names):
        rows = study.rows_where(problem=name)
        label = k == 0
        ax.plot([k - 0.3, k + 0.3], [100 * GOALS[name]] * 2, color="#222222", lw=1.5, label="goal" if label else None)
        for place, column, marker, colour in ((-0.1, "trained_error", "x", "#D55E00"), (0.1, "error", "o", "#0072B2")):
            words = {"trained_error": "as trained", "error": "corrected"}[column] if label else None
            values = [100 * r[column] for r in rows]
            ax.plot(np.full(len(rows), k + place), values, ls="none", marker=marker, color=colour, label=words)
    ax.set_yscale("log")
    ax.set_xticks(range(len(names)), [_shown(n) for n in names], fontsize=8)
    ax.set_ylabel("error of u(0, x₀), %")
    ax.legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    ax.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=150)


def _shown(name: str) -> str:
    """Two lines of a class's name."""
    words = "".join(" " + c if c.isupper() else c for c in name.removeprefix("HighDimensional")).split()
    return "\n".join(["–".join(words[:1]), "–".join(words[1:])])


def main() -> None:
    study = Study.from_command_line(
        __file__,
        __doc__,
        quick={"seeds": 1, "iterations": 200, "problems": list(GOALS)[:3]},
        full={"seeds": 3, "iterations": 500, "problems": list(GOALS)},
    )
    for unit in study.units(problem=study.settings["problems"]):
        name = unit["problem"]
        fit, seconds, used = trained(name, study.settings["iterations"], study.seeds, study.engine)
        for row in rows_of(name, fit):
            study.record(**row, goal=GOALS[name], seconds=seconds, processor_seconds=used)
        where = study.figure_path(f"deep_bsde_{name}.png")
        if where is not None:
            fit.plot(where, exact=getattr(ude.problems, name)().value)
    where = study.figure_path("deep_bsde.png")
    if where is not None:
        picture(study, where)
    worst = {n: max(r["error"] for r in study.rows_where(problem=n)) for n in study.settings["problems"]}
    headline: dict[str, Any] = {f"largest error of {n}": error for n, error in worst.items()}
    headline["problems within their goals"] = sum(error <= GOALS[n] for n, error in worst.items())
    study.finish(headline=headline)


if __name__ == "__main__":
    main()
