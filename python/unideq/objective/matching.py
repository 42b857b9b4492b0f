"""`DistributionMatching`: paths drawn from an `SDE` shall have the measured distribution at pairs of times."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from ..checks import choice, known_arguments, settle, whole
from ..errors import DataError
from ..graph import Expression, Graph, variable
from ..graph.location import warn_user
from ..model.stochastic.schemes import SCHEMES, scheme_of, stochastic_step
from ..noise import increments
from ..stored import stored
from .estimation_problem import EstimationProblem
from .objective import Evaluate
from .observations import Observations
from .program import Batches, Given, LossProgram, Rollout
from .stochastic import check_stochastic, sde_of
from .windowed import WindowBatches, Windowed
from .windows import Snapshots, WindowBatch

__all__ = ["DistributionMatching"]

WHO = "`DistributionMatching`"
ROUNDING = 1e-6
"""Relative difference of two gaps between times that counts as none."""


@stored
@known_arguments
@dataclass(frozen=True)
class DistributionMatching(Windowed):
    """Distance between the distributions of measured and of simulated paths at pairs of times; for `SDE`s.

    Finite-dimensional matching (Zhang, Zhao, Chen and Chen 2024, arXiv:2410.03973): a Markov process is known by its
    distributions at two times. Windows of the data are simulated anew from their first states, with fresh noise in
    every iteration of a mini-batch training (the same noise in all others), and the pairs of states some snapshots
    apart are compared by a proper score. A squared error instead would let the noise shrink to nothing.

    Parameters
    ----------
    steps
        Snapshots a window after its first one; pairs are 1, 2, 4, … of them apart.
    substeps
        Steps of the scheme from one snapshot to the next.
    scheme
        As in `SDE.solve`.
    score
        `energy`: the energy distance, zero for equal distributions alone. `moments`: means and covariances, a baseline
        that many wrong distributions pass.
    batch
        Windows a mini-batch; None: all in every iteration. The score takes time as its square.
    stride
        Snapshots between the starts of two windows.
    seed
        Of the order of the windows and of the noise.

    Examples
    --------
    >>> import unideq as ude
    >>> ude.DistributionMatching(steps=4, batch=64).score
    'energy'
    """

    kind: ClassVar[str] = "matching"
    solves: ClassVar[bool] = False
    steps: int = 4
    substeps: int = 4
    scheme: str = "auto"
    score: str = "energy"
    batch: int | None = 128
    stride: int = 1
    seed: int = 0

    before: ClassVar[int] = 1
    judged_by: ClassVar[int] = 512

    def __post_init__(self) -> None:
        settle(self, whole, "steps", "substeps", "stride", least=1)
        settle(self, choice, "scheme", choices=SCHEMES)
        settle(self, choice, "score", choices=("energy", "moments"))
        settle(self, whole, "batch", least=2, none=True)
        settle(self, whole, "seed", least=0)

    @property
    def window(self) -> int:
        return self.steps + 1

    def check(self, problem: EstimationProblem) -> None:
        check_stochastic(problem, WHO)
        self._gap(problem.observations)
        scheme_of(sde_of(problem), self.scheme)
        if self.windows(problem).count < 2:
            raise DataError(f"{WHO} compares distributions, and the data have one window of {self.window} snapshots.")
        if self.score == "moments":
            warn_user(
                f'{WHO}: means and covariances alone, `score="moments"`, don\'t determine a distribution, and a noise '
                'may come out too small. Take `score="energy"`.'
            )

    def snapshots(self, problem: EstimationProblem, observations: Observations) -> Snapshots:
        return Snapshots.of(problem.model, observations, WHO, spaced=False)

    def _gap(self, observations: Observations) -> float:
        gaps = [np.diff(s.times) for s in observations.series if len(s.times) > 1]
        if not gaps:
            self._none_left(observations)
        whole = np.concatenate(gaps)
        gap = float(np.median(whole))
        for s in observations.series:
            wrong = np.flatnonzero(np.abs(np.diff(s.times) - gap) > ROUNDING * gap)
            if len(wrong):
                raise DataError(
                    f"{WHO} simulates in equal steps, and the times {s.times[wrong[0]]:g} and "
                    f"{s.times[wrong[0] + 1]:g} of trajectory {s.label!r} aren't {gap:g} apart as others are. Take "
                    "`ude.TransitionLikelihood()`, which any times suit, or drop what lies between."
                )
        return gap

    def _none_left(self, observations: Observations) -> None:
        raise DataError(f"{WHO} needs trajectories of {self.window} snapshots at least. Use fewer `steps`.")

    # ---- programs ---------------------------------------------------------------------------------------------

    def program(self, problem: EstimationProblem, windows: WindowBatch) -> LossProgram:
        """The program on given windows, with the noise of iteration 0."""
        problem = replace(problem, picking=True)
        model, h = sde_of(problem), self._gap(problem.observations) / self.substeps
        step = problem.rebased(stochastic_step(model, scheme_of(model, self.scheme), h))
        u = variable("u", (model.size,))
        data, targets = self.data(problem, windows)
        data = {**data, "w": self.noise(problem, len(windows), (0, 0))}
        source = Rollout("paths", step, Graph([u], {"state": u}), data, h, self.steps * self.substeps, self.substeps)
        given = Given("measured", targets)
        arrays = {n: variable(n, s) for n, s in {**source.shapes, **given.shapes}.items()}
        theta, scale = (
            problem.theta(),
            np.concatenate([np.full(s.size, problem.state_scales[s.name]) for s in model.states]),
        )
        began: Any = arrays["measured.first"] / scale  # type: ignore[operator]
        drawn, measured = (
            [began, *((arrays[n] / scale)[:, k] for k in range(self.steps))]  # type: ignore[operator]
            for n in ("paths.state", "measured.later")
        )
        score = _energy if self.score == "energy" else _moments
        parts: list[Any] = []
        lag = 1
        while lag <= self.steps:
            for k in range(0, self.steps + 1 - lag, lag):
                pair = [np.concatenate([x[k], x[k + lag]], axis=1) for x in (drawn, measured)]
                parts.append(score(*pair))
            lag *= 2
        more, weights = problem.extra_terms(theta, {})
        total: Any = sum(parts[1:], parts[0]) * (1.0 / len(parts))
        loss = Graph((*arrays.values(), theta), {"distance": total, **more})
        return LossProgram((source, given), loss, {"distance": 1.0, **weights})

    def data(self, problem: EstimationProblem, windows: WindowBatch) -> list[dict[str, np.ndarray]]:
        """Where windows begin, and the states that follow."""
        starts = {"start": windows.states[:, 0], "t": windows.start}
        if windows.conditions is not None:
            starts["c"] = windows.conditions
        return [starts, {"first": windows.states[:, 0], "later": windows.states[:, 1:]}]

    def noise(self, problem: EstimationProblem, count: int, place: tuple[int, int]) -> np.ndarray:
        """What the steps of so many windows read (count, steps, k); `place`: of the stage, and the iteration."""
        model, h = sde_of(problem), self._gap(problem.observations) / self.substeps
        scheme, (salt, iteration) = scheme_of(model, self.scheme), place
        steps, parts = self.steps * self.substeps, scheme.parts
        drawn = increments((self.seed, salt), iteration, (2, count, steps * parts, model.brownian))
        h = h / parts
        return scheme.given(np.sqrt(h) * drawn[0], np.sqrt(h**3 / 12) * drawn[1], h)

    def batches(self, problem: EstimationProblem, evaluate: Evaluate, salt: int = 0) -> Batches | None:
        if self.batch is None:
            return None
        source = self.windows(problem, salt)
        return _NoisyBatches(self, problem, source, self.size(source), salt)


class _NoisyBatches(WindowBatches):
    """Fresh windows, and fresh noise."""

    objective: DistributionMatching

    def __call__(self, iteration: int, theta: np.ndarray | None = None) -> list[dict[str, np.ndarray]]:
        starts, targets = super().__call__(iteration)
        return [{**starts, "w": self.objective.noise(self.problem, self.size, (self.salt, iteration))}, targets]


def _energy(drawn: Any, measured: Any) -> Expression:
    """E‖X − Y‖ − ½ E‖X − X'‖ − ½ E‖Y − Y'‖ of two samples (B, d), without a point's distance from itself."""
    count = drawn.shape[0]
    share = 1.0 / (count * (count - 1))

    def between(a: Any, b: Any) -> Any:
        difference = a[:, None, :] - b[None, :, :]
        return np.sum(np.sqrt(np.sum(difference * difference, axis=2) + 1e-12))

    # Both samples begin at the same states: pairs of one window leave the first term, too.
    own = drawn - measured
    across = between(drawn, measured) - np.sum(np.sqrt(np.sum(own * own, axis=1) + 1e-12))
    return share * (across - 0.5 * between(drawn, drawn) - 0.5 * between(measured, measured) + 1e-6 * count)


def _moments(drawn: Any, measured: Any) -> Expression:
    """Squared differences of the means and of the covariances."""
    parts: list[Any] = []
    for x in (drawn, measured):
        mean = np.mean(x, axis=0)
        off = x - mean
        parts.append([mean, np.mean(off[:, :, None] * off[:, None, :], axis=0)])
    (m, c), (k, d) = parts
    return np.sum((m - k) ** 2) + np.sum((c - d) ** 2)
