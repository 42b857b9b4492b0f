"""`FilterLikelihood`: how probable measurements are that see part of an `SDE`'s states, through noise.

A filter is a rollout: its state is the mean and the covariance of the states given what was measured so far, its steps
lead from one measured time to the next, and their inputs are the measurements.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np

from ..checks import known_arguments, known_keys, mapping, number, settle, whole
from ..errors import DataError, OptionError
from ..graph import Expression, Graph, constant, rebuild, substitute, variable
from ..model.stochastic.diffusion import along
from ..model.stochastic.moments import conditioned, propagated
from ..stored import stored
from .estimation_problem import EstimationProblem
from .losses import GaussianLikelihood
from .objective import Objective
from .observations import Observations
from .own_times import padded_values
from .program import Given, LossProgram, Rollout
from .starts import measured_as
from .stochastic import sde_of

__all__ = ["FilterLikelihood", "counted", "filter_rollout"]

WHO = "`FilterLikelihood`"
EXACT = 1e-6
"""Standard deviation, in scales, of measurements that are taken for exact."""


@stored
@known_arguments
@dataclass(frozen=True)
class FilterLikelihood(Objective):
    """−ln of the density of all measurements, averaged over them, by an extended Kalman filter; for `SDE`s.

    For states that are measured in part, at any times, with noise: `loss="gaussian"` estimates its standard deviation,
    or takes one that is known. Mean and covariance are carried between measurements by their differential equations,
    second derivatives included; a measurement is linearised about the mean. Exact for linear equations with additive
    noise and linear observations.

    Parameters
    ----------
    substeps
        Steps of the classical Runge–Kutta scheme from one measured time to the next.
    spread
        State → standard deviation, in its units, of what is known of it before the first measurement; its mean is the
        model's `initial`, or the mean of its measurements. Default: the spread of its measurements, or the size of its
        initial value.

    Examples
    --------
    >>> import unideq as ude
    >>> ude.FilterLikelihood(substeps=2, spread={"velocity": 0.5}).substeps
    2
    """

    kind: ClassVar[str] = "filter"
    solves: ClassVar[bool] = False
    substeps: int = 1
    spread: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        settle(self, whole, "substeps", least=1, most=100)
        given = mapping(self.spread, "spread", "FilterLikelihood", needs="a dict state → standard deviation", none=True)
        known = {n: float(number(v, f"spread: {n}", "FilterLikelihood", above=0)) for n, v in (given or {}).items()}
        object.__setattr__(self, "spread", known)

    def check(self, problem: EstimationProblem) -> None:
        model = sde_of(problem)
        known_keys(self.spread, model.states.names, "state")
        loss = problem.loss
        if not isinstance(loss, GaussianLikelihood) or loss.beside or loss.limited:
            raise OptionError(
                f"{WHO} knows normal noise of the measurements, one standard deviation a variable: write "
                '`loss="gaussian"`, or `loss=ude.GaussianLikelihood(sigma={...})` where it is known. Where states are '
                "measured exactly, take `ude.TransitionLikelihood()`."
            )
        if problem.observations.stream is not None:
            raise OptionError(f"{WHO} reads whole trajectories. Load the data.")

    def build(self, problem: EstimationProblem) -> LossProgram:
        return self.judged(problem, problem.observations)

    def judged(self, problem: EstimationProblem, everything: Observations) -> LossProgram:
        """The program that filters all measurements, and counts those of the problem."""
        problem = replace(problem, picking=True)
        rollout = filter_rollout(problem, everything, self)
        share = counted(problem.observations, everything) / problem.observations.count
        given = Given("counted", {"share": share})
        arrays = {n: variable(n, s) for n, s in {**rollout.shapes, **given.shapes}.items()}
        theta = problem.theta()
        more, weights = problem.extra_terms(theta, {})
        total: Any = np.sum(arrays["filter.cost"] * arrays["counted.share"])  # type: ignore[operator]
        loss = Graph((*arrays.values(), theta), {"likelihood": total, **more})
        return LossProgram((rollout, given), loss, {"likelihood": 1.0, **weights})


def filter_rollout(problem: EstimationProblem, observations: Observations, objective: Objective) -> Rollout:
    """The filter along all trajectories: `cost` (B, K), `mean` and `deviation` (B, K, n) given all measurements up to a
    time, and `predicted` and `expected` deviation (B, K, q) of the measurements before they were seen.

    Parameters
    ----------
    problem
        With `picking`; its loss says the noise, and without one measurements are exact.
    observations
        What is filtered.
    objective
        `FilterLikelihood`, or another one whose `substeps` count.
    """
    model, n = sde_of(problem), problem.model.size
    names = [name for name in observations.names if name in model.observables]
    q = sum(int(np.prod(observations.shapes[name])) for name in names)
    w = variable("w", (2 + 2 * q,))
    p, noise = variable("P", (n, n)), variable("R", (q,))
    mean, spread = propagated(model, w[1], model._u, p, w[0], getattr(objective, "substeps", 1))
    seen = [model.named_observation.outputs[name].reshape(-1) for name in names]
    whole: Any = np.concatenate(seen)
    rows: Any = np.stack([along(model, whole, constant(np.eye(n)[k])) for k in range(n)], axis=1)  # type: ignore[call-overload]
    at, slopes = rebuild([whole, rows], {model._u: mean, variable("t"): w[1] + w[0]})
    after, given, cost = conditioned(mean, spread, w[2 : 2 + q], at, slopes, noise, w[2 + q :])
    expected: Any = np.sum((slopes @ spread) * slopes, axis=1) + noise  # type: ignore[operator]
    following: Any = np.concatenate([after, given.reshape(-1), cost.reshape(1), at, expected])
    step = _over_moments(problem, model._named({"u": following}), n, p, noise, _noise(problem, names))
    theta, z = problem.theta(), variable("u", following.shape)
    diagonal: Any = np.stack([z[n + k * (n + 1)] for k in range(n)])  # type: ignore[call-overload]
    from_cost = n + n * n
    observe = {
        "cost": z[from_cost],
        "mean": z[:n],
        "deviation": np.sqrt(np.maximum(diagonal, 0.0)),
        "predicted": z[from_cost + 1 : from_cost + 1 + q],
        "expected": np.sqrt(z[from_cost + 1 + q :]),  # type: ignore[call-overload]
    }
    start, inputs = _start(problem, following.shape[0], objective), _inputs(observations, names)
    data = {"start": start, "t": np.zeros(len(start)), "w": inputs}
    conditions = problem.given_rows
    if conditions is not None:
        data["c"] = conditions
    return Rollout("filter", step, Graph([z, theta], observe), data, 1.0, inputs.shape[1])


def counted(part: Observations, everything: Observations) -> np.ndarray:
    """(B, K) 1 at the times of all measurements that are among those of a part, else 0."""
    pairs = zip(part.series, everything.series, strict=True)
    return padded_values([np.isin(whole.times, own.times).astype(float) for own, whole in pairs], 0.0)


def _over_moments(
    problem: EstimationProblem, named: Graph, n: int, p: Expression, noise: Expression, known: Expression
) -> Graph:
    """A graph of the mean, its covariance and the noise as one of the filter's state and θ."""
    graph = problem.rebased(problem.model.bound(named))
    z = variable("u", named.outputs["u"].shape)
    own: Any = z
    mapping = {problem.model._u: own[:n], p: own[n : n + n * n].reshape(n, n), noise: known}
    inputs = [z, *(i for i in graph.inputs if i not in {*mapping})]
    if "theta" not in [i.name for i in inputs]:
        inputs.append(problem.theta())
    return substitute(graph, mapping, tuple(inputs))


