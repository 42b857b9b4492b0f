"""Verdicts on the training of a residual fit: each names a pathology, the numbers it rests on, and the remedy.

Thresholds were set on small fits (networks 30/3, Adam 1e-3, 128 points a term); `docs/how-to/audit.md` has the numbers.
A term counts as unsolved while more than `UNSOLVED` of the largest value that it had is left. Numbers of training are
medians over its second half: single gradients scatter.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations

import numpy as np
import xarray as xr

from ..finding import Finding

__all__ = [
    "CONCENTRATED",
    "CONFLICT",
    "DRIFT",
    "FALLING",
    "GAP",
    "KERNEL_GAP",
    "OVERFITTED",
    "STIFF",
    "UNSOLVED",
    "balance_finding",
    "causality_finding",
    "concentration_finding",
    "conflict_finding",
    "generalisation_finding",
    "progress_finding",
    "stiffness_finding",
]

UNSOLVED = 1e-3
"""Part of a term's largest value that is left of one that isn't solved: three per cent in amplitude."""
GAP, KERNEL_GAP = 10.0, 100.0
"""Ratio of gradient norms, and of kernel traces, from which the smaller term isn't heard."""
CONFLICT = -0.3
"""Cosine between two terms' gradients."""
STIFF = 20.0
"""λ_max · learning rate; gradient descent diverges above 2, Adam stands about ten times as much."""
DRIFT, EARLY, LATE = 30.0, 3, 1e-2
"""Mean squared residual of the first `EARLY` slices of time over the last half's; and what is left of the term."""
CONCENTRATED = 0.7
"""Share of the squared residual in 5 % of the points."""
FALLING = 2.0
"""Factor by which a total falls in the last fifth of a training that isn't at its end."""
OVERFITTED = 30.0
"""Validation over training total."""


def balance_finding(d: xr.Dataset, later: np.ndarray, rule: str = "") -> Finding:
    """(a) Are the terms' weighted gradients of comparable size? Wang et al. 2021, figs. 2 and 4."""
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
            f"{_percent(at['left'])} of `{worst}`'s largest value is left"
            + (f"; the same holds for {_names(t for t in faint if t != worst)}." if len(faint) > 1 else "."),
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
            f"{_percent(float(d['left'].sel(term=drowned[0])))} of `{drowned[0]}`'s largest value is left.",
            evidence,
            f"Give `{t}` a smaller weight, or leave it to `balance=ude.LearningRateAnnealing()`.",
        )
    if loud:
        return Finding(
            name,
            "ok",
            f"gradients of {measure} are larger than those of {_names(loud)} (norms {_range(norms.sel(term=loud))}:1), "
            f"but {_names(loud)} {'are' if len(loud) > 1 else 'is'} solved all the same.",
            evidence,
        )
    return Finding(
        name,
        "ok",
        f"gradients are balanced: norms {_range(norms.sel(term=others))}:1"
        + (f", kernel traces {_range(kernels.sel(term=others))}:1" if bool(kernels.notnull().any()) else "")
        + f" ({measure} : the others).",
        evidence,
    )


def _kernel_gap(late: xr.Dataset, reference: set[str]) -> xr.DataArray:
    """λ_r² tr K_r / (λᵢ² …) is the ratio of squared gradients; that of rates of convergence has λ once."""
    if "kernel_trace" not in late:
        return late["norm"].median("iteration") * np.nan
    rates = (late["kernel_trace"] * late["weight"]).median("iteration")
    return rates.sel(term=list(reference)).max("term") / rates


def stiffness_finding(d: xr.Dataset, gated: bool = False) -> Finding:
    """(b) Is the gradient flow stiff for the learning rate? Wang et al. 2021, § 2.4."""
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
        f"stiff gradient flow: {size}{grown}: {bound}; {_names(unsolved)} {'are' if len(unsolved) > 1 else 'is'} "
        "not solved.",
        evidence,
        ("" if gated else "Take a network with less curvature, `ude.nn.ModifiedMLP(...)`. ")
        + "Go on with `ude.SOAP(...)` or `ude.GaussNewton(...)`, which rescale directions, or with a learning rate "
        "that decays further.",
    )


