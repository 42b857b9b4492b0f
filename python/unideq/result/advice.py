"""What a careful colleague would say on seeing a fit's numbers: few sentences, each with what to try."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..engine import STATUS
from .ensemble import near_best

if TYPE_CHECKING:
    from .fit import Fit

__all__ = ["advice"]


def advice(fit: Fit) -> list[str]:
    """Warnings that the ensemble, the scores and the solver's status call for; an empty list where there are none."""
    record = fit.record
    found: list[str] = []
    near, seeds = int(near_best(record).sum()), len(fit.seeds)
    if seeds > 2 and near == 1:
        found.append(
            f"Only one of {seeds} seeds came near the best total, so nothing says how certain the learned term is. "
            "Train longer or with more seeds."
        )
    diagnostics = fit.tree["/diagnostics"].to_dataset()
    failed = diagnostics["solver_status"].values != STATUS[0]
    if failed.any():
        which = [fit.seeds[i] for i in np.flatnonzero(failed.any(axis=1))]
        found.append(
            f"The solver fails for seed{'s' * (len(which) > 1)} {', '.join(map(str, which))}: NaN in the solution."
        )
    best = record.best_seed
    if "r_squared_held_out" in diagnostics:
        held, trained = (diagnostics[f"rmse_{k}"].values[best] for k in ("held_out", "training"))
        worse = [n for n, h, t in zip(record.observations.names, held, trained, strict=True) if h > 2.0 * t]
        if worse:
            found.append(
                f"Held-out errors of {', '.join(f'`{n}`' for n in worse)} are more than twice the training errors. "
                "Try `regularise=`, `holdout=` with `patience=`, a smaller network or more known mechanism."
            )
    rejected = record.history.joined(seeds)["rejected"]
    share = float(rejected.mean()) if rejected.size else 0.0
    if share > 0.05:
        found.append(f"{share:.0%} of the steps were rejected. Try a smaller learning rate or `MultipleShooting`.")
    return found
