"""A prediction far beyond what was measured is told: nothing says what happens there."""

from __future__ import annotations

import numpy as np

from ..graph.location import warn_user
from ..objective import Observations

__all__ = ["FURTHEST", "warn_far"]

FURTHEST = 10.0
"""Length of a prediction, in lengths of the longest trajectory that was trained on, from which it is told."""


def warn_far(train: Observations, times: np.ndarray, start: float | None = None) -> None:
    """Warn where a prediction is very much longer than the record.

    Parameters
    ----------
    train
        The measurements of training.
    times
        Output times (K,), increasing.
    start
        Where the prediction starts; None: where the trajectories do.
    """
    record = max(float(s.times[-1]) - s.start for s in train.series if len(s.times))
    begin = min(s.start for s in train.series) if start is None else start
    length = float(times[-1]) - begin
    if record > 0.0 and length > FURTHEST * record:
        warn_user(
            f"This prediction is {length / record:.3g} times as long as the longest trajectory that was trained on "
            f"({length:g} against {record:g}): nothing measured says what happens there. Hold measurements back, "
            "`holdout=`, to see how far predictions hold; where networks were trained look at "
            "`fit.audit(ude.FlowMap(steps=…))`."
        )
