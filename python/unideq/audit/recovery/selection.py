"""Which candidate to believe: refits, the stepwise search, held-out rollouts, and the table of what was tried."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import xarray as xr

from ...errors import OptionError, SolveError
from ...graph import Graph
from ...objective import EstimationProblem, Observations
from ...result import Fit
from ...result.sampling import problem_of
from .candidates import Candidates
from .refit import Likelihood, Refit, refit_all
from .replacement import library_model
from .search import Search
from .sensitivity import OwnNumbers, Sensitivities
from .symbolic import text_of

__all__ = ["Selection", "select"]

EQUALLY_SUPPORTED = 2.0
"""Criterion differences below this say little (Burnham & Anderson 2002, section 2.6)."""
LARGEST_SYSTEM = 20_000
"""States of the extended system beyond which sensitivity equations are the wrong tool."""
STEPS = 2048


@dataclass
class Selection:
    """A finished search.

    Attributes
    ----------
    search
        All candidates.
    chosen
        The one to believe.
    rollout
        Support → error of its predictions of what it wasn't refitted to, in standard deviations of the variables.
    """

    search: Search
    fit: Fit
    sizes: np.ndarray
    chosen: Refit
    rollout: dict[tuple[int, ...], float] = field(default_factory=dict)
    refitted: bool = True

    @property
    def _free(self) -> np.ndarray:
        return self.search.sensitivities.free

    def coefficients(self, job: Refit) -> np.ndarray:
        """Coefficients of unit-size terms, in the support's order."""
        return job.vector[self._free[list(job.support)]]

    def values(self, job: Refit) -> dict[str, np.ndarray]:
        """The other parameters' values."""
        model = self.search.sensitivities.model
        values = model.layout.unpack(job.vector[: model.layout.size])
        return {n: values[n] for n in self.fit.model.parameters}

    def groups(self, job: Refit) -> dict[str, dict[Any, float]]:
        """Parameter by group → label → value."""
        own = self.search.sensitivities
        values = own.layout.unpack(job.vector[: own.layout.size])
        return {
            n: dict(zip(g.labels, own.layout[n].inside(values[n]).tolist(), strict=True))
            for n, g in own.own.groups.items()
        }

    def initial(self, job: Refit) -> dict[str, np.ndarray]:
        """Initial states by their names in θ, (trajectories, *shape)."""
        model, size = self.search.sensitivities.model, self.search.sensitivities.layout.size
        states = job.vector[size:].reshape(-1, model.size)
        return {f"initial.{n}": v for n, v in model.states.split(states).items()}

    def standard_errors(self, job: Refit) -> np.ndarray:
        """Of the coefficients, in the arguments' own units; NaN without refit."""
        count = len(job.support)
        if not self.refitted or job.residuals is None or job.jacobian is None or not count:
            return np.full(count, np.nan)
        _, j = self.search.likelihood.weighted(job.residuals, job.jacobian[:, job.active])
        covariance = np.linalg.pinv(j.T @ j)
        own = self.sizes[np.array(job.support) % self.search.library]
        return np.sqrt(np.clip(np.diag(covariance)[:count], 0.0, None)) / own

    def scores(self, job: Refit) -> dict[str, float]:
        """Of one candidate."""
        result = {
            "log_likelihood": -self._constant(job.value),
            self.search.criterion: self.search.score(job.support, self._constant(job.value)),
        }
        if job.support in self.rollout:
            result["rollout_error"] = self.rollout[job.support]
        if job.residuals is not None:
            sigma = self.search.likelihood.sigma(job.residuals)
            result.update({f"noise.{n}": float(s) for n, s in zip(self.search.sensitivities.names, sigma, strict=True)})
        return result

    def _constant(self, value: float) -> float:
        """The negative log-likelihood with the constant that the search leaves out."""
        return value + 0.5 * self.search.likelihood.count * (1.0 + float(np.log(2.0 * np.pi)))

    def table(self, candidates: Candidates, outputs: list[str], count: int = 25) -> xr.Dataset:
        """The best candidates."""
        ranked = self.search.ranked()[:count]
        if all(job is not self.chosen for _, job in ranked):
            ranked.append((self.search.score(self.chosen.support, self.chosen.value), self.chosen))
        best = ranked[0][0]
        texts = []
        for _, job in ranked:
            formulas = candidates.formulas(job.support, self.coefficients(job))
            parts = [
                f"{o} = {text_of([t for t, _ in f], [c for _, c in f])}" for o, f in zip(outputs, formulas, strict=True)
            ]
            texts.append("; ".join(parts))
        criterion = [self.search.score(job.support, self._constant(job.value)) for _, job in ranked]
        return xr.Dataset(
            {
                "equations": ("candidate", np.array(texts, dtype=str)),
                "terms": ("candidate", np.array([len(job.support) for _, job in ranked])),
                "log_likelihood": ("candidate", np.array([-self._constant(job.value) for _, job in ranked])),
                "criterion": ("candidate", np.array(criterion), {"long_name": self.search.criterion}),
                "difference": ("candidate", np.array([score - best for score, _ in ranked])),
                "rollout_error": (
                    "candidate",
                    np.array([self.rollout.get(job.support, np.nan) for _, job in ranked], dtype=float),
                ),
                "chosen": ("candidate", np.array([int(job is self.chosen) for _, job in ranked], dtype=np.int8)),
            },
            coords={"candidate": np.arange(len(ranked))},
        )


