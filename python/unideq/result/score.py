"""How well a fit describes its measurements: errors per variable, on training and held-out values."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from ..checks import is_number
from ..errors import OptionError
from ..objective import Observations
from ..objective.own_times import along
from ..training.record import Record

if TYPE_CHECKING:
    from .sampling import Prediction

__all__ = ["errors_by_trajectory", "named_scores", "residuals", "scores"]


def named_scores(found: Any, of: str) -> dict[str, float]:
    """What a user's `score` gave, a number or a dict of them, as name → number."""
    named = dict(found) if isinstance(found, Mapping) else {"score": found}
    plain = {str(n): np.asarray(v).item() if np.size(v) == 1 else v for n, v in named.items()}
    for name, value in plain.items():
        if not is_number(value) and not isinstance(value, float):
            raise OptionError(f"`score` of `{of}` gives a number, or a dict of them, not {value!r} ({name}).")
    return {n: float(v) for n, v in plain.items()}


def residuals(observations: Observations, solution: xr.Dataset, name: str) -> np.ndarray:
    """predicted − measured (seed, M, *shape), trajectory after trajectory; NaN where not measured exactly."""
    parts = []
    for i, s in enumerate(observations.series):
        times, values = along(solution, name, i)
        parts.append(values[:, np.searchsorted(times, s.times)] - s.values[name])
    return np.concatenate(parts, axis=1)


def errors_by_trajectory(observations: Observations, name: str, found: np.ndarray) -> np.ndarray:
    """Root mean square of a variable's `residuals` in each trajectory (seed, trajectory); NaN where it has none."""
    bounds = np.cumsum([0, *(len(s.times) for s in observations.series)])
    result = np.full((len(found), len(observations)), np.nan)
    for i, (low, high) in enumerate(pairwise(bounds)):
        known = found[:, low:high][:, np.isfinite(observations.series[i].values[name])]
        if known.size:
            with np.errstate(over="ignore"):  # of rollouts on their way to infinity
                result[:, i] = np.sqrt((known**2).mean(axis=1))
    return result


def scores(record: Record, prediction: Prediction) -> xr.Dataset:
    """Root mean squared error and R² (coefficient of determination), (seed, variable), training and held-out, and the
    error of each trajectory (seed, trajectory, variable)."""
    loss, parts = record.settings.loss, record.observations.split(record.settings.holdout)
    train, held = (None if part is None else part.exact(loss) for part in parts)
    names = [] if record.observations.unmeasured else list(record.observations.names)
    seeds = len(record.settings.seeds)
    variables: dict[str, Any] = {}
    for label, part in (("training", train), ("held_out", held)):
        if part is None:
            continue
        error, determination, each = [], [], []
        for name in names:
            r = residuals(part, prediction.solution, name)
            each.append(errors_by_trajectory(part, name, r))
            measured = part.pooled(name)
            kept = np.isfinite(measured)
            r = r[:, kept]
            y = measured[kept]
            with np.errstate(over="ignore"):  # of rollouts on their way to infinity
                square = (r**2).mean(axis=1) if r.shape[1] else np.full(len(r), np.nan)
            spread = ((y - y.mean()) ** 2).mean() if len(y) else np.nan
            error.append(np.sqrt(square))
            determination.append(1.0 - square / spread if spread > 0 else np.full(len(r), np.nan))
        for what, columns in (("rmse", error), ("r_squared", determination)):
            variables[f"{what}_{label}"] = (("seed", "variable"), np.reshape(columns, (len(names), seeds)).T)
        if names:
            variables[f"trajectory_rmse_{label}"] = (("seed", "trajectory", "variable"), np.stack(each, axis=-1))
    variables["solver_status"] = (("seed", "trajectory"), prediction.status.astype(str))
    return xr.Dataset(
        variables,
        coords={
            "seed": list(record.settings.seeds),
            "variable": np.array(names, dtype=str),
            "trajectory": [s.label for s in record.observations.series],
        },
    )
