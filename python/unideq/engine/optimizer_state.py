"""The optimisers' state as named arrays: what a run begins with, saves and resumes from, the same on every engine.

All arrays have the seeds in front, (S, …). Runs saved by one engine go on with another.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..errors import ModelError, unknown
from .protocol import OptimizerSettings
from .soap_state import begin_bases

__all__ = ["OPTIMIZERS", "SCHEDULES", "begin", "check_optimizer", "flatten", "restore"]

OPTIMIZERS = ("adam", "adamw", "soap", "lbfgs", "bfgs", "gauss_newton")
SCHEDULES = ("ExponentialDecay", "CosineDecay", "PiecewiseConstant", "Warmup")

State = dict[str, Any]
"""Name → array, or → a state of its own."""


def check_optimizer(optimizer: OptimizerSettings) -> None:
    """Raise an `OptionError` where the optimiser or its schedule is unknown."""
    if optimizer.name not in OPTIMIZERS:
        raise unknown("optimizer", optimizer.name, OPTIMIZERS)
    rate = optimizer.settings.get("learning_rate")
    if isinstance(rate, Mapping) and rate.get("schedule") not in SCHEDULES:
        raise unknown("schedule", rate.get("schedule"), SCHEDULES)


def begin(optimizer: OptimizerSettings, theta: np.ndarray, terms: int) -> State:
    """State of S seeds at the start θ (S, P), for an objective with that many terms."""
    seeds = len(theta)
    common = {
        "theta": theta,
        "best_theta": theta.copy(),
        "best_total": np.full(seeds, np.inf),
        "iteration": np.zeros(seeds, int),
        "finished": np.zeros(seeds, int),
    }
    return {**common, **_BEGIN[optimizer.name](theta, optimizer.settings, terms)}


def _begin_adam(theta: np.ndarray, settings: Mapping[str, Any], terms: int) -> State:
    seeds = len(theta)
    guard = {} if settings.get("skip") is None else _begin_guard(seeds)
    return {
        **guard,
        "good_theta": theta.copy(),
        "mean": np.zeros_like(theta),
        "square": np.zeros_like(theta),
        "accepted": np.zeros(seeds, int),
        "factor": np.ones(seeds),
        "streak": np.zeros(seeds, int),
    }


def _begin_guard(seeds: int) -> State:
    """Exponential mean of the accepted updates' gradient norms, its weights' sum, and updates left out in a row."""
    return {"norm_mean": np.zeros(seeds), "norm_weight": np.zeros(seeds), "skipped": np.zeros(seeds, int)}


def _begin_soap(theta: np.ndarray, settings: Mapping[str, Any], terms: int) -> State:
    return {**_begin_adam(theta, settings, terms), **begin_bases(theta, settings)}


def _begin_gauss_newton(theta: np.ndarray, settings: Mapping[str, Any], terms: int) -> State:
    """Damping μ (0: not chosen yet), and its growth at the next rejection."""
    return {"damping": np.zeros(len(theta)), "growth": np.full(len(theta), 2.0)}


def _begin_lbfgs(theta: np.ndarray, settings: Mapping[str, Any], terms: int) -> State:
    seeds, size = theta.shape
    return _begin_quasi_newton(theta, terms, _begin_limited(seeds, size, int(settings.get("memory", 20))))


def _begin_bfgs(theta: np.ndarray, settings: Mapping[str, Any], terms: int) -> State:
    return _begin_quasi_newton(theta, terms, _begin_dense(*theta.shape))


_BEGIN: dict[str, Callable[[np.ndarray, Mapping[str, Any], int], State]] = {
    "adam": _begin_adam,
    "adamw": _begin_adam,
    "soap": _begin_soap,
    "lbfgs": _begin_lbfgs,
    "bfgs": _begin_bfgs,
    "gauss_newton": _begin_gauss_newton,
}
"""Optimiser → `(theta (S, P), settings, number of terms) -> ` what its state has besides what all have."""


def _begin_quasi_newton(theta: np.ndarray, terms: int, memory: State) -> State:
    seeds = len(theta)
    return {
        "known": np.zeros(seeds, bool),
        "total": np.full(seeds, np.inf),
        "terms": np.full((seeds, terms), np.nan),
        "gradient": np.zeros_like(theta),
        "direction": np.zeros_like(theta),
        "memory": memory,
        "search": _begin_search(theta, terms),
    }


def _begin_dense(seeds: int, size: int) -> State:
    return {"inverse_hessian": np.tile(np.eye(size), (seeds, 1, 1)), "pairs": np.zeros(seeds, int)}


def _begin_limited(seeds: int, size: int, memory: int) -> State:
    return {
        "s": np.zeros((seeds, memory, size)),
        "y": np.zeros((seeds, memory, size)),
        "rho": np.zeros((seeds, memory)),
        "pairs": np.zeros(seeds, int),
    }


def _begin_search(theta: np.ndarray, terms: int) -> State:
    seeds = len(theta)
    numbers = ("step", "slope", "low", "low_total", "low_slope", "high", "high_total", "high_slope")
    return {
        **{name: np.zeros(seeds) for name in (*numbers, "safe", "safe_total")},
        "turns": np.zeros(seeds, int),
        "bracketed": np.zeros(seeds, bool),
        "broken": np.zeros(seeds, bool),
        "safe_terms": np.zeros((seeds, terms)),
        "safe_gradient": np.zeros_like(theta),
    }


def flatten(state: Mapping[str, Any], prefix: str = "") -> dict[str, np.ndarray]:
    """Nested state → `outer.inner` → own NumPy array."""
    flat: dict[str, np.ndarray] = {}
    for key, value in state.items():
        if isinstance(value, Mapping):
            flat.update(flatten(value, f"{prefix}{key}."))
        else:
            flat[prefix + key] = np.array(value)
    return flat


def restore(like: Mapping[str, Any], flat: Mapping[str, Any], prefix: str = "") -> State:
    """Inverse of `flatten`, checked against a state of the right form.

    Raises
    ------
    ModelError
        If an array is missing or has another shape.
    """
    restored: State = {}
    for key, value in like.items():
        name = prefix + key
        if isinstance(value, Mapping):
            restored[key] = restore(value, flat, f"{name}.")
            continue
        if name not in flat or np.shape(flat[name]) != np.shape(value):
            found = f"shape {np.shape(flat[name])}" if name in flat else "nothing"
            raise ModelError(
                f"This optimiser state doesn't fit the phase: `{name}` needs shape {np.shape(value)}, found {found}. "
                "Resume with the model, the seeds and the phase that it was saved from."
            )
        restored[key] = np.asarray(flat[name]).astype(value.dtype)
    return restored
