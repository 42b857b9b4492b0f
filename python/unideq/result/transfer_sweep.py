"""`transfer_sweep`: which layers are worth retraining, beside full fine-tuning, training from scratch and nothing."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from ..checks import checked_names, flag, function, instance, number, refused, sequence, writable
from ..checks import path as checked_path
from ..errors import DataError, OptionError, unknown
from ..objective import Stream
from .fit import Fit
from .score import named_scores

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["TransferSweep", "layers_of", "transfer_sweep"]

BASELINES = ("full", "scratch", "none")
APART = " + "
"""Between the names of layers that are retrained together."""


@dataclass(frozen=True)
class TransferSweep:
    """Transfers of one fit that differ in what is retrained, and in how much of the data they see.

    Attributes
    ----------
    dataset
        `score` (retrained, fraction, seed, metric); `total` (retrained, fraction, seed), the loss that training ended
        at (infinite where nothing was trained); `weights` (retrained), numbers that training could change; `seconds`
        and `status` (retrained, fraction). `retrained` has the layers' names, `A + B` for two, and the baselines.
    fits
        (retrained, fraction) → fit.
    """

    dataset: xr.Dataset
    fits: Mapping[tuple[str, float], Fit]

    def ranked(self, metric: str | None = None, fraction: float | None = None) -> xr.DataArray:
        """Mean score over the seeds (retrained), lowest first, without the baselines.

        Parameters
        ----------
        metric, fraction
            Which; default: the first metric, and the largest fraction.
        """
        known = [str(n) for n in self.dataset["metric"].values]
        if metric is not None and metric not in known:
            raise unknown("metric", metric, known)
        fractions = [float(f) for f in self.dataset["fraction"].values]
        if fraction is not None and fraction not in fractions:
            raise unknown("fraction", fraction, fractions)
        chosen = self.dataset["score"].sel(metric=metric or known[0], fraction=fraction or fractions[-1])
        means = chosen.mean("seed").isel(retrained=~np.isin(chosen["retrained"].values, BASELINES))
        return means.isel(retrained=np.argsort(np.where(np.isfinite(means.values), means.values, np.inf)))

    def plot(self, path: str | os.PathLike[str] | None = None) -> Figure:
        """Scores of what was retrained, a panel a metric; lines are the baselines, small points seeds."""
        from .plot.transfer_sweep import plot_transfer_sweep

        return plot_transfer_sweep(self, path)

    def __repr__(self) -> str:
        return f"TransferSweep of {len(self.fits)} fits\n{self.dataset!r}"


def transfer_sweep(
    fit: Fit,
    data: Any,
    over: str | Sequence[str | Sequence[str]] = "single",
    *,
    score: Callable[[Fit, int], Any] | None = None,
    fractions: Sequence[float] = (1.0,),
    baselines: str | Sequence[str] = BASELINES,
    checkpoints: str | os.PathLike[str] | None = None,
    progress: bool = True,
    **settings: Any,
) -> TransferSweep:
    """Transfer a fit layer by layer, and compare.

    Parameters
    ----------
    fit
        What is transferred.
    data
        As in `Fit.transfer`.
    over
        What is retrained: `"single"` (every layer of every network by itself), `"pairs"` (every two of them), or a list
        of these, of names and of lists of names that are retrained together: `["single", ["f.layer_1", "f.layer_3"]]`.
    score
        `score(fit, seed)` gives a number, or a dict name → number, lower being better: what the members are compared
        by, on data that none of them saw. Default: errors on what `holdout` holds out, which then has to be given.
    fractions
        Shares of the data's times that are trained on, the first ones; increasing, in (0, 1].
    baselines
        Of `full` (everything is retrained), `scratch` (everything is trained anew on the same data, from the model's
        own start) and `none` (the fit as it is).
    checkpoints
        Folder: each member writes a checkpoint there. A sweep that was interrupted goes on where it stopped: members
        that had finished aren't trained again.
    progress
        Whether to show a bar over the members.
    **settings
        As in `Fit.transfer`: `phases`, `holdout`, `objective`, …; `scratch` has the same.

    Returns
    -------
    TransferSweep
        `dataset`, `fits`, `ranked()`, `plot()`.

    Raises
    ------
    ModelError, OptionError, DataError
        For names that aren't there, fractions that leave nothing, scores that aren't numbers; else as `Fit.transfer`.

    Notes
    -----
    What is frozen is data of compiled code: the first member compiles, and the others use what it compiled. Settings
    that differ in size alone, fractions among them, compile once each.
    """
    instance(fit, Fit, "fit", "transfer_sweep", needs="a fit, e.g. of `ude.fit(...)`")
    groups = _groups(fit, over)
    names = checked_names(baselines, "baselines", BASELINES, "transfer_sweep") if len(baselines) else ()
    shares = _shares(fractions)
    function(score, "score", "transfer_sweep", needs="a function of (fit, seed)", takes=2, none=True)
    flag(progress, "progress", "transfer_sweep")
    if score is None and (len(shares) > 1 or (settings.get("holdout") or fit.record.settings.holdout) is None):
        raise OptionError(
            "`transfer_sweep` compares by errors on data that no member saw, the same for all: give "
            "`score=lambda fit, seed: ...`, or, with one fraction, `holdout`."
        )
    for name in ("train", "checkpoint"):
        if name in settings:
            raise OptionError(f"`transfer_sweep` takes no `{name}`: it makes its own of each member.")
    folder = None if checkpoints is None else checked_path(checkpoints, "checkpoints", "transfer_sweep")
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        writable(folder / "full.nc", "checkpoints")
    members = [(name, share) for share in shares for name in (*groups, *names)]
    parts = {share: _part(data, share) for share in shares}
    fits: dict[tuple[str, float], Fit] = {}
    found: dict[tuple[str, float], list[dict[str, float]]] = {}
    for name, share in _shown(members, progress):
        place = None if folder is None else folder / f"{name.replace(APART, '+')}@{share:g}.nc"
        made = _member(fit, parts[share], name, groups.get(name), place, settings)
        if made.record.observations is not None:
            parts[share] = made.record.observations  # read and checked once
        if made.status.startswith("interrupted"):
            more = "The same call goes on from there." if folder else "With `checkpoints=` it could go on from there."
            raise KeyboardInterrupt(f"`transfer_sweep` was interrupted while it retrained {name}. {more}")
        fits[name, share] = made
        found[name, share] = [_scores(made, seed, score) for seed in made.seeds]
    return TransferSweep(_dataset(members, fits, found), fits)


def layers_of(model: Any) -> tuple[str, ...]:
    """Layers of a model's networks that training may change: `closure.layer_1`, …"""
    free = model.thawed(*model.networks).layout.of_kind("network") if model.networks else ()
    return tuple(dict.fromkeys(e.name.rpartition(".")[0] for e in free if e.free))


