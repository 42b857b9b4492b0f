"""What checks of residual fits look at: training at several moments, at validation points, computed once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from ...objective.program import LossProgram
from ...objective.weighting_rules import Causal
from ...residual import Interior, Residual, ResidualProblem
from ...residual.samplers import Sobol
from ...result import Fit
from ..subject import Subject
from .gradient_statistics import counted_terms, gradient_statistics
from .hessian import Hessian
from .moments import Moments, moments_of
from .residual_points import SLICES, concentration, squares, time_slices

__all__ = ["ResidualSubject", "Watched"]

_TOLERANCE = 1e-2
"""Of eigenvalues."""
_LOGGED = 400
"""Weights stored of training's log, at most."""
_LAST = 5
"""Iterations at the end of training whose logs stand for the terms at the training points."""


class ResidualSubject(Subject):
    """A fit of a residual problem.

    Attributes
    ----------
    fit
        The fit.
    """

    words = "a fit of a residual problem"

    models = ResidualProblem

    def __init__(self, fit: Fit, **given: Any) -> None:
        super().__init__(fit, **given)
        self._watched: dict[tuple[int, int, int | None], Watched] = {}

    def watched(self, points: int = 256, snapshots: int = 8, seed: int | None = None) -> Watched:
        """Gradients, residuals and what is left of the terms; see `Pathology` for the settings."""
        key = points, snapshots, seed
        if key not in self._watched:
            self._watched[key] = Watched(moments_of(self.fit, seed, snapshots), points)
        return self._watched[key]


class Watched:
    """A training seen at several moments.

    Attributes
    ----------
    moments
        Parameters, weights and learning rates there.
    dataset
        What `gradient_statistics` returns at validation points, and over `iteration` `hessian_max` (of the weighted
        total), `learning_rate`; `hessian_min`, at the end; over `term` `left` (value at the end over the largest one
        on the way), `training_loss`, `term_hessian_max` (unweighted, at the end); over both `concentration` (share of
        5 % of the points) and, with time, `slice_loss` (also over `slice`); `weight_log` over `logged` and `term`,
        where weights moved.
    """

    def __init__(self, moments: Moments, points: int) -> None:
        self.moments = moments
        plain = Residual().validation(moments.problem, points)
        self.objective = plain if moments.causal is None else _causal(moments.problem, moments.causal, points)
        self.dataset = _dataset(moments, self.objective, plain)

    def curvature(self) -> None:
        """Add eigenvalues of the Hessian, some 60 gradients a moment, unless they are there.

        Raises
        ------
        ExtraMissing, EngineUnsupported
            Where they can't be computed.
        """
        if "hessian_max" not in self.dataset:
            self.dataset = self.dataset.assign(_curvature(self.moments, self.objective, self.dataset))

    def group(self) -> xr.Dataset:
        """The dataset over all terms of `/diagnostics`, also those without a weight."""
        return self.dataset.reindex(term=list(Residual().validation(self.moments.problem, 1).terms))


def _causal(problem: ResidualProblem, causal: Causal, points: int) -> LossProgram:
    """Terms as they were trained on, with causal weights, at points of its own."""
    count = causal.chunks * max(1, round(points / causal.chunks))
    return Residual(count, Sobol(redraw=None), seed=1, causal=causal).build(problem)


def _dataset(moments: Moments, objective: LossProgram, plain: LossProgram) -> xr.Dataset:
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


def _at_points(
    moments: Moments, objective: LossProgram, looked: Sequence[str], terms: Sequence[str]
) -> dict[str, tuple]:
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


def _curvature(moments: Moments, objective: LossProgram, data: xr.Dataset) -> dict[str, tuple]:
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
