"""Rollouts against measurements: what every objective on a stepper shares.

Targets are data, not constants of the graph, so that fresh batches compile nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np

from ..errors import ModelError
from ..graph import Expression, Graph, variable
from ..model import Stepper
from .estimation_problem import EstimationProblem
from .program import Given, LossProgram, Source
from .spectral import spectral_misfit, spectral_name

__all__ = ["compared", "masked", "stepper_of", "target_terms"]


def stepper_of(problem: EstimationProblem) -> Stepper:
    """The problem's model, which must be one that steps."""
    if problem.model.continuous_in_time:
        raise ModelError(
            f"`Unrolled` rolls out steps, but the model is {type(problem.model).__name__}, continuous in time. Make it "
            "a stepper, e.g. `ude.Stepper(model, dt=0.1)`, or use `Trajectory()` or `MultipleShooting()`."
        )
    return cast(Stepper, problem.model)


def masked(problem: EstimationProblem, name: str, values: np.ndarray) -> dict[str, np.ndarray]:
    """Arrays that a term needs of its measurements: the values, and a mask where some may be missing."""
    if _always_measured(problem, name) and np.isfinite(values).all():
        return {name: values}
    mask = np.isfinite(values)
    filled = values[mask][0] if mask.any() else 1.0
    # Unmeasured places hold a measured value, so that no loss function meets a number outside its domain there.
    return {name: np.where(mask, values, filled), f"mask.{name}": mask.astype(float)}


def _always_measured(problem: EstimationProblem, name: str) -> bool:
    """Whether an observable is exactly a state: rollouts refuse those with missing values."""
    return any(problem.model.observed_state(s.name) == name for s in problem.model.states)


def target_terms(
    problem: EstimationProblem,
    predicted: Mapping[str, Expression],
    targets: Mapping[str, Expression],
    theta: Expression,
) -> tuple[dict[str, Expression], dict[str, float]]:
    """One term a predicted variable: mean cost over its values, which change from batch to batch; and weights."""
    terms: dict[str, Expression] = {}
    sizes = {n: e.size for n, e in predicted.items()}
    for name in predicted:
        cost = problem.misfits(name, predicted[name], targets[name], theta)
        mask: Any = targets.get(f"mask.{name}")
        if mask is None:
            terms[name] = np.sum(cost) * (1.0 / sizes[name])  # type: ignore[call-overload, operator]
        else:
            kept: Any = np.sum(np.where(mask > 0.5, cost, 0.0))  # type: ignore[call-overload]
            terms[name] = kept / np.maximum(np.sum(mask), 1.0)
    return terms, problem.term_weights(sizes)


def compared(
    problem: EstimationProblem,
    source: Source,
    given: Given,
    names: Sequence[str] | None = None,
    spectral: Mapping[str, float] | None = None,
) -> LossProgram:
    """The objective that compares what a source observes with given targets, costs and regularisation included.

    `names`: of the variables that count, default all. `spectral`: those whose spectra count as well → their weights.
    """
    theta = problem.theta()
    arrays = {name: variable(name, shape) for name, shape in {**source.shapes, **given.shapes}.items()}
    chosen = problem.observations.names if names is None else names
    predicted = {n: arrays[f"{source.name}.observed.{n}"] for n in chosen}
    targets = {key: arrays[f"{given.name}.{key}"] for key in given.data}
    terms, weights = target_terms(problem, predicted, targets, theta)
    for name, weight in (spectral or {}).items():
        grid, scale = getattr(problem.model, "grid"), problem.scales[name]  # noqa: B009
        terms[spectral_name(name)] = spectral_misfit(grid, predicted[name], targets[name], scale)
        weights[spectral_name(name)] = weight * float(problem.loss.weights.get(name, 1.0))
    more, extra = problem.extra_terms(theta, {n: arrays[f"{source.name}.cost.{n}"] for n in problem.costs})
    loss = Graph((*arrays.values(), theta), {**terms, **more})
    return LossProgram((source, given), loss, {**weights, **extra})
