"""The four methods of Wang, Teng & Perdikaris (arXiv:2001.04536) with their published settings, and what they reached.

M1 plain network and fixed weights, M2 learning-rate annealing, M3 modified network, M4 both. Batches of 128 points for
the residual and for every side, redrawn in every step; Adam from 1e-3, times 0.9 every 1000 steps; Glorot normal.
"""

from __future__ import annotations

from typing import Any

import unideq as ude

__all__ = ["ITERATIONS", "METHODS", "PUBLISHED_CAVITY", "PUBLISHED_HELMHOLTZ", "SIDES", "balance", "network", "phase"]

METHODS = ("M1", "M2", "M3", "M4")
ITERATIONS = 40_000
SIDES = 512
"""Boundary points in an iteration: 128 on each of four sides."""
PUBLISHED_HELMHOLTZ = {
    "30/3": {"M1": 4.36e-1, "M2": 4.31e-2, "M3": 4.03e-2, "M4": 5.85e-3},
    "50/3": {"M1": 1.94e-1, "M2": 1.44e-2, "M3": 2.12e-2, "M4": 3.30e-3},
    "50/5": {"M1": 2.02e-1, "M2": 6.33e-3, "M3": 1.70e-2, "M4": 1.95e-3},
}
"""Units/hidden layers → method → relative L2 error, mean of 10 trials (table 2 of the paper)."""
PUBLISHED_CAVITY = {"M1": 2.71e-1, "M2": 2.49e-1, "M3": 1.21e-1, "M4": 3.42e-2}
"""Stream-function form; the public code's norm and reference solution."""


def network(method: str, size: str, outputs: int = 1) -> Any:
    """The network of a method, `size` as `units/hidden layers`."""
    units, layers = (int(part) for part in size.split("/"))
    hidden = (units,) * layers
    if method in ("M1", "M2"):
        return ude.nn.MLP(2, outputs, hidden=hidden, initializer="glorot_normal")
    # As in the public code: all layers are gates, and the encoders' biases are drawn.
    return ude.nn.ModifiedMLP(2, outputs, hidden=hidden, gate_first=True, encoder_bias="glorot_normal")


def balance(method: str, problem: str = "helmholtz") -> Any:
    """The rule of a method; the statistics as in the public code, which has two kinds."""
    average = "matrices" if problem == "helmholtz" else "ratios"
    return ude.LearningRateAnnealing(average=average) if method in ("M2", "M4") else None


def phase(schedule: int, iterations: int | None = None) -> ude.Adam:
    """The published decay, stretched or shrunk to a schedule of that many iterations; all of it, or its beginning."""
    decay = ude.ExponentialDecay(1e-3, 0.9, max(1, round(1000 * schedule / ITERATIONS)))
    return ude.Adam(decay, iterations or schedule)