def select(
    fit: Fit,
    network: str,
    candidates: Candidates,
    criterion: str,
    parsimony: float,
    rollout: bool,
    refit: bool,
    max_terms: int,
    budget: int,
    progress: bool,
) -> Selection:
    """Refit, search, roll out and choose; see `recover`."""
    search, start = _prepare(fit, network, candidates, criterion, max_terms)
    free = search.sensitivities.free
    jobs = []
    for support, values in candidates.starts:
        vector = start.copy()
        vector[free[: search.size]] = 0.0
        vector[free[list(support)]] = values
        job = search.job(support, vector)
        if not refit:
            job.active = job.active[:0]  # nothing moves: one evaluation
        jobs.append(job)
    with _bar(progress, budget if refit else len(jobs), f"recover {network}") as count:
        search.run(jobs, count)
        if refit:
            search.improve(budget, count)
    ranked = search.ranked()
    if not ranked:
        raise SolveError(
            f"None of {len(search.found)} candidate equations for `{network}` could be solved over the data's times. "
            "Try another library, or train longer."
        )
    rivals = _finalists(ranked, parsimony)
    selection = Selection(search, fit, candidates.sizes, rivals[0], refitted=refit)
    if rollout:
        squares = _rollouts(fit, search, rivals, refit)
        selection.rollout = {
            job.support: float(np.sqrt(np.mean(row))) for job, row in zip(rivals, squares, strict=True)
        }
        selection.chosen = next(job for job, kept in zip(rivals, _predicting(squares), strict=True) if kept)
    return selection


def _finalists(ranked: list[tuple[float, Refit]], parsimony: float) -> list[Refit]:
    """Candidates to believe in, in the order in which they would be chosen: fewest terms, then the criterion.

    They are the best ones of each size up to the leader's that aren't worse than it by more than `parsimony` (Occam's
    window, Madigan & Raftery 1994), and their equals of the same size.
    """
    best, leader = ranked[0]
    finalists = []
    for size in range(len(leader.support) + 1):
        own = [(score, job) for score, job in ranked if len(job.support) == size and score <= best + parsimony]
        finalists += [job for score, job in own if score <= own[0][0] + EQUALLY_SUPPORTED][:3]
    return finalists or [leader]


