"""Does the model agree with what is known about interventions? Rankings that it violates, by trajectory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import xarray as xr

from ..checks import known_arguments
from ..errors import OptionError
from ..objective.ranking import Ranking
from .check import Check, Outcome
from .finding import Finding
from .subject import Subject

__all__ = ["Rankings"]

MOST = 3
"""Trajectories named in a finding."""


@known_arguments
@dataclass(frozen=True)
class Rankings(Check[Subject]):
    """The rankings that a fit was given (`rankings=`), against the effects of interventions in the trained model.

    A finding a ranking: `ok` where all trajectories have the known order, `warning` where some haven't. Its evidence is
    `fit.rankings()` of that ranking.
    """

    name: ClassVar[str] = "rankings"

    @classmethod
    def suits(cls, subject: Subject) -> bool:
        return bool(getattr(subject.fit.record.settings, "rankings", {}))

    def prepare(self, subject: Subject) -> None:
        if not self.suits(subject):
            raise OptionError(
                "`rankings` looks at what a fit knows about interventions, and this one has no rankings. Train with "
                "some, `ude.fit(..., rankings=...)`, or look at others: `fit.rankings(ude.Ranking(...))`."
            )

    def examine(self, subject: Subject) -> Outcome:
        found = subject.fit.rankings()
        known = subject.fit.record.settings.rankings
        findings = tuple(self._finding(n, ranking, found.sel(ranking=n)) for n, ranking in known.items())
        return Outcome(findings, {self.name: found})

    def _finding(self, name: str, ranking: Ranking, found: xr.Dataset) -> Finding:
        violated = found["violated"].values
        known = np.isfinite(violated)
        order = f"`{name}` ({ranking})"
        if not known.any():
            return Finding(self.name, "note", f"{order} isn't known anywhere: no solve under it succeeded.", found)
        wrong = np.flatnonzero(violated == 1.0)
        if not len(wrong):
            return Finding(self.name, "ok", f"{order} holds in all {known.sum()} trajectories.", found)
        labels = [repr(label) for label in found["trajectory"].values[wrong].tolist()]
        listing = ", ".join(labels[:MOST]) + (" …" if len(labels) > MOST else "")
        seen = [int((violated[part] == 1.0).sum()) for part in (~found["held_out"].values, found["held_out"].values)]
        return Finding(
            self.name,
            "warning",
            f"{order} is violated in {len(wrong)} of {known.sum()} trajectories ({seen[0]} trained on, {seen[1]} held "
            f"out): {listing}.",
            found,
            "It isn't trained on: give it a `weight`."
            if ranking.weight == 0
            else f"Raise its `weight` ({ranking.weight:g}), or its `sharpness`; compare weights by "
            "`ude.ranking_sweep(...)`. Where none helps, the equations can't follow the ranking, or it is wrong.",
        )
