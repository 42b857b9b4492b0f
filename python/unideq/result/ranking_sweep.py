"""`ranking_sweep`: fits at several weights of what is known of interventions, prediction error beside causal error."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from ..checks import number, sequence
from ..errors import OptionError
from ..objective.ranking import rankings_of
from .fit import Fit

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["RankingSweep", "ranking_sweep"]


@dataclass(frozen=True)
class RankingSweep:
    """Fits that differ in the weight of their rankings.

    Attributes
    ----------
    dataset
        Over `weight`: `rmse` (weight, seed, part, variable) and `causal_error` (weight, seed, part), and of each
        ranking `violated_share` (weight, seed, ranking, part). Parts are `training` and `held_out`; NaN where there is
        nothing: prediction errors are of held-out measurements, causal errors of trajectories held out altogether.
    fits
        Weight → fit.
    """

    dataset: xr.Dataset
    fits: Mapping[float, Fit]

    def plot(self, path: str | os.PathLike[str] | None = None) -> Figure:
        """Prediction error and causal error against the weight, training and held out; thin lines are seeds."""
        from .plot.ranking_sweep import plot_ranking_sweep

        return plot_ranking_sweep(self, path)

    def __repr__(self) -> str:
        return f"RankingSweep over {len(self.fits)} weights\n{self.dataset!r}"


def ranking_sweep(
    model: Any,
    data: Any,
    weights: Sequence[float],
    *,
    rankings: Any,
    checkpoints: str | os.PathLike[str] | None = None,
    **settings: Any,
) -> RankingSweep:
    """Train with rankings at several weights, and compare how well each fit predicts and how often it violates them.

    Parameters
    ----------
    model, data
        As in `unideq.fit`.
    weights
        Factors, ≥ 0 and increasing, by which all rankings' own weights are multiplied; 0 is prediction alone.
    rankings
        A `Ranking`, or a dict name → `Ranking`.
    checkpoints
        Folder: each fit writes a checkpoint there, so that a sweep that was interrupted goes on where it stopped.
    settings
        As in `unideq.fit`: `holdout`, `phases`, `seeds`, …

    Returns
    -------
    RankingSweep
        Its `dataset` has both errors over the weights, `plot()` draws them.

    Raises
    ------
    OptionError
        If the weights don't increase from 0 or more; else as of `unideq.fit`.
    """
    from ..training import fit

    of = "ranking_sweep"
    needs = "increasing numbers >= 0, e.g. `[0.0, 0.01, 0.1]`"
    factors = sequence(weights, "weights", of, needs=needs, least=1, each=lambda w: number(w, "weights", of, least=0))
    factors = tuple(map(float, factors))
    if (np.diff(factors) <= 0).any():
        raise OptionError(f"`weights` of `ranking_sweep` needs {needs}, not {list(factors)}.")
    known = rankings_of(rankings)
    if not known:
        raise OptionError("`ranking_sweep` needs `rankings`, a `ude.Ranking(...)` or a dict of them.")
    for name in ("rankings", "checkpoint"):
        if name in settings:
            raise OptionError(f"`ranking_sweep` takes no `{name}`: it makes its own of each weight.")
    folder = None if checkpoints is None else Path(checkpoints)
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    fits: dict[float, Fit] = {}
    for factor in factors:
        scaled = {n: replace(r, weight=factor * r.weight) for n, r in known.items()}
        place = None if folder is None else folder / f"weight_{factor:g}.nc"
        fits[factor] = fit(model, data, rankings=scaled, checkpoint=place, **settings)
    parts = xr.Variable("weight", list(factors))
    return RankingSweep(xr.concat([_errors(one) for one in fits.values()], dim=parts), fits)


def _errors(fit: Fit) -> xr.Dataset:
    """Both errors of all seeds."""
    scores, found = fit.tree["/diagnostics"].to_dataset(), fit.tree["/rankings"].to_dataset()
    errors = [scores.get(f"rmse_{p}", xr.full_like(scores["rmse_training"], np.nan)) for p in found["part"].values]
    rmse = xr.concat(errors, dim=found["part"]).transpose("seed", "part", "variable")
    return xr.Dataset({"rmse": rmse, "causal_error": found["causal_error"], "violated_share": found["violated_share"]})
