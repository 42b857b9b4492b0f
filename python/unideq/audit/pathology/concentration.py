"""Do few points hold most of the residual? Wu et al. 2023."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr

from ...checks import known_arguments
from ..finding import Finding
from .left import UNSOLVED, percent
from .pathology import Pathology
from .subject import Watched

__all__ = ["Concentration"]

CONCENTRATED = 0.7
"""Share of the squared residual in 5 % of the points."""


@known_arguments
@dataclass(frozen=True)
class Concentration(Pathology):
    """Do few points hold most of the residual?"""

    name = "concentration"

    def verdict(self, watched: Watched) -> Finding | None:
        finite = np.isfinite(watched.dataset["concentration"].values).any()
        return concentration_finding(watched.dataset) if finite else None


def concentration_finding(d: xr.Dataset) -> Finding:
    share = d["concentration"].isel(iteration=-1)
    evidence = xr.Dataset({"concentration": d["concentration"], "left": d["left"]})
    terms = [str(t) for t in d["term"].values if np.isfinite(float(share.sel(term=t)))]
    worst = max(terms, key=lambda t: float(share.sel(term=t)))
    value, left = float(share.sel(term=worst)), float(d["left"].sel(term=worst))
    said = f"5 % of the points hold {100 * value:.0f} % of the squared residual of `{worst}`"
    if value < CONCENTRATED or left < UNSOLVED:
        return Finding("concentration", "ok", f"{said}.", evidence)
    return Finding(
        "concentration",
        "warning",
        f"the residual sits in a small region: {said}, with {percent(left)} of its largest value left.",
        evidence,
        "Put points where it is: `sampler=ude.samplers.ResidualAdaptive()`.",
    )
