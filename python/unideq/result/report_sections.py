"""Sections of reports: status, parameters, course of training, versions; equations, scores and data."""

from __future__ import annotations

import json
from collections.abc import Iterable
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import versions
from .html import folded, items, pairs, plain_table, summary, table
from .rows import SPREAD, number, parameter_rows, score_rows

if TYPE_CHECKING:
    from ..training.record import Record
    from .fit import Fit

__all__ = [
    "course", "data_pairs", "equations_of", "findings", "heading", "notebook", "parameters", "score_table", "status",
    "version_pairs",
]  # fmt: skip


def heading(title: str, created: str) -> str:
    """The title, who made it and when."""
    return (
        f"<h1>{escape(title)}</h1>\n"
        f'<p class="sub">A model trained with Unideq {escape(versions.unideq_version())}, '
        f"{escape(created.replace('T', ' '))}</p>"
    )


def status(fit: Fit, total: str, sizes: str, advice: Iterable[str]) -> str:
    """How it ended, how good it is, how large it was, and what to try.

    Parameters
    ----------
    total
        What the best seed's total is called.
    sizes
        Further numbers, such as those of the data.
    """
    record = fit.record
    good = record.status == "finished" or record.status.startswith("stopped")
    free = int(record.layout.free_mask.sum())
    many = f"best of {len(fit.seeds)} seeds: {fit.best_seed}, " if len(fit.seeds) > 1 else ""
    value = number(record.best_total[record.best_seed])
    return (
        f'<div class="status{"" if good else " bad"}"><strong>{escape(fit.status)}</strong><br>'
        f"{record.history.iterations} iterations in {record.seconds:.1f} s; {many}{total} {value}; "
        f"{escape(sizes)}, {free} trainable numbers{items(advice)}</div>"
    )


def parameters(fit: Fit) -> str:
    """Values of the best seed, and their range over the seeds near it."""
    rows = parameter_rows(fit.record)
    if not rows:
        return "<p>None besides network weights.</p>"
    spread = any(row["low"] for row in rows)
    keys = ["name", "value", "units", *(["low", "high"] if spread else []), "kind"]
    heads = {"name": "parameter", "low": "lowest of good seeds", "high": "highest of good seeds"}
    numeric = [k for k, key in enumerate(keys) if key in ("value", "low", "high")]
    shown = table([heads.get(k, k) for k in keys], [[row[k] for k in keys] for row in rows], numeric)
    return shown + _spread_note(spread)


def _spread_note(spread: bool) -> str:
    """What ranges over seeds aren't."""
    return f"<p>{escape(SPREAD[0].upper() + SPREAD[1:])}.</p>" if spread else ""


def course(fit: Fit) -> str:
    """What happened while training."""
    record = fit.record
    rejected = int(record.history.joined(len(fit.seeds))["rejected"].sum())
    return items([*record.events, f"{rejected} rejected steps over all seeds" if rejected else "no rejected steps"])


def findings(fit: Fit) -> str:
    """What the latest audit found; nothing where there was none."""
    groups = [n for n in fit.tree.groups if n.endswith("/audit_findings")]
    if not groups:
        return ""
    found = fit.tree[groups[-1]].to_dataset()
    columns = ("severity", "check", "statement", "advice")
    return table(columns, zip(*(found[c].values.astype(str) for c in columns), strict=True))


def version_pairs(fit: Fit) -> str:
    """Engine, package versions, and all settings as JSON."""
    engine = fit.record.engine
    rows = [("engine", str(engine.get("name")))]
    found = {**versions.numerical_versions(), **engine.get("versions", {})}
    rows += [(name, str(version)) for name, version in found.items()]
    if engine.get("devices"):
        rows.append(("devices", ", ".join(map(str, engine["devices"]))))
    source = json.dumps(fit.record.settings.to_json(), indent=1, default=str)
    return pairs(rows) + folded("All settings as JSON", f"<pre>{escape(source)}</pre>")


def notebook(fit: Fit, title: str, total: str, *parts: str) -> str:
    """What a notebook shows of a fit: status, parameters, then `parts` folded away. Starts no engine."""
    record = fit.record
    value = number(record.best_total[record.best_seed])
    rows = [
        (r["name"], f"{r['value']} {r['units']}".strip(), f"{r['low']} to {r['high']}" if r["low"] else "")
        for r in parameter_rows(record)
    ]
    trained = f"{record.history.iterations} iterations in {record.seconds:.1f} s on {record.engine.get('name')}"
    top = [
        ("status", fit.status),
        ("best", f"seed {fit.best_seed} of {len(fit.seeds)}, {total} {value}"),
        ("training", trained),
    ]
    table_ = plain_table(rows) + _spread_note(any(range_ for *_, range_ in rows))
    shown = [folded("Parameters (and their range over good seeds)", table_, opened=True)] if rows else []
    return summary(title, plain_table(top), *shown, *parts)


def equations_of(model: Any) -> str:
    """The equations as text and as LaTeX, and the networks in them."""
    equations = model.equations()
    networks = "".join(f"<li><code>{escape(n)}</code>: {escape(repr(net))}</li>" for n, net in model.networks.items())
    return (
        f"<pre>{escape(equations.text)}</pre>\n"
        + (f"<ul>{networks}</ul>\n" if networks else "")
        + folded("LaTeX", f"<pre>{escape(equations.latex)}</pre>")
    )


_SCORES = {
    "variable": "variable",
    "units": "units",
    "rmse_training": "RMSE, training",
    "r_squared_training": "R², training",
    "rmse_held_out": "RMSE, held out",
    "r_squared_held_out": "R², held out",
}


def score_table(fit: Fit) -> str:
    """Errors of every measured variable."""
    rows = score_rows(fit.record, fit.tree["/diagnostics"].to_dataset())
    if not rows:
        return "<p>Nothing was measured: costs alone were minimised.</p>"
    keys = [k for k in _SCORES if k in rows[0]]
    numeric = [k for k, key in enumerate(keys) if "_" in key]
    note = (
        "<p>RMSE: root mean squared error in the variable's units. R²: 1 is perfect, 0 no better than the mean of the "
        "values compared with, negative worse than it.</p>"
    )
    return table([_SCORES[k] for k in keys], [[row[k] for k in keys] for row in rows], numeric) + note


def ranking_table(fit: Fit) -> str:
    """What is known about interventions, and how often the best seed violates it."""
    found, known = fit.rankings(), fit.record.settings.rankings
    shares = found["violated_share"].sel(ranking=list(known)).values
    rows = [
        [n, str(r), f"{r.weight:g}", *("–" if np.isnan(v) else f"{100 * v:.3g} %" for v in own)]
        for (n, r), own in zip(known.items(), shares, strict=True)
    ]
    heads = ["ranking", "from the least effect to the greatest", "weight", "violated, training", "violated, held out"]
    return table(heads, rows, [2, 3, 4])


def data_pairs(record: Record) -> str:
    """What was measured, with the data's own attributes."""
    dataset = record.observations.dataset
    rows = [(str(k), str(v)) for k, v in dataset.attrs.items()]
    for name in record.observations.names:
        attrs = dataset[name].attrs
        words = [str(attrs.get("long_name", "")), f"[{attrs['units']}]" if attrs.get("units") else ""]
        rows.append((name, " ".join(w for w in words if w) or "–"))
    times = dataset["time"].values
    series = len(record.observations)
    trajectories = f"{series} {'trajectories' if series > 1 else 'trajectory'}"
    extent = f"{trajectories}, times {np.nanmin(times):g} to {np.nanmax(times):g}"
    return pairs([("extent", extent), *rows])
