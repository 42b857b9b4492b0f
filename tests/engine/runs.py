"""Runs of optimisers with all that they report, and what the tests of them share."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from unideq.engine import Engine, Minimisation, Minimised, Report
from unideq.objective.program import LossProgram

from .problems import phase_of

ADAM = {"learning_rate": 0.05, "iterations": 40}
QUASI = {"iterations": 40, "tolerance": 1e-9, "line_search": 20}
OPTIMIZERS = {
    "adam": ADAM,
    "adamw": {**ADAM, "weight_decay": 0.1, "clip": 1.0},
    "lbfgs": {**QUASI, "memory": 5},
    "bfgs": QUASI,
}
STARTS = np.array([[-1.2, 1.0], [2.0, -1.0], [0.0, 0.5]])
LOGS = ("total", "gradient_norm", "learning_rate", "rejected")
each_optimizer = pytest.mark.parametrize("name", OPTIMIZERS)


class Recorder:
    """A callback that keeps the reports, and stops after some of them."""

    def __init__(self, stop_after: int | None = None) -> None:
        self.reports: list[Report] = []
        self.stop_after = stop_after

    def __call__(self, report: Report) -> bool:
        self.reports.append(report)
        return len(self.reports) != self.stop_after

    def log(self, name: str) -> np.ndarray:
        return np.concatenate([getattr(r, name) for r in self.reports], axis=1)


def run(
    engine: Engine,
    objective: LossProgram,
    theta: np.ndarray,
    name: str,
    settings: dict[str, Any],
    stop_after: int | None = None,
    **more: Any,
) -> tuple[Minimised, Recorder]:
    recorder = Recorder(stop_after)
    optimizer = phase_of(name, settings)
    result = engine.minimise(Minimisation(objective, theta, optimizer, **more), recorder)
    return result, recorder
