"""`ClosedField`: one field of a fit's closed model, with its closure's term and the exact one at some snapshots."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ...errors import DataError, OptionError
from ...model.closed import SUFFIX
from ...result.closure_scores.a_priori import term_scores
from ...result.closure_scores.candidates import Candidate, candidates_of
from ...result.closure_scores.truth import Truth
from ..check import Check, Outcome
from ..finding import Finding
from ..subject import StatesSubject

__all__ = ["GOOD", "ClosedField", "ClosureCheck", "some"]

GOOD = 0.8
"""Correlation with the exact term from which a closure counts as good a priori."""
_SNAPSHOTS, _TRAJECTORIES = 64, 8


@dataclass(frozen=True)
class ClosedField:
    """A closed field.

    Attributes
    ----------
    truth
        What the data have of it; its term is NaN where they have none.
    candidate
        The fit.
    """

    truth: Truth
    candidate: Candidate

    @classmethod
    def of(cls, subject: StatesSubject, name: str) -> ClosedField:
        """Of a fit at what is measured, the same for all checks of one audit."""
        made = subject.shared.setdefault("closed fields", {})
        if name not in made:
            made[name] = cls._made(subject, name)
        return made[name]

    @classmethod
    def _made(cls, subject: StatesSubject, name: str) -> ClosedField:
        data = subject.measured
        missing = [n for n in subject.fit.model.states.names if n not in data.data_vars]
        if missing:
            raise DataError(f"Closures are looked at where all fields are measured, and `{missing[0]}` isn't.")
        truth = Truth.of(data, name, None, exact=False)
        (candidate,) = candidates_of({"fit": subject.fit}, truth, None, None)
        return cls(truth, candidate)

    @cached_property
    def thinned(self) -> tuple[ClosedField, np.ndarray]:
        """Itself at some of its snapshots, and the closure's term there (T, K, *grid)."""
        count, times = self.truth.values.shape[:2]
        picks = (some(count, _TRAJECTORIES), some(times, _SNAPSHOTS))
        truth, candidate, few = self.truth, self.candidate, np.ix_(*picks)
        data = truth.data.isel(trajectory=picks[0], time=picks[1])
        truth = Truth(data, truth.field, truth.values[few], truth.term[few], truth.flow)
        series = [candidate.series[k] for k in picks[0]]
        here = Candidate(
            "fit", candidate.model, candidate.engine, candidate.states[few], candidate.times[picks[1]], series
        )
        return ClosedField(truth, here), here.term(truth)

    def correlation(self) -> float:
        """Mean correlation with the exact term; NaN where that isn't known."""
        if not self.truth.exact:
            return float("nan")
        few, own = self.thinned
        found = term_scores(few.truth.flow, few.truth.values, own, few.truth.term)
        return float(np.nanmean(found["correlation"][1]))

    @property
    def needs_exact(self) -> str:
        """What to say where the exact term is needed."""
        name = self.truth.field + SUFFIX
        return f"the data don't have `{name}`, the exact term. Give them: `fit.audit(data=ude.coarsen(...))`."


class ClosureCheck(Check[StatesSubject]):
    """Base of the checks that look at each closed field of a closed model; they don't bother fits without."""

    needs = StatesSubject

    @classmethod
    def suits(cls, subject: object) -> bool:
        return isinstance(subject, StatesSubject) and "closure" in getattr(subject.fit.model, "named", {})

    def prepare(self, subject: StatesSubject) -> None:
        if not self.suits(subject):
            raise OptionError(
                f"`{self.name}` looks at closures, and the model has no closure: it is fitted as `model.closed(...)`."
            )

    def examine(self, subject: StatesSubject) -> Outcome:
        own = subject.fit.model
        findings, groups, panels = [], {}, {}
        for name in own.fields:
            if name not in own.named["closure"].outputs:
                continue
            finding, panel = self.look(ClosedField.of(subject, name))
            findings.append(finding)
            group = f"{self.name}_{name}"
            groups[group], panels[group] = finding.evidence, panel
        return Outcome(tuple(findings), groups, panels)

    @abstractmethod
    def look(self, field: ClosedField) -> tuple[Finding, object]:
        """A finding on one closed field, and what draws it into a figure."""


def some(count: int, most: int) -> np.ndarray:
    """At most so many of some numbers, evenly chosen."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(int))