def _groups(fit: Fit, over: Any) -> dict[str, tuple[str, ...]]:
    """Label → the names that are retrained."""
    single = layers_of(fit.record.model)
    words = {"single": [(n,) for n in single], "pairs": list(combinations(single, 2))}
    needs = '`"single"`, `"pairs"`, or a list of these, of names and of lists of names'
    found: list[tuple[str, ...]] = []
    for one in (over,) if isinstance(over, str) else sequence(over, "over", "transfer_sweep", needs=needs, least=1):
        if isinstance(one, str):
            found += words.get(one, [(one,)])
        else:
            found.append(sequence(one, "over", "transfer_sweep", needs=needs, least=1))
    if not found:
        raise OptionError(f"`over={over!r}` leaves nothing to retrain: the model's networks have {len(single)} layers.")
    for group in found:
        for name in group:
            if not isinstance(name, str):
                raise refused(name, "over", "transfer_sweep", needs)
        if group[0] in BASELINES and len(group) == 1:
            raise OptionError(
                f"`{group[0]}` is a baseline of `transfer_sweep`, and can't be told from a part of that name."
            )
        fit.record.model.thawed(*group)
    return {APART.join(group): group for group in found}


def _shares(fractions: Any) -> tuple[float, ...]:
    of, needs = "transfer_sweep", "increasing numbers in (0, 1], e.g. `[0.02, 0.1]`"
    found = sequence(
        fractions, "fractions", of, needs=needs, least=1, each=lambda f: number(f, "fractions", of, above=0)
    )
    if found[-1] > 1 or any(b <= a for a, b in pairwise(found)):
        raise refused(list(found), "fractions", of, needs)
    return tuple(map(float, found))


