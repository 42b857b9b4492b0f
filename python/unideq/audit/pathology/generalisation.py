"""Is the equation solved between the training points too?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr

from ...checks import known_arguments
from ..finding import Finding
from .left import UNSOLVED, percent
from .pathology import Pathology
from .subject import Watched

__all__ = ["Generalisation"]

OVERFITTED = 30.0
"""Validation over training total."""


@known_arguments
@dataclass(frozen=True)
class Generalisation(Pathology):
    """Is the equation solved between the training points too?"""

    name = "generalisation"

    def verdict(self, watched: Watched) -> Finding:
        return generalisation_finding(watched.dataset, watched.moments.causal is not None)


def generalisation_finding(d: xr.Dataset, causal: bool = False) -> Finding:
    name = "generalisation"
    if causal:
        said = "not checked: training logged its terms with causal weights, which validation doesn't have."
        return Finding(name, "note", said, d[["training_loss", "loss"]])
    weight = d["weight"].isel(iteration=-1)
    evidence = xr.Dataset({"training": d["training_loss"], "validation": d["loss"].isel(iteration=-1)})
    if not np.isfinite(d["training_loss"].values).all():
        return Finding(name, "note", "not checked: the training's own terms weren't logged.", evidence)
    training = float((d["training_loss"] * weight).sum())
    validation = float((d["loss"].isel(iteration=-1) * weight).sum())
    ratio = validation / training if training > 0.0 else (np.inf if validation > 0.0 else 1.0)
    said = f"the total at points never trained on is {ratio:.3g} times that of training"
    worst = max((str(t) for t in d["term"].values), key=lambda t: float(d["left"].sel(term=t)))
    left = float(d["left"].sel(term=worst))
    if ratio <= OVERFITTED:
        return Finding(name, "ok", f"{said}.", evidence)
    if left < UNSOLVED:
        return Finding(name, "note", f"{said}, but all terms are solved there too.", evidence)
    return Finding(
        name,
        "warning",
        f"overfitted points: {said}; {percent(left)} of `{worst}`'s largest value is left there.",
        evidence,
        "Take more points, `ude.Residual(points=…)`, or redraw them, `sampler=ude.samplers.Uniform()`.",
    )
