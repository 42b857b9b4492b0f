"""What a trained `BackwardProblem` says along fresh paths, and what its value at the start is worth there."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from ..backward import BackwardProblem
from ..backward.objective import fresh_paths
from ..backward.path import Path
from ..engine import Engine

__all__ = ["along_paths", "estimates"]

BLOCK = 256
"""Paths that an engine evaluates at a time."""
DRAWN = {"prediction": 1, "estimate": 2}
"""What fresh paths are for → the number that tells their draws from each other, and from training's."""
WIDE = 1.96
"""Standard errors from the middle of an interval of 95 % to its ends."""


def along_paths(
    engine: Engine, problem: BackwardProblem, theta: np.ndarray, seeds: Any, paths: int, draw: int
) -> xr.Dataset:
    """X, u, z and g(X) along fresh paths, the same for all seeds of θ (S, P)."""
    path = Path(problem)
    graph = path.graph("x", "along", "z", "terminal")
    w = fresh_paths(problem, problem.steps, paths, draw, DRAWN["prediction"])
    rows = [engine.evaluate(graph, {"w": w, "theta": one}, ["w"]) for one in theta]
    time = {"long_name": "time"}
    return xr.Dataset(
        {
            "x": (("path", "time", "coordinate"), rows[0]["x"], {"long_name": "forward process X"}),
            "u": (("seed", "path", "time"), np.stack([r["along"] for r in rows]), {"long_name": "solution u(t, X)"}),
            "z": (
                ("seed", "path", "step", "noise"),
                np.stack([r["z"] for r in rows]),
                {"long_name": "σᵀ∇u at the beginning of a step"},
            ),
            "terminal": (("path",), rows[0]["terminal"], {"long_name": "terminal condition g(X)"}),
        },
        coords={
            "seed": list(seeds),
            "time": ("time", path.times, time),
            "step_start": ("step", path.times[:-1], time),
        },
    )


def estimates(
    engine: Engine, problem: BackwardProblem, theta: np.ndarray, seeds: Any, paths: int, refine: int
) -> xr.Dataset:
    """u(t₀, x₀) as it was trained, as fresh paths correct it, and how far off that may be.

    With E the mean over paths, u(t₀, x₀) lacks E[Λ (g(X) − Y)] to first order in what Z lacks (`Path.weight`). Time
    steps are `refine` times finer than those of training; what twice as long ones give, on the same paths, says what
    they still cost.

    Parameters
    ----------
    paths
        Number of fresh paths; rounded up to whole blocks of 256.
    refine
        Steps for one of training's; even where it isn't 1, which leaves the steps' part unknown (NaN).
    """
    fine = Path(problem, problem.steps * refine)
    coarse = Path(problem, fine.steps // 2) if refine > 1 else None
    blocks = [fresh_paths(problem, fine.steps, BLOCK, k, DRAWN["estimate"]) for k in range(-(-paths // BLOCK))]
    mismatch, weighted = _ends(engine, fine, blocks, theta)
    zero = np.zeros((problem.steps, problem.noises))
    start = Path(problem).graph("first", "z")
    first = [start.evaluate({"w": zero, "theta": one}) for one in theta]
    trained, square = np.array([float(f["first"]) for f in first]), (mismatch**2).mean(axis=1)
    correction, error = weighted.mean(axis=1), weighted.std(axis=1) / np.sqrt(weighted.shape[1])
    steps = vanishing = np.full(len(theta), np.nan)
    if coarse is not None:
        longer, of_longer = _ends(engine, coarse, [w[:, ::2] + w[:, 1::2] for w in blocks], theta)
        steps = np.abs(correction - of_longer.mean(axis=1))
        vanishing = np.sqrt(np.maximum(2.0 * square - (longer**2).mean(axis=1), 0.0))
    made, wide = trained + correction, WIDE * error + np.nan_to_num(steps)
    columns = {
        "trained": (trained, "u(t₀, x₀) as it was trained"),
        "u0": (made, "u(t₀, x₀), corrected by the mean martingale residual"),
        "standard_error": (error, "standard error of the correction"),
        "step_error": (steps, "what half the time steps change"),
        "low": (made - wide, "lower end of the interval of 95 %"),
        "high": (made + wide, "upper end of the interval of 95 %"),
        "mismatch": (np.sqrt(square), "root mean square of g(X) − Y at the end"),
        "mismatch_of_networks": (vanishing, "the same where time steps vanish"),
        "terminal_spread": (np.full(len(theta), problem.scales["terminal_spread"]), "standard deviation of g(X)"),
    }
    found = xr.Dataset({n: ("seed", v, {"long_name": w}) for n, (v, w) in columns.items()}, {"seed": list(seeds)})
    found["z0"] = (("seed", "noise"), np.stack([f["z"][0] for f in first]), {"long_name": "σᵀ∇u at (t₀, x₀)"})
    return found.assign_attrs(paths=weighted.shape[1], steps=fine.steps)


def _ends(engine: Engine, path: Path, blocks: list[np.ndarray], theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """g(X) − Y at the end of paths, and that times Λ, both (S, paths)."""
    graph = path.graph("mismatch", "weight")
    rows = [[engine.evaluate(graph, {"w": w, "theta": one}, ["w"]) for w in blocks] for one in theta]
    missed = np.stack([np.concatenate([m["mismatch"] for m in row]) for row in rows])
    return missed, missed * np.stack([np.concatenate([m["weight"] for m in row]) for row in rows])
