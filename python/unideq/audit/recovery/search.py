"""Stepwise search over supports by an information criterion of the likelihood after a refit inside the ODE."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np

from ...errors import unknown
from .refit import Likelihood, Refit, refit_all
from .sensitivity import Sensitivities

__all__ = ["CRITERIA", "Search", "criterion_penalty"]

CRITERIA = ("ebic", "bic", "aicc")
PARENTS = 3
"""So many of the best candidates get their neighbours tried."""
NEIGHBOURS = 12
"""So many neighbours of a candidate, those that the linearised problem promises most of, are refitted."""
HOPELESS = 15.0
"""Refits are cut short where even the linearised optimum stays this far above the best negative log-likelihood."""


def criterion_penalty(name: str, terms: int, others: int, count: int, library: int) -> float:
    """What an information criterion adds to −2 log L.

    Parameters
    ----------
    name
        `bic` (Schwarz 1978): k log N. `ebic` (Chen & Chen 2008, γ = 1): BIC + 2 log of the number of equally large
        supports, for the library's size: a large library offers many chances to fit noise. `aicc` (Hurvich & Tsai
        1989).
    terms, others
        Active terms, and the other estimated quantities.
    count
        Measurements N.
    library
        Candidate terms in all components.
    """
    k = terms + others
    if name == "bic":
        return k * math.log(count)
    if name == "ebic":
        chosen = min(terms, library // 2)  # beyond half the library there are fewer supports, not simpler ones
        choices = math.lgamma(library + 1) - math.lgamma(chosen + 1) - math.lgamma(library - chosen + 1)
        return k * math.log(count) + 2.0 * choices
    if name == "aicc":
        return 2.0 * k + (2.0 * k * (k + 1) / (count - k - 1) if count > k + 1 else math.inf)
    raise unknown("criterion", name, CRITERIA)


@dataclass
class Search:
    """Candidates refitted so far.

    Attributes
    ----------
    sensitivities, likelihood
        What refits are made with.
    components, library
        Shape of the coefficients: the first components · library columns of the Jacobian.
    movable
        Further Jacobian columns that every refit moves (parameters, initial states).
    criterion
        `ebic`, `bic` or `aicc`.
    max_terms
        Largest number of terms a component.
    found
        Support → its refit.
    """

    sensitivities: Sensitivities
    likelihood: Likelihood
    components: int
    library: int
    movable: np.ndarray
    criterion: str
    max_terms: int
    found: dict[tuple[int, ...], Refit] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Number of terms that could be chosen."""
        return self.components * self.library

    def score(self, support: tuple[int, ...], negative_log: float) -> float:
        """The criterion's value."""
        others = len(self.movable) + len(self.likelihood.floor)
        return 2.0 * negative_log + criterion_penalty(
            self.criterion, len(support), others, self.likelihood.count, self.size
        )

    def ranked(self) -> list[tuple[float, Refit]]:
        """Candidates that could be solved, best first."""
        scored = [(self.score(s, job.value), job) for s, job in self.found.items() if np.isfinite(job.value)]
        return sorted(scored, key=lambda pair: pair[0])

    def job(self, support: Iterable[int], vector: np.ndarray) -> Refit:
        """A refit of a support that starts at a vector; coefficients of absent terms are set to zero."""
        chosen = tuple(sorted(support))
        start = np.array(vector)
        absent = np.setdiff1d(np.arange(self.size), chosen)
        start[self.sensitivities.free[absent]] = 0.0
        return Refit(chosen, np.concatenate([np.array(chosen, dtype=int), self.movable]), start)

    def run(self, jobs: list[Refit], progress: Callable[[Refit], None] | None = None) -> None:
        """Refit candidates that weren't refitted before."""
        fresh = {job.support: job for job in jobs if job.support not in self.found}
        best = min((job.value for job in self.found.values()), default=np.inf)
        for job in fresh.values():
            job.hopeless_above = best + HOPELESS
        refit_all(list(fresh.values()), self.sensitivities, self.likelihood, progress)
        self.found.update(fresh)

    def improve(self, budget: int, progress: Callable[[Refit], None] | None = None) -> None:
        """Drop, add and exchange terms of the best candidates until nothing improves or the budget is spent."""
        expanded: set[tuple[int, ...]] = set()
        while len(self.found) < budget:
            leaders = [job for _, job in self.ranked()[:PARENTS] if job.support not in expanded]
            if not leaders:
                return
            jobs: list[Refit] = []
            for parent in leaders:
                expanded.add(parent.support)
                jobs += self.neighbours(parent)
            self.run(jobs[: max(1, budget - len(self.found))], progress)

    def neighbours(self, parent: Refit) -> list[Refit]:
        """The most promising supports that differ from a refitted one by one term dropped, added or exchanged."""
        if parent.residuals is None or parent.jacobian is None:
            return []
        options = []
        for support in self._moves(parent.support):
            if support in self.found:
                continue
            moved, predicted = self._linearised(parent, support)
            options.append((self.score(support, predicted), support, moved))
        options.sort(key=lambda option: option[0])
        return [self.job(support, moved) for _, support, moved in options[:NEIGHBOURS]]

    def _moves(self, support: tuple[int, ...]) -> Iterable[tuple[int, ...]]:
        inside = set(support)
        outside = [k for k in range(self.size) if k not in inside]
        reduced = [tuple(sorted(inside - {k})) for k in support]
        yield from reduced
        for base in (support, *reduced):
            counts = np.bincount([k // self.library for k in base], minlength=self.components)
            for k in outside:
                if counts[k // self.library] < self.max_terms:
                    yield tuple(sorted((*base, k)))

    def _linearised(self, parent: Refit, support: tuple[int, ...]) -> tuple[np.ndarray, float]:
        """The linearised problem's optimum for another support, and the negative log-likelihood that it promises."""
        assert parent.residuals is not None and parent.jacobian is not None
        free = self.sensitivities.free
        gone = [k for k in parent.support if k not in support]
        active = np.concatenate([np.array(support, dtype=int), self.movable])
        change = np.zeros(len(free))
        change[gone] = -parent.vector[free[gone]]
        shifted = parent.residuals + parent.jacobian @ change
        rows = self.likelihood.rows
        weight = (1.0 / self.likelihood.sigma(parent.residuals)[self.likelihood.variable])[rows]
        j = parent.jacobian[rows][:, active] * weight[:, None]
        size = np.sqrt(np.sum(j**2, axis=0))
        size = np.where(size > 0, size, 1.0)
        change[active] += np.linalg.lstsq(j / size, -shifted[rows] * weight, rcond=1e-10)[0] / size
        moved = np.array(parent.vector)
        moved[free] += change
        return moved, self.likelihood.negative_log(parent.residuals + parent.jacobian @ change)
