"""`fit.audit()` of residual fits: which of the known pathologies the training has, and what to do against each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from ...checks import checked_names, flag, known_arguments, whole
from ...errors import EngineUnsupported, ExtraMissing
from ...nn import ModifiedMLP, PirateNet
from ...objective.balance import Causal
from ...objective.program import Objective
from ...residual import Interior, Residual, ResidualProblem
from ...residual.samplers import Sobol
from ..finding import Finding
from ..report import Audit
from .gradient_statistics import counted_terms, gradient_statistics
from .hessian import Hessian
from .moments import Moments, moments_of
from .residual_points import SLICES, concentration, squares, time_slices
from .verdicts import (
    balance_finding,
    causality_finding,
    concentration_finding,
    conflict_finding,
    generalisation_finding,
    progress_finding,
    stiffness_finding,
)

__all__ = ["CHECKS", "PATHOLOGIES", "Pathology", "audit_residual", "pathology"]

PATHOLOGIES = ("balance", "stiffness", "conflict", "causality", "concentration", "generalisation")
CHECKS = (*PATHOLOGIES, "progress")
_TOLERANCE = 1e-2
"""Of eigenvalues."""
_LOGGED = 400
"""Weights stored of training's log, at most."""
_LAST = 5
"""Iterations at the end of training whose logs stand for the terms at the training points."""


@dataclass(frozen=True)
class Pathology:
    """What the training of a residual fit looks like from its gradients.

    Attributes
    ----------
    findings
        One a check, in the order of `CHECKS`.
    dataset
        What `gradient_statistics` returns at validation points, and over `iteration`
        `hessian_max` (of the weighted total), `learning_rate`; `hessian_min`, at the end; over `term` `left` (value at
        the end over the largest one on the way), `training_loss`, `term_hessian_max` (unweighted, at the end); over
        both `concentration` (share of 5 % of the points) and, with time, `slice_loss` (also over `slice`);
        `weight_log` over `logged` and `term`, where weights moved.
    """

    findings: tuple[Finding, ...]
    dataset: xr.Dataset

    def groups(self) -> dict[str, xr.Dataset]:
        """What is stored under `/diagnostics`."""
        return {"gradients": self.dataset}


@known_arguments
def audit_residual(
    fit: Any,
    checks: Sequence[str] | str = CHECKS,
    *,
    points: int = 256,
    snapshots: int = 8,
    hessian: bool = True,
    seed: int | None = None,
) -> Audit:
    """Look for the known pathologies of residual training, name each and its remedy.

    `balance`: the terms' gradients differ in size. `stiffness`: the largest Hessian eigenvalue is too large for the
    learning rate. `conflict`: gradients point apart. `causality`: late times are solved before early ones.
    `concentration`: the residual sits in few points. `generalisation`: it is small at the training points alone.
    `progress` says what is left, with or without a pathology.

    Parameters
    ----------
    fit
        Of a `ResidualProblem`.
    checks
        Which of these.
    points
        Validation points a term, at which all is evaluated.
    snapshots
        Largest number of moments of training that are looked at.
    hessian
        Whether to compute Hessian eigenvalues (some 60 gradients a moment); without, `stiffness` is left out.
    seed
        Which member of an ensemble; None: the best.

    Returns
    -------
    Audit
        Also stored in the fit's tree under `/diagnostics/gradients` and `/diagnostics/audit_findings`, and so in its
        file. `plot()` draws histograms a layer, and ratios, eigenvalues and weights over training.

    Raises
    ------
    OptionError, DataError
        For unknown checks, and where a term's gradient isn't finite.
    """
    moments = moments_of(fit, seed, snapshots)
    made = pathology(moments, checks, points=points, hessian=hessian)
    audit = Audit(made.findings, pathology=made)
    for name, group in audit.groups().items():
        if name == "gradients":  # its terms are those of `/diagnostics`, also those without a weight
            every = list(Residual().validation(moments.problem, 1).terms)
            fit.add_group("/diagnostics/gradients", group.reindex(term=every))
        else:
            fit.add_group(f"/diagnostics/audit_{name}", group)
    return audit


def pathology(
    moments: Moments, checks: Sequence[str] | str = CHECKS, *, points: int = 256, hessian: bool = True
) -> Pathology:
    """The same for a training that isn't a `Fit`; see `audit_residual`."""
    wanted, points = checked_names(checks, "checks", CHECKS), whole(points, "points", "audit", least=1)
    flag(hessian, "hessian", "audit")
    problem, later = moments.problem, moments.later
    plain = Residual().validation(problem, points)
    objective = plain if moments.causal is None else _causal(problem, moments.causal, points)
    data = _dataset(moments, objective, plain)
    findings: list[Finding] = []
    for name in [n for n in CHECKS if n in wanted]:
        if name == "balance":
            findings.append(balance_finding(data, later, moments.balance))
        elif name == "stiffness" and hessian:
            try:
                data = data.assign(_curvature(moments, objective, data))
                findings.append(stiffness_finding(data, _gated(problem)))
            except (ExtraMissing, EngineUnsupported) as error:
                findings.append(Finding(name, "note", f"not checked: {error}", xr.Dataset()))
        elif name == "conflict":
            findings.append(conflict_finding(data, later))
        elif name == "causality" and "slice_loss" in data:
            findings.append(causality_finding(data, moments.causal is not None))
        elif name == "concentration" and np.isfinite(data["concentration"].values).any():
            findings.append(concentration_finding(data))
        elif name == "generalisation":
            findings.append(generalisation_finding(data, moments.causal is not None))
        elif name == "progress":
            findings.append(progress_finding(data))
    return Pathology(tuple(findings), data)