def conflict_finding(d: xr.Dataset, later: np.ndarray) -> Finding:
    """(c) Do terms that aren't solved pull against each other all the time? Yu et al. 2020; Liu et al. 2025."""
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
        return value(pair) < CONFLICT and bool((both < 0.0).mean() > 0.75)

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
        f"of training), while {_percent(float(d['left'].sel(term=a)))} and {_percent(float(d['left'].sel(term=b)))} of "
        "their largest values are left.",
        evidence,
        "Combine them without conflict, `balance=ude.ConFIG()`. If that doesn't help, the terms may contradict each "
        "other, or the fit sits where they cancel: look at the other findings.",
    )


def causality_finding(d: xr.Dataset, used: bool) -> Finding:
    """(d) Were late times solved before early ones? Wang, Sankaran & Perdikaris 2024, arXiv:2203.07404."""
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
            f"{said}, and {_percent(left)} of its largest value is left: causal weights haven't let all times in.",
            evidence,
            "Train longer, or give them a smaller tolerance, `ude.Causal(tolerance=…)`.",
        )
    if value < DRIFT or left < LATE:
        return Finding("causality", "ok", f"{said}, and {_percent(left)} of its largest value is left.", evidence)
    return Finding(
        "causality",
        "warning",
        f"causality is violated: {said} (first {EARLY} of {count} slices against the last half), with {_percent(left)} "
        "of its largest value left: late times satisfy the equation without knowing what came before.",
        evidence,
        "Let time count from the beginning on: `balance=ude.Causal()`, or combined, "
        "`balance=[ude.LearningRateAnnealing(), ude.Causal()]`."
        if not used
        else "Causal weights are at work: give them a larger tolerance, `ude.Causal(tolerance=…)`, or train longer.",
    )


def concentration_finding(d: xr.Dataset) -> Finding:
    """(f) Do few points hold most of the residual? Wu et al. 2023."""
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
        f"the residual sits in a small region: {said}, with {_percent(left)} of its largest value left.",
        evidence,
        "Put points where it is: `sampler=ude.samplers.ResidualAdaptive()`.",
    )


def generalisation_finding(d: xr.Dataset, causal: bool = False) -> Finding:
    """(g) Is the equation solved between the training points too?"""
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
        f"overfitted points: {said}; {_percent(left)} of `{worst}`'s largest value is left there.",
        evidence,
        "Take more points, `ude.Residual(points=…)`, or redraw them, `sampler=ude.samplers.Uniform()`.",
    )


def progress_finding(d: xr.Dataset) -> Finding:
    """Is there much left to solve, whatever the reason?"""
    left = d["left"]
    unsolved = [str(t) for t in d["term"].values if left.sel(term=t) > LATE]
    worst = str(d["term"].values[int(np.argmax(left.values))])
    said = f"{_percent(float(left.sel(term=worst)))} of the largest value of `{worst}` is left"
    falling = float(d.attrs.get("still_falling", np.nan))
    if not unsolved and falling > FALLING:
        return Finding(
            "progress",
            "note",
            f"{said}, and it isn't the end: the total fell {falling:.3g} times in the last fifth of training.",
            d[["left"]].assign_attrs(still_falling=falling),
            "Train longer, or go on with `ude.SOAP(...)` or `ude.GaussNewton(...)`.",
        )
    if not unsolved:
        return Finding(
            "progress", "ok", f"{said}, less of the others." if d.sizes["term"] > 1 else f"{said}.", d[["left"]]
        )
    return Finding(
        "progress",
        "note",
        f"not solved yet: {said}.",
        d[["left"]],
        "See to the warnings first; where there are none, train longer or go on with `ude.SOAP(...)` or "
        "`ude.GaussNewton(...)`.",
    )


def _percent(part: float) -> str:
    return f"{100 * part:.2g} %" if part < 0.995 else "all"


def _names(names: Iterable[str]) -> str:
    return ", ".join(f"`{n}`" for n in names)


def _range(values: xr.DataArray) -> str:
    low, high = float(values.min()), float(values.max())
    return f"{low:.3g}" if np.isclose(low, high) or not np.isfinite(low) else f"{low:.3g}–{high:.3g}"
