"""`closure_table`: the figures of closure scores that fit into a row each."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from ...checks import shown
from ...errors import DataError

__all__ = ["checked_scores", "closure_table"]


def closure_table(scores: xr.Dataset) -> xr.Dataset:
    """The figures of `closure_scores` a closure, over trajectories and runs together; `.to_dataframe()` prints them.

    Parameters
    ----------
    scores
        From `closure_scores`.

    Returns
    -------
    xarray.Dataset
        Over `closure`, and `truth` last where it has the figure:

        - `correlation`, `rmse`, `spectrum_rmse`: means over trajectories;
        - `transfer`, `forward`, `backscatter` of enstrophy (of energy, where the field isn't vorticity), relative to
          the size of the truth's transfer: negative takes;
        - coupled, `coupled_spectrum_rmse` (of energy), `tail_bias`, `tail_error`, `kurtosis`;
        - `forecast_turnovers` to lost correlation (mean over the runs; those that don't lose it count to where the
          truth is known), `drift` of energy per turnover (the run with the largest) and `stable_turnovers` (the
          shortest run's).
    """
    checked_scores(scores)
    quantity = "enstrophy" if scores.attrs["vorticity"] else "energy"
    found: dict[str, Any] = {n: _mean(scores[n], "trajectory") for n in ("correlation", "rmse", "spectrum_rmse")}
    exact = {n: scores[f"{n}_true"].sel(quantity=quantity).mean("trajectory") for n in _RATES}
    size = abs(exact["transfer"]) if float(abs(exact["transfer"])) > 0 else abs(exact["forward"])
    true: dict[str, float] = {"correlation": 1.0, "rmse": 0.0, "spectrum_rmse": 0.0}
    for name in _RATES:
        found[name] = scores[name].sel(quantity=quantity).mean("trajectory") / size
        true[name] = float(exact[name] / size)
    if "spectrum" in scores:
        found["coupled_spectrum_rmse"] = scores["coupled_spectrum_rmse"].sel(quantity="energy")
        found |= {n: scores[n] for n in ("tail_bias", "tail_error", "kurtosis")}
        lost = scores["forecast_time"].where(np.isfinite(scores["forecast_time"]), _known(scores))
        found["forecast_turnovers"] = (lost / scores["turnover_time"]).mean("run")
        drift = scores["drift"].sel(quantity="energy")
        worst = abs(drift).fillna(-1.0).argmax("run")
        found["drift"] = drift.isel(run=worst)
        found["stable_turnovers"] = scores["stable_turnovers"].min("run")
        true |= {n: 0.0 for n in ("coupled_spectrum_rmse", "tail_bias", "tail_error", "drift")}
        true["kurtosis"] = float(scores["kurtosis_true"])
    names = [*map(str, scores["closure"].values), "truth"]
    rows = {n: ("closure", np.append(np.asarray(v.values, float), true.get(n, np.nan))) for n, v in found.items()}
    return xr.Dataset(rows, {"closure": names}, scores.attrs)


_RATES = ("transfer", "forward", "backscatter")


def _mean(values: xr.DataArray, over: str) -> xr.DataArray:
    """The mean of those that are known, NaN where none is."""
    known = values.notnull().sum(over)
    return values.sum(over) / known.where(known > 0)


def _known(scores: xr.Dataset) -> xr.DataArray:
    """Last lead time at which the truth of each run is known."""
    truth = scores["total_true"].isel(quantity=0, drop=True)
    return scores["lead"].where(truth.notnull()).max("lead")


def checked_scores(scores: Any) -> None:
    """Refuse what `closure_scores` didn't return."""
    if not isinstance(scores, xr.Dataset) or not {"spectrum_rmse", "transfer_spectrum_true"} <= set(scores.data_vars):
        raise DataError(f"This needs what `closure_scores` returned, not {shown(scores)}.")