def _noise(problem: EstimationProblem, names: list[str]) -> Expression:
    """Variances of the measurements' errors, one number a measured number."""
    parts: list[Any] = []
    for name in names:
        size = int(np.prod(problem.observations.shapes[name]))
        sigma: Any = problem.noise(problem.theta(), name)
        sigma = constant(EXACT * problem.scales[name]) if sigma is None else sigma
        parts.append((sigma * sigma) * constant(np.ones(size)))
    return np.concatenate(parts)  # type: ignore[return-value]


def _start(problem: EstimationProblem, size: int, objective: Any) -> np.ndarray:
    """Means and covariances before the first measurement, (B, size of the filter's state)."""
    model, observations, n = problem.model, problem.observations, problem.model.size
    start, deviations = np.zeros((len(observations), size)), np.zeros(n)
    spread = getattr(objective, "spread", {})
    for state in model.states:
        window, observable = model.states.windows[state.name], measured_as(model, observations, state.name)
        guess = problem.guesses[state.name].reshape(len(observations), -1)
        if state.name not in model.initial and observable is not None:
            known = observations.pooled(observable).reshape(-1, state.size)
            guess = np.broadcast_to(np.nanmean(known, axis=0), guess.shape)
        start[:, window] = guess
        deviations[window] = spread.get(state.name, problem.state_scales[state.name])
    start[:, n : n + n * n] = np.diag(deviations**2).reshape(-1)
    return start


def _inputs(observations: Observations, names: list[str]) -> np.ndarray:
    """(B, K, 2 + 2q): of each step its length, the time that it starts at, what is measured at its end, and a mask."""
    rows = []
    for s in observations.series:
        if not len(s.times):
            raise DataError(f"{WHO} needs measurements in every trajectory, and {s.label!r} has none left.")
        values = np.concatenate([s.values[name].reshape(len(s.times), -1) for name in names], axis=1)
        mask = np.isfinite(values)
        before = np.concatenate([[s.times[0]], s.times[:-1]])
        rows.append(
            np.concatenate([(s.times - before)[:, None], before[:, None], np.where(mask, values, 0.0), mask], 1)
        )
    return padded_values(rows, 0.0)
