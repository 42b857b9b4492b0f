"""An optimiser's state: named arrays that a run begins with, saves and resumes from, the same on every engine.

All arrays have the seeds in front, (S, …); dots in names group them (`search.step`). Runs saved by one engine go on
with another.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..errors import ModelError

__all__ = ["State", "begin_common", "grouped", "restore"]

State = dict[str, np.ndarray]
"""Name → array (S, …)."""


def begin_common(theta: np.ndarray) -> State:
    """What every optimiser's state has, at the start θ (S, P)."""
    seeds = len(theta)
    return {
        "theta": theta,
        "best_theta": theta.copy(),
        "best_total": np.full(seeds, np.inf),
        "iteration": np.zeros(seeds, int),
        "finished": np.zeros(seeds, int),
    }


def grouped(group: str, state: Mapping[str, np.ndarray]) -> State:
    """The arrays under the name of a group: `step` → `search.step`."""
    return {f"{group}.{name}": array for name, array in state.items()}


def restore(like: Mapping[str, np.ndarray], saved: Mapping[str, np.ndarray]) -> State:
    """A saved state, checked against one of the right form.

    Raises
    ------
    ModelError
        If an array is missing or has another shape.
    """
    restored: State = {}
    for name, value in like.items():
        if name not in saved or np.shape(saved[name]) != np.shape(value):
            found = f"shape {np.shape(saved[name])}" if name in saved else "nothing"
            raise ModelError(
                f"This optimiser state doesn't fit the phase: `{name}` needs shape {np.shape(value)}, found {found}. "
                "Resume with the model, the seeds and the phase that it was saved from."
            )
        restored[name] = np.asarray(saved[name]).astype(value.dtype)
    return restored