def _part(data: Any, share: float) -> Any:
    """The first share of the times."""
    if share == 1:
        return data
    if isinstance(data, Stream):
        raise DataError("`fractions` cut data in memory, and this is a `Stream`. Give it the share that you want.")
    if isinstance(data, (list, tuple)):
        return [_part(one, share) for one in data]
    if not isinstance(data, xr.Dataset) or "time" not in data.dims:
        raise DataError("`fractions` need data with a dimension `time`.")
    kept = math.ceil(share * data.sizes["time"])
    if kept < 2:
        raise DataError(f"{share:g} of {data.sizes['time']} times leave one to train on. Give a larger fraction.")
    return data.isel(time=slice(kept))


def _member(fit: Fit, data: Any, name: str, group: Any, place: Path | None, settings: Mapping[str, Any]) -> Fit:
    from ..training.transfer import baseline, transfer

    own = {**settings, "progress": False}
    if group is not None or name == "full":
        return transfer(fit, data, "all" if group is None else group, checkpoint=place, **own)
    if name == "scratch":
        return baseline(fit, data, "anew", checkpoint=place, **own)
    return baseline(fit, data, "only", **own)


def _scores(fit: Fit, seed: int, score: Callable[[Fit, int], Any] | None) -> dict[str, float]:
    """Metric → number."""
    if score is None:
        errors = fit.tree["/diagnostics"].to_dataset()["rmse_held_out"].sel(seed=seed)
        return {f"RMSE of {n}": float(errors.sel(variable=n)) for n in errors["variable"].values}
    return named_scores(score(fit, seed), "transfer_sweep")


def _shown(members: list[Any], progress: bool) -> Any:
    from tqdm.auto import tqdm

    bar = tqdm(members, unit="fit", disable=not progress, dynamic_ncols=True)
    for name, share in bar:
        bar.set_description(name if share == 1 else f"{name}, {share:g} of the data")
        yield name, share


def _dataset(members: list[tuple[str, float]], fits: Mapping[Any, Fit], found: Mapping[Any, Any]) -> xr.Dataset:
    labels, shares = list(dict.fromkeys(n for n, _ in members)), list(dict.fromkeys(s for _, s in members))
    seeds, metrics = (
        next(iter(fits.values())).seeds,
        list(dict.fromkeys(n for s in found.values() for r in s for n in r)),
    )

    def table(read: Callable[[tuple[str, float]], Any]) -> np.ndarray:
        return np.array([[read((name, share)) for share in shares] for name in labels])

    records = {key: one.record for key, one in fits.items()}
    score = table(lambda key: [[row.get(m, np.nan) for m in metrics] for row in found[key]])
    size = [_trained_numbers(fits[name, shares[0]]) if name != "none" else 0 for name in labels]
    words = {"long_name": "share of the data's times"}
    return xr.Dataset(
        {
            "score": (("retrained", "fraction", "seed", "metric"), score, {"long_name": "score"}),
            "total": (("retrained", "fraction", "seed"), table(lambda k: records[k].best_total), {"long_name": "loss"}),
            "weights": ("retrained", size, {"long_name": "numbers that training could change"}),
            "seconds": (
                ("retrained", "fraction"),
                table(lambda k: records[k].seconds),
                {"long_name": "time", "units": "s"},
            ),
            "status": (("retrained", "fraction"), table(lambda k: records[k].status)),
        },
        coords={"retrained": labels, "fraction": ("fraction", shares, words), "seed": list(seeds), "metric": metrics},
    )


def _trained_numbers(fit: Fit) -> int:
    """Of the model's own."""
    return int(fit.record.model.layout.free_mask.sum())
