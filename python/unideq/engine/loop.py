"""The optimiser loop around an engine's chunks of iterations: pace, reports, logs, and when a run is over."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

import numpy as np

from ..objective.program import LossProgram
from ..optimise import Arrays
from ..optimise.state import common
from .minimisation import Minimisation
from .protocol import Minimised, Report

__all__ = ["Runner", "empty_logs", "minimise"]

PATIENCE = 0.25
"""Time (s) that a chunk of iterations should take: within it Ctrl-C isn't heard."""
SILENCE = 1.0
"""Time (s) after which a report comes between two full ones, so that progress bars move and checkpoints are written."""
GROWTH = 8
"""A chunk has at most so many times the iterations of the one before."""


class Runner(Protocol):
    """What an engine does for the loop: run chunks of iterations, hand over state and logs."""

    def advance(self, base: int, target: int) -> bool:
        """Go on until every running seed has made `target` iterations; whether any still runs.

        Iteration i is logged in column i - base.
        """
        ...

    def collect(self, count: int) -> tuple[Arrays, dict[str, np.ndarray]]:
        """Own arrays of the flat state, and of the logs' first `count` columns; the logs are empty from then on."""
        ...


def empty_logs(asked: Minimisation, start: Arrays) -> dict[str, np.ndarray]:
    """Logs of iterations that nobody has made: NaN, and nothing rejected; of the weights where the state has them."""
    lead = asked.seeds, asked.report_every
    terms = (*lead, len(asked.objective.terms))
    return {
        "total": np.full(lead, np.nan),
        "terms": np.full(terms, np.nan),
        "gradient_norm": np.full(lead, np.nan),
        "learning_rate": np.full(lead, np.nan),
        "rejected": np.zeros(lead, bool),
        **({"weights": np.full(terms, np.nan)} if "weights" in start else {}),
    }


def _report(objective: LossProgram, runner: Runner, base: int, reached: int) -> Report:
    arrays, logs = runner.collect(reached - base)
    state = common(arrays)
    iteration = max(base, int(state["iteration"].max()))
    found = {key: value[:, : iteration - base] for key, value in logs.items()}
    return Report(
        iteration=iteration,
        total=found["total"],
        terms={name: found["terms"][..., i].copy() for i, name in enumerate(objective.terms)},
        gradient_norm=found["gradient_norm"],
        learning_rate=found["learning_rate"],
        rejected=found["rejected"],
        theta=state["theta"].copy(),
        best_theta=state["best_theta"].copy(),
        best_total=state["best_total"].copy(),
        finished=state["finished"].copy(),
        state=arrays,
        weights={n: found["weights"][..., i].copy() for i, n in enumerate(objective.terms) if "weights" in found},
    )


def minimise(
    make: Callable[[Minimisation, Arrays], Runner], asked: Minimisation, callback: Callable[[Report], bool]
) -> Minimised:
    """Run it on the engine that `make` makes a runner of, given the state to begin with.

    Seeds that finish early leave NaN in the rest of the logs. The result doesn't depend on `report_every`, nor
    on where a run was interrupted and resumed.
    """
    start = asked.start()
    runner = make(asked, start)
    room, iterations = asked.report_every, asked.iterations
    base = int(np.max(common(start)["iteration"]))
    pace = 1
    while True:
        # Full reports come at multiples of `report_every`, wherever a run was interrupted and resumed.
        goal, reached, since = min((base // room + 1) * room, iterations), base, time.perf_counter()
        running = True
        while running and reached < goal:
            began = time.perf_counter()
            target = min(reached + pace, goal)
            running = runner.advance(base, target)
            now = time.perf_counter()
            pace = _next_pace(pace, target - reached, now - began, room)
            reached = target
            if now - since > SILENCE:
                break
        last = _report(asked.objective, runner, base, reached)
        base = last.iteration
        over = base >= iterations or not (last.finished == 0).any()
        go_on = callback(last)
        if over or not go_on:
            return Minimised(last, stopped=not go_on and not over)


def _next_pace(pace: int, made: int, took: float, room: int) -> int:
    """Iterations of the next chunk, after one of `made` iterations took that many seconds."""
    return int(np.clip(made * PATIENCE / max(took, 1e-9), 1, min(GROWTH * pace, room)))
