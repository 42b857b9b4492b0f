"""`unideq info FILE.nc`: what a file of ours holds, as text."""

from __future__ import annotations

import json
import os
from typing import Any

import xarray as xr

from ..model import ODE
from ..training.record import Record
from .file import read_solution, read_tree
from .groups import kind_of
from .residual_tree import RESIDUAL, residual_from_tree
from .table import SPREAD, number, parameter_rows, residual_setting_rows, rms_rows, score_rows, setting_rows
from .tree import training_from_tree

__all__ = ["describe_file"]


def describe_file(path: str | os.PathLike[str]) -> str:
    """Describe a saved fit, a checkpoint or a saved solution; no engine starts.

    Raises
    ------
    FileFormatError
        If there is no such file, or it isn't ours, is damaged or comes from a newer version.
    """
    tree = read_tree(path)
    kind = kind_of(tree, str(path))
    if kind == RESIDUAL:
        lines = _residual_fit(tree, str(path))
    else:
        lines = _fit(tree, str(path)) if kind == "fit" else _solution(path, tree)
    size = os.path.getsize(path)
    lines[0] += f" ({size / 1e6:.1f} MB)" if size > 1e5 else f" ({size / 1e3:.0f} kB)"
    return "\n".join([*lines, "", "groups", *_groups(tree)])


def _fit(tree: xr.DataTree, source: str) -> list[str]:
    record = training_from_tree(tree, source)
    computed = "diagnostics" in tree.children
    lines = [
        f"{source}: {'a fit' if computed else 'a checkpoint of a fit'}",
        *_head(record, tree),
        "",
        "equations",
        *_indented(str(record.model.equations())),
        "",
        *_parameters(parameter_rows(record)),
    ]
    if computed:
        lines += ["", "scores (best seed)"]
        for row in score_rows(record, tree["/diagnostics"].to_dataset()):
            text = f"  {row['variable']:<20} RMSE {row['rmse_training']} (R² {row['r_squared_training']})"
            if "rmse_held_out" in row:
                text += f", held out {row['rmse_held_out']} (R² {row['r_squared_held_out']})"
            lines.append(text)
    lines += ["", "settings", *_rows(setting_rows(record))]
    if not record.done:
        lines += ["", f"Go on training: `unideq.resume({source!r})`."]
    return lines


def _parameters(rows: list[dict[str, str]]) -> list[str]:
    lines = ["parameters (best seed)"]
    for row in rows:
        spread = f"  (seeds: {row['low']} to {row['high']})" if row["low"] else ""
        lines.append(f"  {row['name']:<20} {row['value']:>12} {row['units']:<10} {row['kind']}{spread}".rstrip())
    if any(row["low"] for row in rows):
        lines.append(f"  {SPREAD}")
    return lines


def _head(record: Record, tree: xr.DataTree) -> list[str]:
    seeds, total = record.settings.seeds, number(record.best_total[record.best_seed])
    rows = [
        ("status", record.status),
        ("created", record.created),
        ("written by", _versions(tree.attrs)),
        ("engine", str(record.engine.get("name"))),
        ("trained", f"{record.history.iterations} iterations in {record.seconds:.1f} s"),
        ("best seed", f"{seeds[record.best_seed]} of {len(seeds)}, total {total}"),
    ]
    return ["", *_rows(rows), *(f"  event         {e}" for e in record.events)]


def _residual_fit(tree: xr.DataTree, source: str) -> list[str]:
    record = residual_from_tree(tree, source)
    computed = "diagnostics" in tree.children
    what = "a fit" if computed else "a checkpoint of a fit"
    lines = [f"{source}: {what} of a residual problem", *_head(record, tree), "", "problem"]
    lines += _indented(record.problem.describe())
    if rows := parameter_rows(record):
        lines += ["", *_parameters(rows)]
    if computed:
        lines += ["", "root mean square residuals at validation points (best seed)"]
        rms = rms_rows(record, tree["/diagnostics"].to_dataset())
        lines += [f"  {name:<20} {value:>12}" for name, value in rms]
    lines += ["", "settings", *_rows(residual_setting_rows(record))]
    return lines if record.done else [*lines, "", f"Go on training: `unideq.resume({source!r})`."]


def _solution(path: str | os.PathLike[str], tree: xr.DataTree) -> list[str]:
    solution = read_solution(path)
    times = solution.dataset["time"].values
    return [
        f"{path}: a solution",
        "",
        *_rows(
            [
                ("status", ", ".join(sorted(set(solution.status)))),
                ("written by", _versions(tree.attrs)),
                ("solver", solution.solver),
                ("times", f"{len(times)} from {times[0]:g} to {times[-1]:g}"),
                ("trajectories", str(len(solution.status))),
            ]
        ),
        "",
        "equations",
        *_indented(str(_model(tree).equations())),
    ]


def _model(tree: xr.DataTree) -> ODE:
    return ODE.from_json(json.loads(tree.attrs["model"]))


def _versions(attrs: dict[Any, Any]) -> str:
    versions = json.loads(attrs.get("versions", "{}"))
    known = [
        f"{name} {versions[name]}" for name in ("python", "numpy", "jax", "diffrax", "juliacall") if name in versions
    ]
    return ", ".join([f"unideq {attrs.get('unideq_version', '?')}", *known])


def _rows(rows: list[tuple[str, str]]) -> list[str]:
    return [f"  {name:<13} {value}" for name, value in rows]


def _indented(text: str) -> list[str]:
    return [f"  {line}" for line in text.splitlines()]


def _groups(tree: xr.DataTree) -> list[str]:
    lines = []
    for node in tree.subtree:
        if node.path != "/" and (node.data_vars or node.coords):
            sizes = ", ".join(
                f"{name} {size}" for name, size in node.sizes.items() if not str(name).startswith("array_")
            )
            lines.append(f"  {node.path:<24} {len(node.data_vars)} variables{f' ({sizes})' if sizes else ''}")
    return lines
