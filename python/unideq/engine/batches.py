"""Fresh data for the optimiser loop: from `Batches`, checked against the objective, several iterations at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ..errors import ModelError, OptionError, unknown
from ..objective.program import Batches, LossProgram, Source
from ..optimise import Phase

__all__ = ["Fresh", "check_batches", "fresh_data", "iterations_at_once", "stacked"]

Fresh = list[dict[str, np.ndarray]]
"""One dict a source, input name → array; empty where a source stays as it is."""

MEMORY = 64 * 2**20
"""Bytes that the data of a chunk of iterations may take."""


def check_batches(batches: Batches | None, optimizer: Phase, seeds: int) -> None:
    """Raise an `OptionError` where the optimiser or an ensemble can't do with fresh data."""
    if batches is None:
        return
    if not optimizer.first_order:
        raise OptionError(
            f"`{optimizer.kind}` compares values of one function, and fresh batches need Adam, AdamW or SOAP. "
            "Use `ude.Adam(...)`, or an objective without batches."
        )
    if batches.follows_theta and seeds > 1:
        raise OptionError(
            f"These batches follow the parameters (a step that the engine can't run), and {seeds} seeds have as many. "
            "Fit one seed at a time: `seeds=1`."
        )


def fresh_data(batches: Batches, objective: LossProgram, iteration: int, theta: np.ndarray | None = None) -> Fresh:
    """The data of one iteration.

    Raises
    ------
    ModelError
        If they don't fit the objective's sources.
    """
    found = batches(iteration, theta) if batches.follows_theta else batches(iteration)
    if len(found) != len(objective.sources):
        raise ModelError(f"A batch needs one dict a source: {len(objective.sources)}, not {len(found)}.")
    return [_checked(source, arrays) for source, arrays in zip(objective.sources, found, strict=True)]


def _checked(source: Source, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    known = source.data
    checked: dict[str, np.ndarray] = {}
    for name, values in arrays.items():
        if name not in known:
            raise unknown(f"array in a batch of `{source.name}`:", name, sorted(known))
        checked[name] = np.ascontiguousarray(values, dtype=float)
        if checked[name].shape != np.shape(known[name]):
            raise ModelError(
                f"`{name}` in a batch of `{source.name}` needs shape {np.shape(known[name])}, as in the objective, "
                f"not {checked[name].shape}."
            )
    return checked


def iterations_at_once(batches: Batches, fresh: Fresh, most: int) -> int:
    """How many iterations' data are handed over together, given one iteration's."""
    if batches.follows_theta:
        return 1
    size = sum(values.nbytes for arrays in fresh for values in arrays.values())
    return int(np.clip(MEMORY // max(size, 1), 1, most))


def stacked(several: Sequence[Fresh], length: int) -> Fresh:
    """Data of several iterations, with a leading axis of that length; the last iteration's fill it up."""
    rows = [*several, *[several[-1]] * (length - len(several))]
    return [{name: np.stack([row[i][name] for row in rows]) for name in arrays} for i, arrays in enumerate(several[-1])]
