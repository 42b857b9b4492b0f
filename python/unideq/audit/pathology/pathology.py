"""`Pathology`: a check of residual training. Each names a known pathology, its numbers, and the remedy."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from functools import partial

import xarray as xr

from ...checks import settle, whole
from ..check import Check, Outcome
from ..finding import Finding
from .plot_gradients import plot_layers, plot_training
from .subject import ResidualSubject, Watched

__all__ = ["Pathology", "PathologyOutcome"]


@dataclass(frozen=True, kw_only=True)
class PathologyOutcome(Outcome):
    """What a check of residual training found; `dataset`: see `Watched`, the same for all checks."""

    dataset: xr.Dataset


@dataclass(frozen=True)
class Pathology(Check[ResidualSubject]):
    """A question about the training of a residual fit, answered from gradients and residuals at moments of it.

    Attributes
    ----------
    points
        Validation points a term, at which all is evaluated.
    snapshots
        Largest number of moments of training that are looked at.
    seed
        Which member of an ensemble; default: the best.

    Raises
    ------
    OptionError
        For impossible settings.
    """

    needs = ResidualSubject
    stem = ""
    points: int = 256
    snapshots: int = 8
    seed: int | None = None

    def __post_init__(self) -> None:
        settle(self, whole, "points", least=1)
        settle(self, whole, "snapshots", least=2)

    def watched(self, subject: ResidualSubject) -> Watched:
        """What is looked at, shared by all checks with these settings."""
        return subject.watched(self.points, self.snapshots, self.seed)

    def prepare(self, subject: ResidualSubject) -> None:
        """Look at the moments.

        Raises
        ------
        OptionError, DataError
            If there is no such seed, and where a term's gradient isn't finite.
        """
        self.watched(subject)

    def examine(self, subject: ResidualSubject) -> PathologyOutcome:
        """Judge."""
        watched = self.watched(subject)
        found = self.verdict(watched)
        dataset = watched.dataset
        panels = {"gradients": partial(plot_layers, dataset), "training": partial(plot_training, dataset)}
        findings = () if found is None else (found,)
        return PathologyOutcome(findings, {"gradients": watched.group()}, panels, dataset=dataset)

    @abstractmethod
    def verdict(self, watched: Watched) -> Finding | None:
        """The finding; None where the question makes no sense."""
