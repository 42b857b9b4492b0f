"""Numbers of a fit as plain rows, for the report, the notebook summary and `unideq info` alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..training.record import Record
from .ensemble import near_best

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["SPREAD", "number", "parameter_rows", "rms_rows", "score_rows"]


SPREAD = "seeds: how far apart the good seeds end, which is no interval that holds the truth"
"""Said beside every range over seeds."""


def number(value: Any, digits: int = 5) -> str:
    """A number as people write it; a dash where there is none."""
    value = float(value)
    return f"{value:.{digits}g}" if np.isfinite(value) else "–"


def parameter_rows(record: Record) -> list[dict[str, str]]:
    """One row a parameter, initial value and noise (elements of arrays apart, ten at most).

    Keys: `name`, `value` (best seed), `low` and `high` (range over the seeds near the best), `units`, `kind`.
    """
    near, best = near_best(record), record.best_seed
    labels = [] if record.observations is None else [s.label for s in record.observations.series]
    groups = record.kind.group_values(record)
    rows = []
    for name, values in record.layout.unpack(record.chosen_theta).items():
        entry = record.layout[name]
        if entry.kind == "deviation":  # shown as the values that they make
            name = name.removeprefix("deviation.")
            values, entry = groups[name][2], replace(entry, kind="group", units=record.model.conditions[name].units)
        if entry.kind not in ("parameter", "group", "spread", "initial", "noise"):
            continue
        places = list(np.ndindex(entry.shape))
        for at in places[:10]:
            mine = values[(slice(None), *at)]
            row = {
                "name": name
                + (_place(at, entry.kind, labels) if name not in groups else _group(at, *groups[name][:2])),
                "value": number(mine[best]),
                "low": number(mine[near].min()) if entry.free and near.sum() > 1 else "",
                "high": number(mine[near].max()) if entry.free and near.sum() > 1 else "",
                "units": entry.units,
                "kind": entry.kind if entry.free else f"{entry.kind}, fixed",
            }
            rows.append(row)
        if len(places) > 10:
            rows.append({"name": f"{name} … {len(places) - 10} more", **dict.fromkeys(("value", "low", "high"), "")})
            rows[-1] |= {"units": entry.units, "kind": entry.kind}
    return rows


def _place(at: tuple[int, ...], kind: str, labels: list[Any]) -> str:
    if not at:
        return ""
    if kind != "initial":
        return str(list(at)).replace(" ", "")
    first, *more = at
    rest = str(more).replace(" ", "") if more else ""
    return rest if len(labels) == 1 else f"{rest} of trajectory {labels[first]}"


def _group(at: tuple[int, ...], dim: str, labels: Sequence[Any]) -> str:
    return f" of {dim} {labels[at[0]]}"


def score_rows(record: Record, diagnostics: xr.Dataset) -> list[dict[str, str]]:
    """One row a measured variable: root mean squared error and R² of the best seed, training and held-out.

    Keys: `variable`, `units`, `rmse_…` and `r_squared_…` for `training` and, where there is a hold-out, `held_out`.
    """
    rows = []
    for k, name in enumerate(diagnostics["variable"].values.tolist()):
        row = {"variable": name, "units": str(record.observations.dataset[name].attrs.get("units", ""))}
        for key in ("rmse_training", "r_squared_training", "rmse_held_out", "r_squared_held_out"):
            if key in diagnostics:
                row[key] = number(diagnostics[key].values[record.best_seed, k], 4)
        rows.append(row)
    return rows


def rms_rows(record: Record, diagnostics: xr.Dataset) -> list[tuple[str, str]]:
    """(residual, root mean square at validation points) of the best seed."""
    rms = diagnostics["rms"].isel(seed=record.best_seed)
    return [(str(name), number(v)) for name, v in zip(rms["residual"].values, rms.values, strict=True)]