def _prepare(
    fit: Fit, network: str, candidates: Candidates, criterion: str, max_terms: int
) -> tuple[Search, np.ndarray]:
    """The search, and the vector of everything that isn't a coefficient."""
    record = fit.record
    train, _ = record.observations.split(record.settings.holdout)
    outputs, library = candidates.components, len(candidates.terms)
    model, coefficients, sizes = library_model(fit.model, network, candidates.library, candidates.terms, outputs)
    old = record.layout.unpack(fit.theta)
    theta = model.layout.pack(
        {n: candidates.sizes if n == sizes else old.get(n, np.zeros(model.layout[n].shape)) for n in model.layout.names}
    )
    first = model.layout.offsets[coefficients]
    own = np.arange(first, first + outputs * library)
    others = [
        k
        for e in model.layout.of_kind("parameter")
        if e.free and e.name != coefficients
        for k in range(model.layout.offsets[e.name], model.layout.offsets[e.name] + e.size)
    ]
    directions = np.concatenate([own, np.array(others, dtype=int)])
    if model.size * (1 + len(directions) + model.size) > LARGEST_SYSTEM:
        raise OptionError(
            f"{model.size} states with {len(directions)} candidate coefficients and parameters are too many for the "
            "search. Choose a smaller library."
        )
    solver = replace(record.settings.solver, max_steps=min(record.settings.solver.max_steps, STEPS))
    batch = max(2, min(16, 4096 // (model.size * (1 + len(directions)))))
    problem = problem_of(record)
    free = {n: g for n, g in problem.groups.items() if model.grouped[n].parameter.free}
    numbers = OwnNumbers(
        problem.constants_at(fit.theta),
        problem.tables,
        free,
        tuple(record.layout[n] for n in free),
        problem.happening,
    )
    sensitivities = Sensitivities(model, train, directions, solver, fit.engine, numbers, batch)
    column = len(directions) + sensitivities.grouped
    movable, starts = list(range(len(own), column)), [fit.theta[record.layout.window(n)] for n in free]
    problem_initial = _initial_states(problem, fit.theta, model.size)
    for b in range(len(train)):
        for state in model.states:
            name = f"initial.{state.name}"
            if name in record.layout and record.layout[name].free:
                movable += list(range(column, column + state.size))
            column += state.size
        starts.append(problem_initial[b])
    floor = np.array([1e-6 * train.scale(n) for n in train.names])
    rows = np.ones(len(sensitivities.variable), dtype=bool)
    likelihood = Likelihood(sensitivities.variable, floor, rows)
    search = Search(sensitivities, likelihood, outputs, library, np.array(movable, dtype=int), criterion, max_terms)
    return search, np.concatenate([theta, *starts])


def _initial_states(problem: EstimationProblem, at: np.ndarray, size: int) -> np.ndarray:
    """(trajectories, n) where θ (P,) starts."""
    theta = problem.theta()
    graph = Graph((theta,), {"u0": problem.initial_states(theta)})
    return graph.evaluate({"theta": at})["u0"].reshape(-1, size)


def _predicting(squares: np.ndarray) -> np.ndarray:
    """Which rows of squared errors (rivals, M) exceed the best row by no more than two standard errors of the excess.

    Few held-out values rank rivals badly, but they can rule some out.
    """
    means = np.mean(squares, axis=1)
    if not np.isfinite(means).any():
        return np.ones(len(squares), dtype=bool)
    best = int(np.argmin(np.where(np.isfinite(means), means, np.inf)))
    excess = squares - squares[best]
    with np.errstate(invalid="ignore"):
        return np.mean(excess, axis=1) <= 2.0 * np.std(excess, axis=1) / np.sqrt(squares.shape[1])


def _rollouts(fit: Fit, search: Search, rivals: list[Refit], refit: bool) -> np.ndarray:
    """Squared errors (rivals, M), in units of the variables' spread, of predictions of what rivals weren't refitted to.

    That is the fit's held-out measurements, or the last quarter of the times; NaN where a rival couldn't be solved.
    """
    record, own = fit.record, search.sensitivities
    train, held = record.observations.split(record.settings.holdout)
    scale = np.array([train.scale(n) for n in train.names])
    vectors = np.stack([job.vector for job in rivals])
    if held is not None:
        judge = _values_only(own, held)
        residuals, _ = judge.evaluate(vectors)
        late, variables = np.ones(residuals.shape[1], dtype=bool), judge.variable
    else:
        variables = own.variable
        late = own.time > np.quantile(np.unique(own.time), 0.75)
        early = Likelihood(variables, search.likelihood.floor, ~late)
        enough = [np.sum(~late) > len(job.active) + 2 for job in rivals]
        if not (refit and late.any() and all(enough)):
            residuals = np.stack([job.residuals for job in rivals if job.residuals is not None])
        else:
            jobs = [Refit(job.support, job.active, job.vector) for job in rivals]
            refit_all(jobs, own, early)
            nothing = np.full(len(variables), np.nan)
            residuals = np.stack([nothing if job.residuals is None else job.residuals for job in jobs])
    return (residuals[:, late] / scale[variables[late]]) ** 2


def _values_only(own: Sensitivities, held: Observations) -> Sensitivities:
    """Predictions of other measurements, in no directions of θ."""
    return Sensitivities(own.model, held, np.zeros(0, dtype=int), own.program.solver, own.engine, own.own, 4)


class _bar:
    """A progress bar that counts refits; nothing where none is wanted."""

    def __init__(self, show: bool, total: int, label: str) -> None:
        self._bar = None
        if show:
            from tqdm.auto import tqdm

            self._bar = tqdm(total=total, desc=label, unit="candidate")

    def __enter__(self) -> Callable[[Refit], None]:
        return self._count

    def _count(self, job: Refit) -> None:
        if self._bar is not None:
            self._bar.update()

    def __exit__(self, *failure: object) -> None:
        if self._bar is not None:
            self._bar.close()
