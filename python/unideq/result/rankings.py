"""What a trained model says of rankings: effects of all interventions, and where they aren't in the order known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from ..engine import STATUS
from ..errors import OptionError
from ..graph.location import warn_user
from ..objective.alternatives import NAME, Alternatives, check_rankings
from ..objective.ranking import Ranking, rankings_of
from .sampling import problem_of, solver_on

if TYPE_CHECKING:
    from .fit import Fit

__all__ = ["PARTS", "ranked", "rankings_of_fit"]

PARTS = ("training", "held_out")
"""Trajectories with measurements that training saw, and those that are held out altogether."""


def rankings_of_fit(fit: Fit, rankings: Any = None, seed: Any = None) -> xr.Dataset:
    """See `Fit.rankings`."""
    members = fit.members(seed)
    if rankings is None:
        if not fit.record.settings.rankings:
            raise OptionError(
                "This fit has no rankings. Give some, `fit.rankings(ude.Ranking(...))`, or train with them: "
                "`ude.fit(..., rankings=...)`."
            )
        found = fit.tree["/rankings"].to_dataset().sel(seed=list(members))
    else:
        theta = np.stack([fit.theta_of(s) for s in members])
        found = ranked(fit, rankings_of(rankings), theta).assign_coords(seed=list(members))
    return found if isinstance(seed, str) and seed == "all" else found.isel(seed=0, drop=True)


def ranked(fit: Fit, rankings: Mapping[str, Ranking], theta: np.ndarray) -> xr.Dataset:
    """Effects and violations (seed, ranking, trajectory, …) at θ (S, P), of all trajectories, along all their times."""
    record = fit.record
    problem, everything = problem_of(record), record.observations.series
    known = {n: r.traced(record.model, n) for n, r in rankings.items()}
    check_rankings(known, replace(problem, observations=record.observations), everything)
    made = Alternatives.of(problem, list(enumerate(everything)), known)
    program = made.integration()
    program = replace(program, solver=solver_on(fit.engine, program.solver))
    result = fit.engine.integrate(program, theta)
    effects = made.effects({n.removeprefix(f"{NAME}."): np.array(a) for n, a in result.arrays.items()})
    failed = np.asarray(result.status) != 0
    if failed.any():
        member, row = np.argwhere(failed)[0]
        r, one = made.rows[row]
        warn_user(
            f"{int(failed.sum())} of {failed.size} solves under interventions failed, the first under `{one}` in "
            f"trajectory {everything[r].label!r}: {STATUS.get(int(result.status[member][row]), STATUS[5])}. Their "
            "rankings aren't known (NaN)."
        )
    held = _held_out(record)
    most = max(len(r.alternatives) for r in known.values())
    lead = (len(theta), len(known), len(everything))
    effect, violated = np.full((*lead, most), np.nan), np.full(lead, np.nan)
    tier, words = np.full((len(known), most), np.nan), np.full((len(known), most), "", dtype=object)
    for k, (name, ranking) in enumerate(known.items()):
        count = len(ranking.alternatives)
        own = np.where(failed, np.nan, effects[name])[:, made.places[name]]
        effect[:, k, made.applies[name], :count] = own
        violated[:, k, made.applies[name]] = ranking.violated(own)
        tier[k, :count], words[k, :count] = ranking.tiers, [str(one) for one in ranking.alternatives]
    rows = np.stack([~held, held])
    each = np.stack([_share(violated[..., part], axis=-1) for part in rows], axis=-1)
    joint = np.stack([_share(violated[..., part], axis=(-2, -1)) for part in rows], axis=-1)
    return xr.Dataset(
        {
            "effect": (("seed", "ranking", "trajectory", "alternative"), effect),
            "violated": (("seed", "ranking", "trajectory"), violated),
            "violated_share": (("seed", "ranking", "part"), each),
            "causal_error": (("seed", "part"), joint),
        },
        {
            "seed": list(record.settings.seeds)[: len(theta)],
            "ranking": np.array(list(known), dtype=str),
            "trajectory": [s.label for s in everything],
            "part": np.array(PARTS, dtype=str),
            "held_out": ("trajectory", held),
            "tier": (("ranking", "alternative"), tier),
            "intervention": (("ranking", "alternative"), words.astype(str)),
        },
        {"description": "effects of interventions, and the rankings that they violate"},
    )


def _held_out(record: Any) -> np.ndarray:
    """(T,) bool: trajectories of which training saw nothing."""
    train, _ = record.observations.split(record.settings.holdout)
    return np.array([not len(s.times) for s in train.series])


def _share(violated: np.ndarray, axis: Any) -> np.ndarray:
    """The mean of what is known; NaN where nothing is."""
    known = np.isfinite(violated).sum(axis=axis)
    return np.where(known > 0, np.nansum(violated, axis=axis) / np.maximum(known, 1), np.nan)
