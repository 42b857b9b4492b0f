"""The optimiser loop around an engine's chunks of iterations: pace, reports, logs, and when a run is over."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from ..errors import ModelError, OptionError
from ..objective.program import Balancing, Batches, Objective
from .balancing import checked_balancing, starting_weights
from .batches import check_batches
from .optimizer_state import State, begin, check_optimizer, restore
from .protocol import Minimised, OptimizerSettings, Report

__all__ = ["Phase", "Runner", "empty_logs", "minimise"]

PATIENCE = 0.25
"""Time (s) that a chunk of iterations should take: within it Ctrl-C isn't heard."""
SILENCE = 1.0
"""Time (s) after which a report comes between two full ones, so that progress bars move and checkpoints are written."""
GROWTH = 8
"""A chunk has at most so many times the iterations of the one before."""


@dataclass(frozen=True)
class Phase:
    """One run of an optimiser, checked and complete.

    Attributes
    ----------
    objective, optimizer
        What to minimise, and how.
    start
        State to begin with or to resume from, S seeds.
    free, decay
        (P,) bool: entries that may move; entries that weight decay acts on.
    room
        Most iterations between two reports.
    batches
        Fresh data for every iteration, if the objective's own don't serve for all.
    balancing
        How the terms' weights move, if they do. Where they do, or were given, the state has them as `weights` (S, T).
    """

    objective: Objective
    optimizer: OptimizerSettings
    start: State
    free: np.ndarray
    decay: np.ndarray
    room: int
    batches: Batches | None = None
    balancing: Balancing | None = None

    @property
    def seeds(self) -> int:
        """Number S of parameter vectors."""
        return len(self.start["theta"])

    @property
    def iterations(self) -> int:
        """Iterations of the whole phase."""
        return int(self.optimizer.settings["iterations"])


class Runner(Protocol):
    """What an engine does for the loop: run chunks of iterations, hand over state and logs."""

    def advance(self, base: int, target: int) -> bool:
        """Go on until every running seed has made `target` iterations; whether any still runs.

        Iteration i is logged in column i - base.
        """
        ...

    def collect(self, count: int) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """Own arrays of the flat state, and of the logs' first `count` columns; the logs are empty from then on."""
        ...


def empty_logs(phase: Phase) -> dict[str, np.ndarray]:
    """Logs of iterations that nobody has made: NaN, and nothing rejected; of the weights where the state has them."""
    seeds, room, terms = phase.seeds, phase.room, len(phase.objective.terms)
    weights = {"weights": np.full((seeds, room, terms), np.nan)} if "weights" in phase.start else {}
    return {
        "total": np.full((seeds, room), np.nan),
        "terms": np.full((seeds, room, terms), np.nan),
        "gradient_norm": np.full((seeds, room), np.nan),
        "learning_rate": np.full((seeds, room), np.nan),
        "rejected": np.zeros((seeds, room), bool),
        **weights,
    }


def _phase(
    objective: Objective,
    theta: np.ndarray,
    optimizer: OptimizerSettings,
    free: np.ndarray,
    report_every: int,
    state: Mapping[str, np.ndarray] | None,
    decay: np.ndarray | None,
    batches: Batches | None,
    balancing: Balancing | None,
    weights: np.ndarray | None,
) -> Phase:
    check_optimizer(optimizer)
    if report_every < 1:
        raise OptionError(f"`report_every` needs a whole number >= 1, not {report_every!r}.")
    theta = np.array(theta, dtype=float)
    if theta.ndim != 2:
        raise ModelError(f"`minimise` needs θ of shape (S, P), not {theta.shape}.")
    check_batches(batches, optimizer, len(theta))
    size = theta.shape[1]
    balancing = checked_balancing(balancing, objective, optimizer, size)
    start = begin(optimizer, theta, len(objective.terms))
    own = starting_weights(objective, len(theta), balancing, weights, state)
    if own is not None:
        start["weights"] = own
    return Phase(
        objective,
        optimizer,
        start if state is None else restore(start, state),
        np.broadcast_to(np.asarray(free, bool), (size,)),
        np.ones(size, bool) if decay is None else np.asarray(decay, bool),
        int(report_every),
        batches,
        balancing,
    )


def _report(objective: Objective, runner: Runner, base: int, reached: int) -> Report:
    state, logs = runner.collect(reached - base)
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
        state=state,
        weights={n: found["weights"][..., i].copy() for i, n in enumerate(objective.terms) if "weights" in found},
    )


def minimise(
    make: Callable[[Phase], Runner],
    objective: Objective,
    theta: np.ndarray,
    optimizer: OptimizerSettings,
    free: np.ndarray,
    callback: Callable[[Report], bool],
    report_every: int = 50,
    state: Mapping[str, np.ndarray] | None = None,
    decay: np.ndarray | None = None,
    batches: Batches | None = None,
    balancing: Balancing | None = None,
    weights: np.ndarray | None = None,
) -> Minimised:
    """Run a phase on the engine that `make` makes a runner of; see `Engine.minimise`.

    Seeds that finish early leave NaN in the rest of the logs. The result doesn't depend on `report_every`, nor
    on where a run was interrupted and resumed.
    """
    phase = _phase(objective, theta, optimizer, free, report_every, state, decay, batches, balancing, weights)
    runner: Any = make(phase)
    room, iterations = phase.room, phase.iterations
    base = int(np.max(phase.start["iteration"]))
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
        last = _report(objective, runner, base, reached)
        base = last.iteration
        over = base >= iterations or not (last.finished == 0).any()
        go_on = callback(last)
        if over or not go_on:
            return Minimised(last, stopped=not go_on and not over)


def _next_pace(pace: int, made: int, took: float, room: int) -> int:
    """Iterations of the next chunk, after one of `made` iterations took that many seconds."""
    return int(np.clip(made * PATIENCE / max(took, 1e-9), 1, min(GROWTH * pace, room)))
