"""One member of an ensemble as a fit of its own: what pictures of a chosen seed are drawn from."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..training.record import History

if TYPE_CHECKING:
    from .fit import Fit

__all__ = ["member_of"]


def member_of(fit: Fit, seed: int) -> Fit:
    """The fit with one of its seeds alone.

    Parameters
    ----------
    seed
        One of `fit.seeds`.
    """
    record, k = fit.record, fit.seeds.index(seed)
    arrays = ("theta", "best_theta", "best_total", "held_theta", "held_best", "finished")
    own: dict[str, Any] = {n: getattr(record, n)[k : k + 1] for n in arrays if getattr(record, n) is not None}
    if record.transferred is not None:
        own["transferred"] = replace(record.transferred, start=record.transferred.start[k : k + 1])
    alone = replace(
        record,
        settings=replace(record.settings, seeds=(seed,)),
        history=_history_of(record.history, k),
        **own,
    )
    groups = [f"/{n}" for n in fit.kind.computed]
    computed = {n: fit.tree[n].to_dataset() for n in groups if n in fit.tree.groups}
    return type(fit)(alone, fit.engine, {n: d.isel(seed=[k]) if "seed" in d.dims else d for n, d in computed.items()})


def _history_of(history: History, k: int) -> History:
    """One row of every log; what is the same for all seeds as it is."""
    chosen = {}
    for field in fields(History):
        entries = getattr(history, field.name)
        if field.name == "stage" or not entries or isinstance(entries[0], int):
            chosen[field.name] = list(entries)
        elif isinstance(entries[0], dict):
            chosen[field.name] = [{n: v[k : k + 1] for n, v in chunk.items()} for chunk in entries]
        else:
            chosen[field.name] = [np.asarray(chunk)[k : k + 1] for chunk in entries]
    return History(**chosen)
