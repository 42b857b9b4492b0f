"""Is the gradient flow stiff for the learning rate? Wang et al. 2021, § 2.4."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

import numpy as np
import xarray as xr

from ...checks import known_arguments
from ...errors import EngineUnsupported, ExtraMissing
from ...nn import ModifiedMLP, PirateNet
from ..finding import Finding
from .left import UNSOLVED, named
from .pathology import Pathology
from .subject import ResidualSubject, Watched

__all__ = ["Stiffness"]

STIFF = 20.0
"""λ_max · learning rate; gradient descent diverges above 2, Adam stands about ten times as much."""


@known_arguments
@dataclass(frozen=True)
class Stiffness(Pathology):
    """Is the gradient flow stiff for the learning rate?"""

    name = "stiffness"

    def prepare(self, subject: ResidualSubject) -> None:
        """Look at the moments, and at the Hessian where it can be computed."""
        super().prepare(subject)
        with suppress(ExtraMissing, EngineUnsupported):  # told by `examine`
            self.watched(subject).curvature()

    def verdict(self, watched: Watched) -> Finding:
        watched.curvature()
        gated = any(isinstance(n, (ModifiedMLP, PirateNet)) for n in watched.moments.problem.networks.values())
        return stiffness_finding(watched.dataset, gated)


def stiffness_finding(d: xr.Dataset, gated: bool = False) -> Finding:
    evidence = d[["hessian_max", "hessian_min", "learning_rate", "left"]]
    largest = d["hessian_max"].values
    k = int(np.nanargmax(np.nan_to_num(largest, nan=-np.inf)))
    size = f"largest Hessian eigenvalue {largest[k]:.3g} at iteration {int(d['iteration'][k])}"
    growth = largest[k] / largest[0] if largest[0] > 0.0 else np.nan
    grown = f", {growth:.3g} times that at the start" if growth > 10.0 else ""
    product = largest * d["learning_rate"].values
    if not np.isfinite(product).any():
        return Finding("stiffness", "ok", f"{size}{grown}; no phase had a fixed learning rate.", evidence)
    worst = float(np.nanmax(product))
    bound = f"λ_max · learning rate {worst:.3g} at the worst (gradient descent: below 2; Adam: up to about {STIFF:g})"
    if worst <= STIFF:
        return Finding("stiffness", "ok", f"{size}{grown}: {bound}.", evidence)
    unsolved = [str(t) for t in d["term"].values if d["left"].sel(term=t) > UNSOLVED]
    if not unsolved:
        return Finding("stiffness", "note", f"{size}{grown}: {bound}, but all terms are solved.", evidence)
    return Finding(
        "stiffness",
        "warning",
        f"stiff gradient flow: {size}{grown}: {bound}; {named(unsolved)} {'are' if len(unsolved) > 1 else 'is'} "
        "not solved.",
        evidence,
        ("" if gated else "Take a network with less curvature, `ude.nn.ModifiedMLP(...)`. ")
        + "Go on with `ude.SOAP(...)` or `ude.GaussNewton(...)`, which rescale directions, or with a learning rate "
        "that decays further.",
    )
