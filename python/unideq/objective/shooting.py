"""`MultipleShooting`: short solutions over groups of measurements, tied together by a continuity term.

Short horizons keep the loss landscape smooth for oscillating and chaotic systems (Bock 1983; Ribeiro et al. 2020).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..checks import choice, known_arguments, number, settle, whole
from ..errors import DataError, ModelError, OptionError
from ..graph import Expression, Graph, constant, variable
from ..graph.location import warn_user
from ..model import Entry
from ..stored import stored
from .alternatives import with_rankings
from .estimation_problem import EstimationProblem
from .objective import Objective
from .own_times import padded, real_times
from .program import LossProgram
from .series import Series
from .starts import measured_as

__all__ = ["MultipleShooting"]

STARTS = ("free", "data")
_STEADY = 0.01
"""Spread, relative to its size, that a state is taken to have at least."""


@dataclass(frozen=True)
class Segment:
    """Times first … last (indices) of one trajectory; a trajectory's first segment starts at its initial state."""

    trajectory: int
    first: int
    last: int

    @property
    def leads(self) -> bool:
        return self.first == 0


@stored
@known_arguments
@dataclass(frozen=True)
class MultipleShooting(Objective):
    """Misfit of short solutions, plus the jumps between them.

    Parameters
    ----------
    group_size
        Measurements a segment, its first and last shared with its neighbours; at least 2.
    continuity
        Weight of the mean squared jump between a segment's end and the next one's start, in units of the states'
        scales: the spread of the measurements; of a state that isn't measured, its own spread over the segments, so
        that nothing is gained by shrinking it.
    starts
        `free`: every segment's start is estimated (works with partial observation). `data`: segments start at the
        measured values themselves (every state must be measured there); no quantity is added.
    """

    kind: ClassVar[str] = "multiple_shooting"
    group_size: int = 5
    continuity: float = 10.0
    starts: str = "free"

    def __post_init__(self) -> None:
        settle(self, whole, "group_size", least=2)
        settle(self, number, "continuity", above=0)
        settle(self, choice, "starts", choices=STARTS)

    def segments(self, problem: EstimationProblem) -> list[Segment]:
        """All segments, trajectory by trajectory."""
        result = []
        step = self.group_size - 1
        for i, s in enumerate(problem.observations.series):
            count = len(s.times)
            if count == 0:  # a trajectory that is held out altogether
                continue
            for first in range(0, max(count - 1, 1), step):
                result.append(Segment(i, first, min(first + step, count - 1)))
        return result

    def entries(self, problem: EstimationProblem) -> list[Entry]:
        later = [g for g in self.segments(problem) if not g.leads]
        if self.starts == "data" or not later:
            return []
        result = []
        for state in problem.model.states:
            # Bounds of an initial value say nothing about later times; a positive state stays positive.
            lower = 0.0 if state.positive else None
            scale = problem.state_scales[state.name]
            shape = (len(later), *state.shape)
            words = f"segment starts of {state.name}"
            result.append(
                Entry(f"segments.{state.name}", shape, "segment", True, lower, None, scale, state.units, words)
            )
        return result

    def guesses(self, problem: EstimationProblem) -> dict[str, np.ndarray]:
        if self.starts == "data" or all(g.leads for g in self.segments(problem)):
            return {}
        return {f"segments.{n}": v for n, v in self._starts(problem, strict=False).items()}

    def _starts(self, problem: EstimationProblem, strict: bool) -> dict[str, np.ndarray]:
        """State → values (later segments, *shape) at the segments' starts, interpolated between measurements."""
        later = [g for g in self.segments(problem) if not g.leads]
        result, series = {}, problem.observations.exact(problem.loss).series
        for state in problem.model.states:
            observable = measured_as(problem.model, problem.observations, state.name)
            if observable is None and strict:
                raise ModelError(
                    f'`starts="data"` needs every state measured; `{state.name}` isn\'t. Use `starts="free"`.'
                )
            rows = []
            for g in later:
                s = series[g.trajectory]
                guess = problem.guesses[state.name][g.trajectory]
                if strict and observable is not None and not np.isfinite(s.values[observable][g.first]).all():
                    raise DataError(
                        f'`starts="data"` needs `{state.name}` measured where segments start; it isn\'t at time '
                        f'{s.times[g.first]:g} of trajectory {s.label!r}. Use `starts="free"` or another group size.'
                    )
                rows.append(guess if observable is None else _interpolated(s, observable, g.first, guess))
            values = np.stack(rows) if rows else np.zeros((0, *state.shape))
            if state.positive and not strict:
                values = np.maximum(values, 1e-3 * problem.state_scales[state.name])
            result[state.name] = values
        return result

    def check(self, problem: EstimationProblem) -> None:
        super().check(problem)
        if problem.resting:
            raise OptionError(
                "`MultipleShooting` estimates where its pieces start, and the model begins at its steady state. Take "
                "`Trajectory()`."
            )
        decided = next((s.name for s in problem.model.states if s.algebraic), None)
        if decided is not None:
            raise OptionError(
                f"`MultipleShooting` estimates all states where its pieces start, and `{decided}` is algebraic. Take "
                "`Trajectory()`."
            )
        if problem.model.delays:
            raise OptionError(
                "`MultipleShooting` starts pieces anew, and the model reads what was before "
                f"(`state.lag({problem.model.delays[0]:g})`). Take `Trajectory()`."
            )
        if problem.loss.whole:
            raise OptionError("`SeriesLoss` sees whole series, which `MultipleShooting` cuts: take `Trajectory()`.")

    def build(self, problem: EstimationProblem) -> LossProgram:
        segments = self.segments(problem)
        if all(g.leads for g in segments) and (most := max(len(s.times) for s in problem.observations.series)) > 2:
            warn_user(
                f"`MultipleShooting({self.group_size})` leaves every trajectory in one piece (they have at most {most} "
                "times), which is `Trajectory()`. Make the groups smaller, e.g. 5."
            )
        theta = problem.theta()
        series = problem.observations.series
        parts = [series[g.trajectory].select(slice(g.first, g.last + 1)) for g in segments]
        times = padded([s.times for s in parts])
        start = np.array(
            [series[g.trajectory].start if g.leads else series[g.trajectory].times[g.first] for g in segments]
        )
        u0 = self._initial(problem, segments, theta)
        integration = problem.integration(
            "`MultipleShooting`", u0, [g.trajectory for g in segments], start, times, with_states=True
        )
        arrays = {name: variable(name, shape) for name, shape in integration.shapes.items()}
        predicted = {n: arrays[f"solve.observed.{n}"] for n in problem.observations.names}
        terms, weights = problem.data_terms(predicted, parts, theta)
        followed = [k for k, g in enumerate(segments[:-1]) if segments[k + 1].trajectory == g.trajectory]
        if followed:
            ends = arrays["solve.state"][:, -1, :]
            jump: Any = ends[followed] - u0[[k + 1 for k in followed]]
            both: Any = np.concatenate([u0, ends], axis=0)
            sizes = _squared_sizes(problem, both)
            terms["continuity"] = np.mean(jump * jump / sizes)
            weights["continuity"] = float(self.continuity)
        counted = real_times([g.last - g.first + 1 for g in segments])
        ends = np.append(np.diff([g.trajectory for g in segments]) > 0, True)
        costs = {n: arrays[f"solve.cost.{n}"] for n in problem.costs}
        more, extra = problem.extra_terms(theta, costs, counted, ends)
        loss = Graph((*arrays.values(), theta), {**terms, **more})
        return with_rankings(problem, LossProgram((integration,), loss, {**weights, **extra}))

    def _initial(self, problem: EstimationProblem, segments: list[Segment], theta: Expression) -> Expression:
        """(segments, n): initial states for leading segments, free or measured starts for the others."""
        leading = problem.initial_states(theta)
        if all(g.leads for g in segments):
            return leading[[g.trajectory for g in segments]]
        given = self._starts(problem, strict=True) if self.starts == "data" else None
        columns = []
        for state in problem.model.states:
            view = constant(given[state.name]) if given else problem.layout.view(theta, f"segments.{state.name}")
            columns.append(view.reshape(-1, state.size))
        later: Any = np.concatenate(columns, axis=1)
        order, used = [], 0
        for g in segments:
            if g.leads:
                order.append(g.trajectory)
            else:
                order.append(len(problem.observations) + used)
                used += 1
        return np.concatenate([leading, later], axis=0)[order]  # type: ignore[return-value]


def _squared_sizes(problem: EstimationProblem, values: Expression) -> Expression:
    """(n,): squared scales of the states, from measurements or from the states' own values (2 · segments, n).

    A scale taken from the guess of an unmeasured state would make its jumps small where the whole state is small.
    """
    columns = []
    for state, own in problem.model.states.split(values).items():
        scale = problem.state_scales[state]
        if measured_as(problem.model, problem.observations, state) is not None:
            columns.append(constant(np.full(problem.model.states[state].size, scale**2)))
            continue
        spread = np.mean((own - np.mean(own)) ** 2) + _STEADY**2 * np.mean(own**2) + (_STEADY**3 * scale) ** 2
        columns.append(np.broadcast_to(spread, (problem.model.states[state].size,)))
    return np.concatenate(columns)  # type: ignore[return-value]


def _interpolated(s: Series, name: str, index: int, guess: np.ndarray) -> np.ndarray:
    values = s.values[name]
    row = np.array(guess, dtype=float)
    for at in np.ndindex(row.shape):
        column = values[(slice(None), *at)]
        finite = np.isfinite(column)
        if finite.any():
            row[at] = np.interp(s.times[index], s.times[finite], column[finite])
    return row
