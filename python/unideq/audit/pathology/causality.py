"""Were late times solved before early ones? Wang, Sankaran & Perdikaris 2024, arXiv:2203.07404."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr

from ...checks import known_arguments
from ..finding import Finding
from .left import LATE, percent
from .pathology import Pathology
from .subject import Watched

__all__ = ["Causality"]

DRIFT, EARLY = 30.0, 3
"""Mean squared residual of the first `EARLY` slices of time over the last half's."""


@known_arguments
@dataclass(frozen=True)
class Causality(Pathology):
    """Were late times solved before early ones?"""

    name = "causality"

    def verdict(self, watched: Watched) -> Finding | None:
        if "slice_loss" not in watched.dataset:
            return None
        return causality_finding(watched.dataset, watched.moments.causal is not None)


def causality_finding(d: xr.Dataset, used: bool) -> Finding:
    slices = d["slice_loss"].isel(iteration=-1)
    count = slices.sizes["slice"]
    first = slices.isel(slice=slice(0, EARLY)).mean("slice")
    last = slices.isel(slice=slice(count // 2, None)).mean("slice")
    drift = first / last
    evidence = xr.Dataset({"slice_loss": d["slice_loss"], "drift": drift, "left": d["left"]})
    terms = [str(t) for t in d["term"].values if np.isfinite(float(drift.sel(term=t)))]
    worst = max(terms, key=lambda t: float(drift.sel(term=t)))
    value, left = float(drift.sel(term=worst)), float(d["left"].sel(term=worst))
    said = f"the mean squared residual of `{worst}` is {value:.3g} times as large at the beginning as late in time"
    if used and value < DRIFT and left > LATE:
        return Finding(
            "causality",
            "note",
            f"{said}, and {percent(left)} of its largest value is left: causal weights haven't let all times in.",
            evidence,
            "Train longer, or give them a smaller tolerance, `ude.Causal(tolerance=…)`.",
        )
    if value < DRIFT or left < LATE:
        return Finding("causality", "ok", f"{said}, and {percent(left)} of its largest value is left.", evidence)
    return Finding(
        "causality",
        "warning",
        f"causality is violated: {said} (first {EARLY} of {count} slices against the last half), with {percent(left)} "
        "of its largest value left: late times satisfy the equation without knowing what came before.",
        evidence,
        "Let time count from the beginning on: `balance=ude.Causal()`, or combined, "
        "`balance=[ude.LearningRateAnnealing(), ude.Causal()]`."
        if not used
        else "Causal weights are at work: give them a larger tolerance, `ude.Causal(tolerance=…)`, or train longer.",
    )
