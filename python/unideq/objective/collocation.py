"""`Collocation`: match the right-hand side to the derivative of smoothed data, without solving anything.

A cheap pre-training (Varah 1982; Roesch, Rackauckas & Stumpf 2021): smooth every state, then regress. The smoothing
biases it, so follow it by `MultipleShooting` or `Trajectory`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from ..checks import known_arguments, number, settle, whole
from ..errors import DataError, ModelError, OptionError
from ..graph import Graph, variable
from ..model import State
from ..stored import stored
from .alternatives import with_rankings
from .estimation_problem import EstimationProblem
from .objective import Objective
from .program import LossProgram, Pointwise
from .series import Series
from .starts import measured_as

__all__ = ["Collocation", "smoothed"]

MOST_POINTS = 1_000_000
"""More than this say nothing new about any smoothed curve, and fill the memory."""


@stored
@known_arguments
@dataclass(frozen=True)
class Collocation(Objective):
    """Mean squared difference between f(t, û, θ) and dû/dt at points of the smoothed data û, in units of its spread.

    Costs (those over times) are averaged over the same points; factors of the loss's `weights` apply, its form doesn't.

    Parameters
    ----------
    points
        Collocation points a trajectory, evenly spread over its times; default: twice the number of measurements.
    smoothing
        Penalty of the cubic smoothing spline (0: interpolation); default: chosen by generalised cross-validation.
    """

    kind: ClassVar[str] = "collocation"
    solves: ClassVar[bool] = False
    points: int | None = None
    smoothing: float | None = None

    def __post_init__(self) -> None:
        settle(self, whole, "points", least=2, most=MOST_POINTS, none=True)
        settle(self, number, "smoothing", least=0, none=True)

    def build(self, problem: EstimationProblem) -> LossProgram:
        for name, cost in problem.costs.items():
            if cost.over != "times":
                raise OptionError(
                    f'`Collocation` solves nothing, so the cost `{name}` has no `over="{cost.over}"`. Take '
                    "`Trajectory` or `MultipleShooting`."
                )
        if problem.happening:
            raise OptionError(
                "`Collocation` smooths measurements, and events make the states jump "
                f"(`{problem.model.triggers[0].name}`). Use `MultipleShooting` or `Trajectory`."
            )
        decided = next((s.name for s in problem.model.states if s.algebraic), None)
        if decided is not None:
            raise OptionError(
                f"`Collocation` compares slopes, and `{decided}` is algebraic: its equation has none. "
                "Take `Trajectory()`."
            )
        if problem.model.delays:
            raise OptionError(
                "`Collocation` looks at single times, and the model reads what was before "
                f"(`state.lag({problem.model.delays[0]:g})`). Take `Trajectory()`."
            )
        problem = replace(problem, picking=True)
        measured = _observables(problem)
        smooth = {i: s for i, s in enumerate(problem.observations.exact(problem.loss).series) if len(s.times) >= 3}
        parts = [self._points(problem, measured, s) for s in smooth.values()]
        if not parts:
            raise DataError("`Collocation` needs a trajectory with at least 3 measured times.")
        counts = [len(times) for times, _, _ in parts]
        times, states, slopes = (np.concatenate(p) for p in zip(*parts, strict=True))
        theta = problem.theta()
        graph = problem.rebased(problem.model.continuous("`Collocation`"))
        outputs = {"du": graph.outputs["du"], **problem.cost_outputs("times")}
        data = {"t": times, "u": states}
        rows = problem.given_rows
        if rows is not None:
            data["c"] = np.repeat(rows[list(smooth)], counts, axis=0)
        source = Pointwise("points", Graph(graph.inputs, outputs), data)
        arrays = {name: variable(name, shape) for name, shape in source.shapes.items()}
        residual: Any = (arrays["points.du"] - slopes) * (1.0 / _scales(problem, slopes))
        terms: dict[str, Any] = {}
        weights: dict[str, float] = {}
        for state in problem.model.states:
            part = residual[:, problem.model.states.windows[state.name]]
            terms[state.name] = np.mean(part * part)
            weights[state.name] = float(problem.loss.weights.get(measured[state.name], 1.0))
        more, extra = problem.extra_terms(theta, {n: arrays[f"points.cost.{n}"] for n in problem.costs})
        loss = Graph((*arrays.values(), theta), {**terms, **more})
        return with_rankings(problem, LossProgram((source,), loss, {**weights, **extra}))

    def _points(
        self, problem: EstimationProblem, measured: Mapping[str, str], s: Series
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Times (M,), smoothed states (M, n) and their slopes (M, n), measured before and after."""
        columns: list[tuple[State, np.ndarray]] = []
        for state in problem.model.states:
            values = s.values[measured[state.name]].reshape(len(s.times), state.size)
            columns += [(state, values[:, k]) for k in range(state.size)]
        finite = [np.flatnonzero(np.isfinite(column)) for _, column in columns]
        for (state, _), where in zip(columns, finite, strict=True):
            if len(where) < 3:
                raise DataError(
                    f"`Collocation` needs at least 3 measurements of `{state.name}` in each trajectory; "
                    f"trajectory {s.label!r} has {len(where)}."
                )
        first, last = max(s.times[w[0]] for w in finite), min(s.times[w[-1]] for w in finite)
        if first >= last:
            raise DataError(
                f"`Collocation`: the states of trajectory {s.label!r} are never measured in the same period."
            )
        grid = np.linspace(first, last, self.points or 2 * len(s.times))
        u, du = np.empty((len(grid), len(columns))), np.empty((len(grid), len(columns)))
        for at, (state, column) in enumerate(columns):
            u[:, at], du[:, at] = smoothed(s.times, column, grid, self.smoothing)
            if state.positive:
                u[:, at] = np.maximum(u[:, at], 1e-3 * problem.state_scales[state.name])
        return grid, u, du


def _observables(problem: EstimationProblem) -> dict[str, str]:
    """State → the observable that measures it."""
    result = {}
    for state in problem.model.states:
        observable = measured_as(problem.model, problem.observations, state.name)
        if observable is None:
            raise ModelError(
                f"`Collocation` needs every state measured; `{state.name}` isn't. Use `MultipleShooting` instead."
            )
        result[state.name] = observable
    return result


def _scales(problem: EstimationProblem, slopes: np.ndarray) -> np.ndarray:
    """(n,): the slopes' standard deviations; a state's size over the time span where they don't vary."""
    spans = [s.times[-1] - s.times[0] for s in problem.observations.series if len(s.times) >= 3]
    typical = np.concatenate([np.full(s.size, problem.state_scales[s.name]) for s in problem.model.states]) / max(spans)
    deviation = slopes.std(axis=0)
    return np.where(deviation > 1e-6 * typical, deviation, typical)


def smoothed(
    times: np.ndarray, values: np.ndarray, grid: np.ndarray, smoothing: float | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """A smoothing spline's values and slopes on a grid; NaN is left out.

    Cubic smoothing spline with the penalty chosen by generalised cross-validation (Woltring 1986) where at least 5
    values were measured, interpolating spline (PCHIP) for fewer.
    """
    from scipy.interpolate import PchipInterpolator, make_smoothing_spline

    finite = np.isfinite(values)
    x, y = times[finite], values[finite]
    if len(x) < 5:
        curve: Any = PchipInterpolator(x, y, extrapolate=True)
    else:
        curve = make_smoothing_spline(x, y, lam=smoothing)
    return np.asarray(curve(grid)), np.asarray(curve.derivative()(grid))
