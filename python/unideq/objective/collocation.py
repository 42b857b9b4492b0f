"""`Collocation`: match the right-hand side to the derivative of smoothed data, without solving anything.

A cheap pre-training (Varah 1982; Roesch, Rackauckas & Stumpf 2021): smooth every state, then regress. The smoothing
biases it, so follow it by `MultipleShooting` or `Trajectory`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..errors import DataError, ModelError, OptionError
from ..graph import Graph, variable
from .base import ObjectiveSpecification, register_objective
from .problem import Problem, _measured_as
from .program import Objective, Pointwise

__all__ = ["Collocation", "smoothed"]


@register_objective
@dataclass(frozen=True)
class Collocation(ObjectiveSpecification):
    """Mean squared difference between f(t, û, θ) and dû/dt at points of the smoothed data û.

    Parameters
    ----------
    points
        Collocation points a trajectory, evenly spread over its times; default: twice the number of measurements.
    smoothing
        Penalty of the cubic smoothing spline (0: interpolation); default: chosen by generalised cross-validation.
    """

    kind: ClassVar[str] = "collocation"
    points: int | None = None
    smoothing: float | None = None

    def __post_init__(self) -> None:
        if self.points is not None and self.points < 2:
            raise OptionError(f"`Collocation` needs at least 2 points, not {self.points!r}.")
        if self.smoothing is not None and self.smoothing < 0:
            raise OptionError(f"`Collocation` needs a smoothing >= 0, not {self.smoothing!r}.")

    def build(self, problem: Problem) -> Objective:
        theta = problem.theta()
        times, states, slopes = [], [], []
        for s in problem.observations.series:
            if len(s.times) < 3:
                continue
            grid = np.linspace(s.times[0], s.times[-1], self.points or 2 * len(s.times))
            u, du = np.empty((len(grid), problem.model.size)), np.empty((len(grid), problem.model.size))
            for state in problem.model.states:
                observable = _measured_as(problem.model, problem.observations, state.name)
                if observable is None:
                    raise ModelError(
                        f"`Collocation` needs every state measured; `{state.name}` isn't. Use `MultipleShooting` instead."
                    )
                window = problem.model.states.windows[state.name]
                columns = s.values[observable].reshape(len(s.times), state.size)
                for k in range(state.size):
                    at = window.start + k
                    u[:, at], du[:, at] = smoothed(s.times, columns[:, k], grid, self.smoothing, state.name)
            times.append(grid)
            states.append(u)
            slopes.append(du)
        if not times:
            raise DataError("`Collocation` needs a trajectory with at least 3 measured times.")
        target: Any = np.concatenate(slopes)
        source = Pointwise(
            "points",
            problem.rebased(problem.model.vector_field),
            {"t": np.concatenate(times), "u": np.concatenate(states)},
        )
        arrays = {name: variable(name, shape) for name, shape in source.shapes.items()}
        scale = target.std(axis=0)
        scale = np.where(scale > 0, scale, 1.0)
        residual: Any = (arrays["points.du"] - target) * (1.0 / scale)
        terms: dict[str, Any] = {}
        for state in problem.model.states:
            part = residual[:, problem.model.states.windows[state.name]]
            terms[state.name] = np.mean(part * part)
        more, extra = problem.extra_terms(theta, {})
        loss = Graph((*arrays.values(), theta), {**terms, **more})
        return Objective((source,), loss, {**dict.fromkeys(terms, 1.0), **extra})


def smoothed(
    times: np.ndarray, values: np.ndarray, grid: np.ndarray, smoothing: float | None, name: str = "values"
) -> tuple[np.ndarray, np.ndarray]:
    """A smoothing spline's values and slopes on a grid; NaN is left out.

    Cubic smoothing spline with the penalty chosen by generalised cross-validation (Woltring 1986) where at least 5 values
    were measured, interpolating spline (PCHIP) for fewer.
    """
    from scipy.interpolate import PchipInterpolator, make_smoothing_spline

    finite = np.isfinite(values)
    x, y = times[finite], values[finite]
    if len(x) < 3:
        raise DataError(f"`Collocation` needs at least 3 measurements of `{name}` in each trajectory; one has {len(x)}.")
    if len(x) < 5:
        curve: Any = PchipInterpolator(x, y, extrapolate=True)
    else:
        curve = make_smoothing_spline(x, y, lam=smoothing)
    return np.asarray(curve(grid)), np.asarray(curve.derivative()(grid))
