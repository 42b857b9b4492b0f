"""`TransitionLikelihood`: how probable measured states of an `SDE` make each other, one after the other."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from ..checks import choice, known_arguments, settle, whole
from ..errors import DataError
from ..graph import Graph, constant, variable
from ..model.stochastic.moments import LOG_2PI, conditioned, euler_moments, propagated
from ..stored import stored
from .estimation_problem import EstimationProblem
from .observations import Observations
from .program import LossProgram, Pointwise
from .stochastic import check_stochastic, sde_of
from .windowed import Windowed
from .windows import Snapshots, WindowBatch

__all__ = ["TransitionLikelihood"]

WHO = "`TransitionLikelihood`"
SMALLEST = 1e-12
"""Least variance of a transition, relative to the squared spread of a state, that counts as noise."""
LOOKED_AT = 200


@stored
@known_arguments
@dataclass(frozen=True)
class TransitionLikelihood(Windowed):
    """−ln of the density of each measured state given the one before, averaged over them; for `SDE`s measured whole.

    Maximum likelihood doesn't let the noise shrink to nothing: what the drift leaves unexplained has to be noise.
    Times may be unequal.

    Parameters
    ----------
    density
        `moments`: Gaussian, with mean and covariance carried over the whole interval by their differential equations,
        second derivatives included. Exact where the drift is linear and the noise additive (up to the steps' error);
        right in mean and covariance where the square of the diffusion is quadratic. `euler`: Gaussian by one step of
        Euler–Maruyama; cheap, and biased by the order of the interval.
    substeps
        Steps of the Runge–Kutta scheme in which `moments` crosses an interval.
    batch
        Transitions a mini-batch; None: all in every iteration.
    seed
        Of the order of the transitions.

    Examples
    --------
    >>> import unideq as ude
    >>> ude.TransitionLikelihood(batch=256).density
    'moments'
    """

    kind: ClassVar[str] = "transitions"
    solves: ClassVar[bool] = False
    density: str = "moments"
    substeps: int = 1
    batch: int | None = None
    seed: int = 0

    window: ClassVar[int] = 2
    before: ClassVar[int] = 1
    judged_by: ClassVar[int] = 4096

    def __post_init__(self) -> None:
        settle(self, choice, "density", choices=("moments", "euler"))
        settle(self, whole, "substeps", least=1, most=100)
        settle(self, whole, "batch", least=1, none=True)
        settle(self, whole, "seed", least=0)

    def check(self, problem: EstimationProblem) -> None:
        check_stochastic(problem, WHO)
        windows = self.windows(problem)
        self._check_noise(problem, windows.take(0, min(windows.count, LOOKED_AT)))

    def _check_noise(self, problem: EstimationProblem, windows: WindowBatch) -> None:
        """No density where a state has no noise, nor where a standard deviation is negative."""
        model, theta = sde_of(problem), problem.initial_theta(0)
        graph = self.transition(problem)
        (data,) = self.data(problem, windows)
        spread = np.concatenate([np.full(s.size, problem.state_scales[s.name]) for s in model.states])
        names = [n for n, s in zip(model.states.names, model.states, strict=True) for _ in range(s.size)]
        for k in range(len(windows)):
            values = {n: v[k] for n, v in data.items() if n in graph.input_names}
            found = graph.evaluate({**values, "theta": theta})
            where = f"at t = {windows.start[k]:g}"
            low = np.flatnonzero(~(found["variance"] > SMALLEST * spread**2))
            if len(low):
                more = (
                    'Take `density="moments"`, where the noise of others reaches it, or `ude.FilterLikelihood()`.'
                    if self.density == "euler"
                    else "Give it noise, or take `ude.FilterLikelihood()`, which knows noise of the measurement."
                )
                raise DataError(
                    f"{WHO} has no density {where}: there `{names[low[0]]}` has no noise (variance of its transition "
                    f"{found['variance'][low[0]]:.3g}). {more}"
                )
            if model.noise == "diagonal" and (found["deviation"] < 0).any():
                at = int(np.flatnonzero(found["deviation"] < 0)[0])
                raise DataError(
                    f"`diffusion` of `{names[at]}` is {found['deviation'][at]:.3g} {where}, and it is a standard "
                    'deviation, >= 0. Make it positive, e.g. `output_activation="softplus"` of its network, or '
                    "`np.abs(...)` of a formula."
                )

    def snapshots(self, problem: EstimationProblem, observations: Observations) -> Snapshots:
        found = Snapshots.of(problem.model, observations, WHO, spaced=False)
        found.values["time"] = found.times
        return found

    # ---- programs ---------------------------------------------------------------------------------------------

    def transition(self, problem: EstimationProblem) -> Graph:
        """From t, u, `next`, `span` (c, θ) to `cost`, and the `variance` and `deviation` that must not vanish."""
        model = sde_of(problem)
        u, t, after, h = model._u, variable("t"), variable("next", (model.size,)), variable("span")
        if self.density == "euler":
            mean, p = euler_moments(model, u, h)
        else:
            mean, p = propagated(model, t, u, constant(np.zeros((model.size, model.size))), h, self.substeps)
        variance: Any = np.stack([p[k, k] for k in range(model.size)])  # type: ignore[call-overload]
        if self.density == "euler" and model.noise == "diagonal":
            off = after - mean
            cost: Any = 0.5 * np.sum(np.log(variance) + LOG_2PI + off * off / variance)
        else:
            ones, eye = np.ones(model.size), constant(np.eye(model.size))
            _, _, cost = conditioned(mean, p, after, mean, eye, 0.0 * ones, ones)
        named = model._named({"cost": cost, "variance": variance, "deviation": model.named_diffusion})
        return problem.rebased(model.bound(named))

    def program(self, problem: EstimationProblem, windows: WindowBatch) -> LossProgram:
        """The program on given pairs of snapshots."""
        problem = replace(problem, picking=True)
        graph = self.transition(problem)
        (data,) = self.data(problem, windows)
        kept = Graph(graph.inputs, {"cost": graph.outputs["cost"]})
        source = Pointwise("transitions", kept, data)
        array: Any = variable("transitions.cost", (len(windows),))
        theta = problem.theta()
        more, weights = problem.extra_terms(theta, {})
        loss = Graph((array, theta), {"likelihood": np.mean(array), **more})
        return LossProgram((source,), loss, {"likelihood": 1.0, **weights})

    def data(self, problem: EstimationProblem, windows: WindowBatch) -> list[dict[str, np.ndarray]]:
        """Pairs of states, when they are, and how far apart."""
        times = windows.values["time"]
        found = {"t": times[:, 0], "u": windows.states[:, 0], "next": windows.states[:, 1],
                 "span": times[:, 1] - times[:, 0]}  # fmt: skip
        if windows.conditions is not None:
            found["c"] = windows.conditions
        return [found]

    def _none_left(self, observations: Observations) -> None:
        raise DataError(f"{WHO} needs two measured times of a trajectory at least. Hold out less.")
