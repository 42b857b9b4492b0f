"""Do terms that aren't solved pull against each other all the time? Yu et al. 2020; Liu et al. 2025."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
import xarray as xr

from ...checks import known_arguments
from ..finding import Finding
from .left import UNSOLVED, percent
from .pathology import Pathology
from .subject import Watched

__all__ = ["Conflict"]

CONFLICT = -0.3
"""Cosine between two terms' gradients."""
OFTEN = 0.75
"""Share of the moments of the second half at which they pull against each other."""


@known_arguments
@dataclass(frozen=True)
class Conflict(Pathology):
    """Do terms that aren't solved pull against each other all the time?"""

    name = "conflict"

    def verdict(self, watched: Watched) -> Finding:
        return conflict_finding(watched.dataset, watched.moments.later)


def conflict_finding(d: xr.Dataset, later: np.ndarray) -> Finding:
    late = d.isel(iteration=later)
    cosine = late["cosine"].median("iteration")
    evidence = xr.Dataset({"cosine": cosine, "left": d["left"]})
    terms = [str(t) for t in d["term"].values]
    pairs = list(combinations(terms, 2))
    if not pairs:
        return Finding("conflict", "ok", "there is one term, so no conflict.", evidence)

    def value(pair: tuple[str, str]) -> float:
        return float(cosine.sel(term=pair[0], other=pair[1]))

    def against(pair: tuple[str, str]) -> bool:
        both = late["cosine"].sel(term=pair[0], other=pair[1]).values
        return value(pair) < CONFLICT and bool((both < 0.0).mean() > OFTEN)

    found = [p for p in pairs if against(p) and all(d["left"].sel(term=t) > UNSOLVED for t in p)]
    lowest = min(pairs, key=value)
    if not found:
        return Finding(
            "conflict",
            "ok",
            f"no two unsolved terms pull against each other throughout: the lowest cosine is {value(lowest):.2f}, "
            f"between `{lowest[0]}` and `{lowest[1]}`.",
            evidence,
        )
    a, b = min(found, key=value)
    return Finding(
        "conflict",
        "warning",
        f"conflicting gradients: those of `{a}` and `{b}` point apart (cosine {value((a, b)):.2f} in the second half "
        f"of training), while {percent(float(d['left'].sel(term=a)))} and {percent(float(d['left'].sel(term=b)))} of "
        "their largest values are left.",
        evidence,
        "Combine them without conflict, `balance=ude.ConFIG()`. If that doesn't help, the terms may contradict each "
        "other, or the fit sits where they cancel: look at the other findings.",
    )
