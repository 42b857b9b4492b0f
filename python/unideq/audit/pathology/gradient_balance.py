"""Are the terms' weighted gradients of comparable size? Wang et al. 2021, figs. 2 and 4."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr

from ...checks import known_arguments
from ..finding import Finding
from .left import LATE, UNSOLVED, named, percent, ranged
from .pathology import Pathology
from .subject import Watched

__all__ = ["Balance"]

GAP, KERNEL_GAP = 10.0, 100.0
"""Ratio of gradient norms, and of kernel traces, from which the smaller term isn't heard."""


@known_arguments
@dataclass(frozen=True)
class Balance(Pathology):
    """Are the terms' weighted gradients of comparable size?"""

    name = "balance"

    def verdict(self, watched: Watched) -> Finding:
        return balance_finding(watched.dataset, watched.moments.later, watched.moments.balance)


def balance_finding(d: xr.Dataset, later: np.ndarray, rule: str = "") -> Finding:
    name = "balance"
    reference = set(str(d.attrs["reference"]).split(", "))
    others = [str(t) for t in d["term"].values if t not in reference]
    if not others:
        return Finding(name, "ok", "there is one kind of term, so nothing to balance.", d[["norm", "weight"]])
    late = d.isel(iteration=later)
    norms, kernels = late["norm_ratio"].median("iteration"), _kernel_gap(late, reference)
    spread = late["annealing_ratio"].median("iteration")
    evidence = xr.Dataset({"norm_ratio": norms, "kernel_ratio": kernels, "annealing_ratio": spread, "left": d["left"]})
    measure = " + ".join(f"`{r}`" for r in sorted(reference))
    loud = [t for t in others if (norms.sel(term=t) > GAP or kernels.sel(term=t) > KERNEL_GAP)]
    faint = [t for t in loud if d["left"].sel(term=t) > UNSOLVED]
    if faint:
        worst = max(faint, key=lambda t: float(kernels.sel(term=t).fillna(norms.sel(term=t))))
        at = {k: float(v.sel(term=worst)) for k, v in evidence.items()}
        return Finding(
            name,
            "warning",
            f"unbalanced gradients: those of {measure} are {at['norm_ratio']:.3g} times as large as those of `{worst}` "
            f"(kernel traces {at['kernel_ratio']:.3g}:1, max|∇L_r| / mean|∇λL| {at['annealing_ratio']:.3g}), and "
            f"{percent(at['left'])} of `{worst}`'s largest value is left"
            + (f"; the same holds for {named(t for t in faint if t != worst)}." if len(faint) > 1 else "."),
            evidence,
            "Balance the terms: `balance=ude.LearningRateAnnealing()` or `balance=ude.GradientNorm()`, or give "
            f"`{worst}` a larger weight."
            if not rule
            else f"`{rule}` hasn't balanced them yet: let it start with a larger weight of `{worst}`, "
            "follow faster (`rate`, `every`), or train longer.",
        )
    drowned = [r for r in reference if d["left"].sel(term=r) > LATE]
    heavy = [t for t in others if norms.sel(term=t) < 2.0 / GAP and kernels.sel(term=t) < 1.0 / KERNEL_GAP**2]
    if drowned and heavy:
        t = heavy[0]
        return Finding(
            name,
            "warning",
            f"unbalanced gradients: those of `{t}` are {1.0 / float(norms.sel(term=t)):.3g} times as large as those of "
            f"{measure} (kernel traces {1.0 / float(kernels.sel(term=t)):.3g}:1), and "
            f"{percent(float(d['left'].sel(term=drowned[0])))} of `{drowned[0]}`'s largest value is left.",
            evidence,
            f"Give `{t}` a smaller weight, or leave it to `balance=ude.LearningRateAnnealing()`.",
        )
    if loud:
        return Finding(
            name,
            "ok",
            f"gradients of {measure} are larger than those of {named(loud)} (norms {ranged(norms.sel(term=loud))}:1), "
            f"but {named(loud)} {'are' if len(loud) > 1 else 'is'} solved all the same.",
            evidence,
        )
    return Finding(
        name,
        "ok",
        f"gradients are balanced: norms {ranged(norms.sel(term=others))}:1"
        + (f", kernel traces {ranged(kernels.sel(term=others))}:1" if bool(kernels.notnull().any()) else "")
        + f" ({measure} : the others).",
        evidence,
    )


def _kernel_gap(late: xr.Dataset, reference: set[str]) -> xr.DataArray:
    """λ_r² tr K_r / (λᵢ² …) is the ratio of squared gradients; that of rates of convergence has λ once."""
    if "kernel_trace" not in late:
        return late["norm"].median("iteration") * np.nan
    rates = (late["kernel_trace"] * late["weight"]).median("iteration")
    return rates.sel(term=list(reference)).max("term") / rates
