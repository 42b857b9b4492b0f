"""Numbers of a fit as plain rows, for the report, the notebook summary and `unideq info` alike."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

import numpy as np

from ..model import Stepper
from ..objective import Unrolled
from ..residual.samplers import Uniform
from ..training.record import Record, Training
from ..training.residual_record import ResidualTraining
from .ensemble import near_best

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["SPREAD", "number", "parameter_rows", "residual_setting_rows", "rms_rows", "score_rows", "setting_rows"]


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
    labels = [s.label for s in record.observations.series] if isinstance(record, Training) else []
    rows = []
    for name, values in record.layout.unpack(record.chosen_theta).items():
        entry = record.layout[name]
        if entry.kind not in ("parameter", "initial", "noise"):
            continue
        places = list(np.ndindex(entry.shape))
        for at in places[:10]:
            mine = values[(slice(None), *at)]
            row = {
                "name": name + _place(at, entry.kind, labels),
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


def score_rows(record: Training, diagnostics: xr.Dataset) -> list[dict[str, str]]:
    """One row a measured variable: root mean squared error and R² of the best seed, training and held-out.

    Keys: `variable`, `units`, `rmse_…` and `r_squared_…` for `training` and, where there is a hold-out, `held_out`.
    """
    rows = []
    for k, name in enumerate(record.observations.names):
        row = {"variable": name, "units": str(record.observations.dataset[name].attrs.get("units", ""))}
        for key in ("rmse_training", "r_squared_training", "rmse_held_out", "r_squared_held_out"):
            if key in diagnostics:
                row[key] = number(diagnostics[key].values[record.best_seed, k], 4)
        rows.append(row)
    return rows


def _short(settings: Any) -> str:
    """A dataclass's repr without what is empty."""
    kept = [
        f"{f.name}={getattr(settings, f.name)!r}"
        for f in fields(settings)
        if f.repr and getattr(settings, f.name) not in (None, (), {})
    ]
    return f"{type(settings).__name__}({', '.join(kept)})"


def _stages(settings: Any) -> str:
    return "; ".join(f"{stage.label}, {stage.iterations} iterations" for stage in settings.stages())


def setting_rows(record: Training) -> list[tuple[str, str]]:
    """(what, how) of everything that decided the run."""
    s = record.settings
    tolerance = f"dt {s.solver.dt:g}" if s.solver.dt is not None else s.solver.tolerances
    rows = [
        ("stages", _stages(s)),
        ("loss", _short(s.loss)),
        ("seeds", ", ".join(map(str, s.seeds))),
        ("held out", "nothing" if s.holdout is None else _short(s.holdout)),
    ]
    if isinstance(record.model, Stepper):
        rows += [("scheme", record.method), ("initial values", "each window's or trajectory's first snapshot")]
    else:
        steps = f"at most {s.solver.max_steps} steps, adjoint {s.solver.adjoint}"
        rows += [
            ("solver", f"{s.solver.name}, {tolerance}, {steps}"),
            ("initial values", "estimated where unknown" if s.estimate_initial else "kept at their first guess"),
        ]
    unrolled = [stage.objective for stage in s.stages() if isinstance(stage.objective, Unrolled)]
    if unrolled:
        rows.append(("unrolled", "; ".join(dict.fromkeys(_short(o) for o in unrolled))))
    if s.regulariser is not None:
        rows.append(("regularisation", repr(s.regulariser)))
    if s.penalties:
        rows.append(("penalties", ", ".join(f"{n} (weight {p.weight:g})" for n, p in s.penalties.items())))
    if s.early_stopping is not None:
        rows.append(("early stopping", f"after {s.early_stopping} iterations without a lower held-out loss"))
    return rows


def rms_rows(record: ResidualTraining, diagnostics: xr.Dataset) -> list[tuple[str, str]]:
    """(residual, root mean square at validation points) of the best seed."""
    rms = diagnostics["rms"].isel(seed=record.best_seed)
    return [(str(name), number(v)) for name, v in zip(rms["residual"].values, rms.values, strict=True)]


def residual_setting_rows(record: ResidualTraining) -> list[tuple[str, str]]:
    """(what, how) of everything that decided the run."""
    s = record.settings
    counts = [
        f"{name}: {s.objective.count(record.problem, name)}"
        for name, term in record.problem.terms.items()
        if term.given(record.problem.domain) is None
    ]
    samplers = [f"{n}: {t.sampler!r}" for n, t in record.problem.terms.items() if t.sampler is not None]
    own = [stage.label for stage in s.stages() if stage.phase.objective is not None]
    return [
        ("stages", _stages(s)),
        ("points", ", ".join(counts) + (f"; {', '.join(own)}: their own" if own else "")),
        ("sampler", "; ".join([repr(s.objective.sampler or Uniform()), *samplers])),
        ("balance", s.balance.text or "none"),
        ("seeds", ", ".join(map(str, s.seeds))),
    ]
