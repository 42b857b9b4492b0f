"""`unideq info FILE.nc`: what a file of ours holds, as text."""

from __future__ import annotations

import json
import os
from typing import Any

import xarray as xr

from ..model import Model
from ..training.record import Record
from .file import read_solution, read_tree
from .fit_groups import file_word
from .rows import SPREAD, number, parameter_rows
from .tree import record_from_tree

__all__ = ["describe_file"]


def describe_file(path: str | os.PathLike[str]) -> str:
    """Describe a saved fit, a checkpoint or a saved solution; no engine starts.

    Raises
    ------
    FileFormatError
        If there is no such file, or it isn't ours, is damaged or comes from a newer version.
    """
    tree = read_tree(path)
    lines = _solution(path, tree) if file_word(tree, str(path)) == "solution" else _fit(tree, str(path))
    size = os.path.getsize(path)
    lines[0] += f" ({size / 1e6:.1f} MB)" if size > 1e5 else f" ({size / 1e3:.0f} kB)"
    return "\n".join([*lines, "", "groups", *_groups(tree)])


def _fit(tree: xr.DataTree, source: str) -> list[str]:
    record = record_from_tree(tree, source)
    kind = record.kind
    computed = not kind.computed or kind.computed[0] in tree.children
    what = "a fit" if computed else "a checkpoint of a fit"
    heading, text = kind.described(record.model)
    lines = [f"{source}: {what}{kind.of}", *_head(record, tree), "", heading.lower(), *_indented(text)]
    if rows := parameter_rows(record):
        lines += ["", *_parameters(rows)]
    if "diagnostics" in tree.children:
        title, scores = kind.score_lines(record, tree["/diagnostics"].to_dataset())
        lines += ["", title, *(f"  {line}" for line in scores)]
    lines += ["", "settings", *_rows(kind.setting_rows(record))]
    return lines if record.done else [*lines, "", f"Go on training: `unideq.resume({source!r})`."]


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


def _model(tree: xr.DataTree) -> Model:
    return Model.from_json(json.loads(tree.attrs["model"]))


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
