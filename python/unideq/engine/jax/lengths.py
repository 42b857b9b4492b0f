"""Trajectories of different lengths: those of like length are solved together, so that short ones wait for no long one.

A batch is solved in one loop, which makes as many steps as its longest solve, and a solve that has ended costs as much
in each of them as one that goes on. How many steps a solve makes isn't known before; how long it lasts is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from ...objective.program import Integration
from ..cache import IdentityCache

__all__ = ["alike", "in_groups", "of_rows"]

LOOP = 16
"""Solves that a step of a loop costs besides those in it."""
SIZES = (16, 32, 64, 128, 256)
OWN = ("stops", "jumps", "when", "occurring")
"""What trajectories may have one of each, or share."""
WORTH = 0.75
"""Part of one loop's work up to which several pay."""


_found = IdentityCache()


def alike(integration: Integration) -> np.ndarray | None:
    """The batch in groups of trajectories of like length (groups, size), from the longest to the shortest, which fills
    up the last group; None where one loop serves as well."""
    return _found.get(integration, lambda: _alike(integration))


def _alike(integration: Integration) -> np.ndarray | None:
    if integration.data:
        return None
    spans = np.asarray(integration.times, float)[:, -1] - np.asarray(integration.start, float)
    order = np.argsort(-spans, kind="stable")
    count = len(order)
    work = {size: (LOOP + size) * spans[order[::size]].sum() for size in SIZES if size < count}
    size = min(work, key=lambda size: work[size], default=0)
    if not size or work[size] > WORTH * (LOOP + count) * spans.max():
        return None
    missing = -count % size
    return np.concatenate([order, np.repeat(order[-1:], missing)]).reshape(-1, size)


def in_groups(solve: Callable[[Any, Mapping[str, Any]], Any], groups: Any, own: Any, data: Mapping[str, Any]) -> Any:
    """`solve(own, data) -> arrays, status, statistics` of one group after the other, in the batch's order.

    Parameters
    ----------
    groups
        Rows of the batch, (groups, size).
    own
        What trajectories begin with, (B, …) each.
    data
        As `integration_data` has it.
    """
    made = lax.map(lambda rows: solve(*of_rows(rows, own, data)), groups)
    order = groups.reshape(-1)[: len(data["start"])]  # behind it, the last group is filled up
    back = jnp.zeros_like(order).at[order].set(jnp.arange(len(order)))
    return jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:])[back], made)


def of_rows(rows: Any, own: Mapping[str, Any], data: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Of what trajectories begin with, and of `integration_data`'s, those of some."""
    each = ["start", "times", "seen", *(key for key in OWN if key in data and data[key].ndim > 1)]
    return {key: value[rows] for key, value in own.items()}, {**data, **{key: data[key][rows] for key in each}}
