"""Refits of candidate equations inside the ODE: maximum likelihood of the measurements, many candidates at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from .sensitivity import Sensitivities

__all__ = ["Likelihood", "Refit", "refit_all"]

ITERATIONS = 25
ENOUGH = 1e-3
"""Refits end when the next step promises to lower the negative log-likelihood by less than this."""


@dataclass(frozen=True)
class Likelihood:
    """Gaussian errors, one unknown standard deviation a variable, concentrated out: Σ Nᵥ/2 · log(RSSᵥ/Nᵥ).

    Attributes
    ----------
    variable
        (N,) index of each residual's variable.
    floor
        Standard deviation a variable below which errors are the solver's, not the model's.
    rows
        (N,) bool: the residuals that count.
    """

    variable: np.ndarray
    floor: np.ndarray
    rows: np.ndarray

    @property
    def count(self) -> int:
        """Number N of measurements that count."""
        return int(self.rows.sum())

    def sigma(self, residuals: np.ndarray) -> np.ndarray:
        """Estimated standard deviation of each variable."""
        result = np.array(self.floor)
        for v in range(len(result)):
            mine = residuals[self.rows & (self.variable == v)]
            if len(mine):
                result[v] = np.sqrt(np.mean(mine**2) + self.floor[v] ** 2)
        return result

    def negative_log(self, residuals: np.ndarray) -> float:
        """Negative log-likelihood up to a constant; infinite for a failed solve."""
        if not np.isfinite(residuals[self.rows]).all():
            return np.inf
        with np.errstate(over="ignore"):
            sigma = self.sigma(residuals)
        counts = np.array([np.sum(self.rows & (self.variable == v)) for v in range(len(sigma))])
        return float(counts @ np.log(sigma))

    def weighted(self, residuals: np.ndarray, jacobian: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Residuals and Jacobian over the standard deviations, counting rows only."""
        weight = (1.0 / self.sigma(residuals)[self.variable])[self.rows]
        return residuals[self.rows] * weight, jacobian[self.rows] * weight[:, None]


@dataclass
class Refit:
    """One candidate on its way to its maximum likelihood.

    Attributes
    ----------
    support
        Indices of the active terms.
    active
        Jacobian columns that may move.
    vector
        Where it stands.
    value
        Negative log-likelihood there; infinite before the first evaluation and where nothing could be solved.
    hopeless_above
        From the fourth turn on, a refit ends where even the linearised optimum lies above this value.
    """

    support: tuple[int, ...]
    active: np.ndarray
    vector: np.ndarray
    value: float = np.inf
    residuals: np.ndarray | None = None
    jacobian: np.ndarray | None = None
    damping: float = 1e-3
    turns: int = 0
    done: bool = False
    hopeless_above: float = np.inf
    trial: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        self.trial = self.vector

    def take(self, residuals: np.ndarray, jacobian: np.ndarray, likelihood: Likelihood, free: np.ndarray) -> None:
        """Judge the trial, then choose the next one (Levenberg–Marquardt with the noise re-estimated at every step)."""
        self.turns += 1
        value = likelihood.negative_log(residuals)
        if np.isfinite(jacobian[likelihood.rows]).all() and value < self.value:
            self.vector, self.value, self.residuals, self.jacobian = self.trial, value, residuals, jacobian
            self.damping = max(self.damping / 5.0, 1e-9)
        else:
            self.damping *= 8.0
        if self.residuals is None:  # even the start can't be solved: smaller coefficients may
            if self.turns > 4:
                self.done = True
            shrunk = self.trial.copy()
            shrunk[free[self.active]] *= 0.5
            self.trial = shrunk
            return
        promise, step = self._step(likelihood)
        hopeless = self.turns > 3 and self.value - promise > self.hopeless_above
        if promise < ENOUGH or self.damping > 1e8 or self.turns >= ITERATIONS or hopeless:
            self.done = True
            return
        self.trial = self.vector.copy()
        self.trial[free[self.active]] += step

    def _step(self, likelihood: Likelihood) -> tuple[float, np.ndarray]:
        """How much a damped Gauss–Newton step promises, and the step."""
        assert self.residuals is not None and self.jacobian is not None
        r, j = likelihood.weighted(self.residuals, self.jacobian[:, self.active])
        if not j.shape[1]:
            return 0.0, np.zeros(0)
        scale = np.sqrt(np.sum(j**2, axis=0))
        scale = np.where(scale > 0, scale, 1.0)
        u, s, vt = np.linalg.svd(j / scale, full_matrices=False)
        projected = u.T @ r
        keep = s > 1e-10 * s[0]
        damped = np.where(keep, s / (s**2 + self.damping), 0.0)
        return 0.5 * float(np.sum(projected[keep] ** 2)), -(vt.T @ (damped * projected)) / scale


def refit_all(
    jobs: list[Refit],
    sensitivities: Sensitivities,
    likelihood: Likelihood,
    progress: Callable[[Refit], None] | None = None,
) -> None:
    """Run jobs to their ends; as many share one solve as its batch holds, and the next one takes a free place."""
    free = sensitivities.free
    waiting = [job for job in jobs if not job.done]
    while waiting:
        now = waiting[: sensitivities.batch]
        residuals, jacobians = sensitivities.evaluate(np.stack([job.trial for job in now]))
        for job, r, j in zip(now, residuals, jacobians, strict=True):
            job.take(r, j, likelihood, free)
            if job.done and progress is not None:
                progress(job)
        waiting = [job for job in waiting if not job.done]
