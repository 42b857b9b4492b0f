"""An optimiser's state: the arrays and counters that a run begins with, saves and resumes from, on every engine alike.

A type for each method says which those are; its arrays are NumPy's, (S, …) with the seeds in front, or an engine's,
of one seed. Files and engines' borders have a state flat, as `Arrays`: dots in names group them (`search.step`). Runs
saved by one engine go on with another.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Generic, NotRequired, TypedDict, TypeVar, cast

import numpy as np

from ..errors import ModelError

__all__ = ["Arrays", "State", "common", "flat", "grouped", "restore", "start_of"]

A = TypeVar("A")
Arrays = dict[str, np.ndarray]
"""Name → array (S, …)."""


class State(TypedDict, Generic[A]):
    """What every optimiser's state has."""

    theta: A
    """Where the next turn begins (P,)."""
    best_theta: A
    best_total: A
    iteration: A
    """Iterations that are finished."""
    finished: A
    """See `unideq.engine.Report`."""
    weights: NotRequired[A]
    """Of the terms (T,), where they move or were given."""


def start_of(theta: np.ndarray) -> State[np.ndarray]:
    """The state of S seeds at the start θ (S, P)."""
    seeds = len(theta)
    return {
        "theta": theta,
        "best_theta": theta.copy(),
        "best_total": np.full(seeds, np.inf),
        "iteration": np.zeros(seeds, int),
        "finished": np.zeros(seeds, int),
    }


def common(state: Arrays) -> State[np.ndarray]:
    """A flat state, read by what all have."""
    return cast("State[np.ndarray]", state)


def flat(state: Mapping[str, Any]) -> dict[str, Any]:
    """A state by flat names: `step` of `search` is `search.step`."""
    found: dict[str, Any] = {}
    for name, value in state.items():
        found |= {f"{name}.{n}": v for n, v in value.items()} if isinstance(value, dict) else {name: value}
    return found


def grouped(state: Mapping[str, Any]) -> dict[str, Any]:
    """Inverse of `flat`."""
    found: dict[str, Any] = {}
    for name, value in state.items():
        group, dot, own = name.partition(".")
        if dot:
            found.setdefault(group, {})[own] = value
        else:
            found[name] = value
    return found


def restore(like: Mapping[str, np.ndarray], saved: Mapping[str, np.ndarray]) -> Arrays:
    """A saved state, checked against one of the right form.

    Raises
    ------
    ModelError
        If an array is missing or has another shape.
    """
    restored: Arrays = {}
    for name, value in like.items():
        if name not in saved or np.shape(saved[name]) != np.shape(value):
            found = f"shape {np.shape(saved[name])}" if name in saved else "nothing"
            raise ModelError(
                f"This optimiser state doesn't fit the phase: `{name}` needs shape {np.shape(value)}, found {found}. "
                "Resume with the model, the seeds and the phase that it was saved from."
            )
        restored[name] = np.asarray(saved[name]).astype(value.dtype)
    return restored
