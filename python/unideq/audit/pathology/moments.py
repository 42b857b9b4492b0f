"""`Moments`: a residual fit's parameters, weights and learning rates at times of its training, for the audit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ...engine.protocol import Engine
from ...objective.program import LossProgram

if TYPE_CHECKING:
    from ...objective.weighting_rules import Causal
    from ...residual import ResidualProblem

__all__ = ["Moments", "moments_of"]


@dataclass(frozen=True)
class Moments:
    """A residual fit's training, seen at K moments; the first is its start.

    Attributes
    ----------
    problem
        What was fitted.
    engine
        Who computes gradients.
    iterations
        (K,), rising.
    theta
        (K, P).
    learning_rate
        (K,); NaN where the phase has none to be limited (line searches, Gauss–Newton).
    weights
        Term → its weights (K,), where they differ from the term's own.
    terms
        Term → its unweighted training values, an entry an iteration; empty where they weren't logged.
    weight_log
        Term → its weights, an entry an iteration; empty where they didn't move.
    balance
        Name of the rule that was at work, e.g. `LearningRateAnnealing`; empty without one.
    causal
        Causal weights at the end of training.
    training
        The objective of the last stage at the points that it trained on last; None where they aren't known.
    total
        The weighted total (iterations of the last stage,), as training logged it.
    """

    problem: ResidualProblem
    engine: Engine
    iterations: np.ndarray
    theta: np.ndarray
    learning_rate: np.ndarray
    weights: Mapping[str, np.ndarray] = field(default_factory=dict)
    terms: Mapping[str, np.ndarray] = field(default_factory=dict)
    weight_log: Mapping[str, np.ndarray] = field(default_factory=dict)
    balance: str = ""
    causal: Causal | None = None
    training: LossProgram | None = None
    total: np.ndarray = field(default_factory=lambda: np.zeros(0))

    @property
    def still_falling(self) -> float:
        """By what factor the total fell in the last fifth of the last stage, medians compared; NaN where it's short."""
        tail = self.total[np.isfinite(self.total) & (self.total > 0.0)]
        width = len(tail) // 20
        if not width:
            return float("nan")
        before = tail[len(tail) - 5 * width :][:width]  # a twentieth, a fifth before the end
        return float(np.median(before) / np.median(tail[-width:]))

    def weights_of(self, terms: Sequence[str], own: Mapping[str, float]) -> np.ndarray:
        """(K, T): weights at the moments, the terms' own where nothing else is known."""
        columns = []
        for name in terms:
            base = np.full(len(self.iterations), float(own.get(name, 1.0)))
            found = np.asarray(self.weights.get(name, base), dtype=float)
            columns.append(np.where(np.isfinite(found), found, base))
        return np.stack(columns, axis=1)

    @property
    def later(self) -> np.ndarray:
        """(K,) bool: moments of the second half of training, the last one at least."""
        return self.iterations >= 0.5 * self.iterations[-1]


def moments_of(fit: Any, seed: int | None = None, count: int = 8) -> Moments:
    """What a residual fit has kept of its training.

    Parameters
    ----------
    fit
        Of a `ResidualProblem`.
    seed
        Which member; None: the best.
    count
        Largest number of moments; the first and the last are always among them.

    Raises
    ------
    OptionError
        If there is no such seed.
    """
    record = fit.record
    seeds = list(record.settings.seeds)
    member = seeds.index(fit.member(seed))
    logs = record.history.joined(len(seeds))
    last = logs["total"].shape[1]
    times = [int(k) for k in record.history.snapshot_iteration]
    states = [np.asarray(theta)[member] for theta in record.history.snapshot_theta]
    if not times or times[0] != 0:
        times, states = [0, *times], [record.model.initial_theta(seeds[member]), *states]
    if times[-1] < last or not np.array_equal(states[-1], record.chosen_theta[member]):
        times, states = [*times, max(last, times[-1] + 1)], [*states, record.chosen_theta[member]]
    chosen = np.unique(np.linspace(0, len(times) - 1, min(count, len(times))).round().astype(int))
    iterations = np.array(times)[chosen]
    at = np.clip(iterations, 0, max(last - 1, 0))
    rates = np.where(_first_order(record)[logs["stage"]], logs["learning_rate"][member], np.nan)
    moving = {name: values[member] for name, values in logs.get("weights", {}).items()}
    return Moments(
        record.model,
        fit.engine,
        iterations,
        np.stack([states[k] for k in chosen]),
        rates[at] if last else np.full(len(at), np.nan),
        {name: values[at] for name, values in moving.items()} if last else {},
        {name: values[member] for name, values in logs["terms"].items()},
        moving,
        "" if record.settings.balance.rule is None else type(record.settings.balance.rule).__name__,
        record.settings.stages()[-1].objective.causal,
        _trained_on(record),
        logs["total"][member][logs["stage"] == logs["stage"][-1]] if last else np.zeros(0),
    )


def _trained_on(record: Any) -> LossProgram:
    """The last stage's objective at its last points."""
    from ...training.stage_points import StagePoints

    stages = record.settings.stages()
    number = min(record.stage, len(stages) - 1)
    stage = stages[number]
    points = StagePoints(stage.objective, record.model, number, dict(record.points))
    done = record.iteration if record.stage < len(stages) else stage.iterations
    program = replace(stage.objective, causal=None).build(record.model)
    return program.with_data(points.at(max(done - 1, 0)))


def _first_order(record: Any) -> np.ndarray:
    """Stage → whether its learning rate is a fixed step along a direction."""
    return np.array([s.phase.first_order for s in record.settings.stages()], dtype=bool)
