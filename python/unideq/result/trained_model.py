"""The trained model of a fit: what it hands out, saves, exports and audits."""

from __future__ import annotations

import numpy as np

from ..model import Model, Parameter
from ..objective.groups import trained_groups
from ..training.record import Record

__all__ = ["trained_model"]


def trained_model(record: Record, theta: np.ndarray | None = None) -> Model:
    """The model with trained parameters and weights.

    Initial values that the model declares as parameters are the trained ones where there is one trajectory; several
    trajectories start at several, so that the model keeps its guess.

    Parameters
    ----------
    theta
        One seed's full θ; default: the best one's.
    """
    chosen = record.chosen_theta[record.best_seed] if theta is None else theta
    made = record.model.with_theta(chosen[: record.model.layout.size])
    made = trained_groups(made, record.observations.series, record.layout, chosen)
    if len(record.observations) > 1:
        return made
    values = record.layout.unpack(chosen)
    estimated = {n: f"initial.{n}" for n, given in made.initial.items() if isinstance(given, Parameter)}
    starts = {n: record.layout[e].inside(values[e][0]) for n, e in estimated.items() if e in record.layout}
    return made.starting_at(starts) if starts else made
