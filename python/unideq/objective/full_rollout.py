"""The program of `Trajectory` on a stepper: a rollout from every trajectory's first snapshot through its times."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ..errors import DataError, OptionError
from ..times import whole_steps
from .black_box import is_black_box
from .comparison import compared, masked, stepper_of
from .estimation_problem import EstimationProblem
from .program import Given, LossProgram, Rollout
from .series import Series

__all__ = ["first_states", "full_rollout", "step_numbers"]


def full_rollout(problem: EstimationProblem, rows: Sequence[tuple[int, Series]]) -> LossProgram:
    """The program.

    Parameters
    ----------
    rows
        (index of the trajectory, the part of it that is compared).
    """
    model = stepper_of(problem)
    if is_black_box(model):
        raise OptionError(
            "`Trajectory` differentiates through the whole rollout, but the stepper's step is a NumPy function without "
            'derivative. Use `Unrolled(gradient="none")` or `"one_step"`.'
        )
    numbers = [step_numbers(model.dt, s, s.times) for _, s in rows]
    later = [n[n > 0] for n in numbers]
    if not any(len(n) for n in later):
        raise DataError("A rollout needs two snapshots of a trajectory at least: nothing is left to compare with.")
    every = math.gcd(*(int(k) for n in later for k in n))
    count = max(int(n[-1]) for n in later if len(n)) // every
    series = [s for _, s in rows]
    data = {"start": first_states(problem)[[i for i, _ in rows]], "t": np.array([s.start for s in series])}
    conditions = problem.given_rows
    if conditions is not None:
        data["c"] = conditions[[i for i, _ in rows]]
    targets: dict[str, np.ndarray] = {}
    for name, shape in problem.observations.shapes.items():
        values = np.full((len(rows), count, *shape), np.nan)
        for row, (s, n) in enumerate(zip(series, numbers, strict=True)):
            values[row, n[n > 0] // every - 1] = s.values[name][n > 0]
        targets.update(masked(problem, name, values))
    observe = problem.observe_graph(with_states=False)
    rollout = Rollout("roll", problem.rebased(model.step), observe, data, model.dt, count * every, every)
    return compared(problem, rollout, Given("target", targets))


def first_states(problem: EstimationProblem) -> np.ndarray:
    """(trajectories, n): the measured states that rollouts start at."""
    values = problem.guesses
    count = len(problem.observations)
    return np.concatenate([values[s.name].reshape(count, s.size) for s in problem.model.states], axis=1)


def step_numbers(dt: float, s: Series, times: np.ndarray) -> np.ndarray:
    """The step of a rollout from the trajectory's start that reaches each of these times.

    Raises
    ------
    DataError
        For times between two steps.
    """
    numbers, reached = whole_steps(times, s.start, dt)
    off = np.flatnonzero(~reached)
    if len(off):
        raise DataError(
            f"Time {times[off[0]]:g} of trajectory {s.label!r} lies between two steps: the stepper's dt is {dt:g}, "
            f"the trajectory starts at {s.start:g}. Interpolate the data, or make a stepper with a dt that divides it."
        )
    return numbers