def _causal(problem: ResidualProblem, causal: Causal, points: int) -> Objective:
    """Terms as they were trained on, with causal weights, at points of its own."""
    count = causal.chunks * max(1, round(points / causal.chunks))
    return Residual(count, Sobol(redraw=None), seed=1, causal=causal).build(problem)


def _dataset(moments: Moments, objective: Objective, plain: Objective) -> xr.Dataset:
    """Gradients, residuals at points and what is left of the terms; all but curvature.

    Values of terms are those of `plain`, which has no causal weights.
    """
    problem, terms = moments.problem, counted_terms(objective)
    interior = [t for t in terms if isinstance(_term_of(problem, t), Interior)]
    data = gradient_statistics(
        moments.engine,
        objective,
        moments.theta,
        problem.layout,
        reference=interior or None,
        iterations=[int(k) for k in moments.iterations],
        weights=moments.weights_of(terms, objective.weights),
    )
    values = moments.engine.value(plain, moments.theta).terms
    data["loss"] = ("iteration", "term"), np.stack([values[t] for t in terms], axis=1)
    largest, training = data["loss"].max("iteration"), _at_training_points(moments, terms)
    left = (data["loss"].isel(iteration=-1) / largest.where(largest > 0.0, 1.0)).drop_vars("iteration")
    data = data.assign(
        left=left, training_loss=("term", training), learning_rate=("iteration", np.asarray(moments.learning_rate))
    )
    data.attrs["still_falling"] = moments.still_falling
    return data.assign(_at_points(moments, plain, interior or list(terms), terms)).assign(_weight_log(moments, terms))


def _at_training_points(moments: Moments, terms: Sequence[str]) -> np.ndarray:
    """Terms (T,) at the points that were trained on last, with the parameters that are judged.

    Where those aren't known it is what was logged last; where a total still falls, earlier logs would be too large.
    """
    if moments.training is not None:
        found = moments.engine.value(moments.training, moments.theta[-1]).terms
        return np.array([float(found.get(name, np.nan)) for name in terms])
    logged = [np.asarray(moments.terms.get(name, ()), dtype=float) for name in terms]
    finite = [values[np.isfinite(values)] for values in logged]
    return np.array([float(np.median(values[-_LAST:])) if len(values) else np.nan for values in finite])


def _term_of(problem: ResidualProblem, label: str) -> Any:
    """The term that a label belongs to: `pde` or, of a term that returns a dict, `pde.KEY`."""
    return problem.terms[label] if label in problem.terms else problem.terms.get(label.rpartition(".")[0])


def _gated(problem: ResidualProblem) -> bool:
    """Whether a field's network is one that was made to lower curvature."""
    return any(isinstance(network, (ModifiedMLP, PirateNet)) for network in problem.networks.values())


def _at_points(moments: Moments, objective: Objective, looked: Sequence[str], terms: Sequence[str]) -> dict[str, tuple]:
    steps = len(moments.theta)
    shares = np.full((steps, len(terms)), np.nan)
    slices = np.full((steps, len(terms), SLICES), np.nan)
    interval = moments.problem.domain.intervals.get("t")
    for name, (columns, values) in squares(moments.engine, objective, moments.theta, looked).items():
        shares[:, terms.index(name)] = concentration(values)
        if interval is not None and "t" in columns:
            slices[:, terms.index(name)] = time_slices(columns["t"], values, *interval)
    found: dict[str, tuple] = {"concentration": (("iteration", "term"), shares)}
    if np.isfinite(slices).any():
        found["slice_loss"] = (("iteration", "term", "slice"), slices)
    return found


def _weight_log(moments: Moments, terms: Sequence[str]) -> dict[str, tuple]:
    """Training's weights, thinned."""
    if not any(name in moments.weight_log for name in terms):
        return {}
    count = len(next(iter(moments.weight_log.values())))
    at = np.unique(np.linspace(0, count - 1, min(count, _LOGGED)).round().astype(int))
    nothing = np.full(count, np.nan)
    log = np.stack([np.asarray(moments.weight_log.get(name, nothing))[at] for name in terms], axis=1)
    return {"weight_log": (("logged", "term"), log), "logged_iteration": (("logged",), at)}


def _curvature(moments: Moments, objective: Objective, data: xr.Dataset) -> dict[str, tuple]:
    """Highest Hessian eigenvalues of the weighted total at all moments; the lowest, and each term's, at the last."""
    hessian = Hessian(moments.engine, objective)
    free = moments.problem.layout.free_mask
    weights = data["weight"].values

    def highest(theta: np.ndarray, weight: np.ndarray | str) -> float:
        return float(hessian.eigenvalues(theta, 1, weight, free=free, lowest=False, tolerance=_TOLERANCE)[-1])

    last = moments.theta[-1]
    ends = hessian.eigenvalues(last, 1, weights[-1], free=free, tolerance=_TOLERANCE)
    above = [*(highest(theta, w) for theta, w in zip(moments.theta[:-1], weights, strict=False)), float(ends[-1])]
    return {
        "hessian_max": (("iteration",), np.array(above)),
        "hessian_min": ((), float(ends[0])),
        "term_hessian_max": (("term",), np.array([highest(last, name) for name in hessian.terms])),
    }
