"""Prints the tables of the documentation from result files: `python _table.py FOLDER`, with the files of one mode.

Columns are rounded as the page shows them; a competitor that couldn't take part becomes a note under its table.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from unideq.harness import markdown_table

COLUMNS = {
    "lorenz": ("output", "solver", "peer", "ms", "ratio", "steps", "error_at_10"),
    "gradient_peers": ("case", "peer", "ms", "ratio", "first_s", "loss_error", "gradient_error"),
    "adam": ("case", "rate", "peer", "ms", "ratio", "loss"),
    "stiff": ("case", "peer", "ms", "ratio", "first_s", "loss_error", "gradient_error"),
    "brusselator": ("solver", "cells", "peer", "ms", "ratio", "steps"),
    "stiff_pde": ("case", "cells", "peer", "ms", "ratio", "first_s", "steps", "gradient_error"),
    "rollout": ("case", "peer", "ms", "ratio", "first_s", "steps_per_second", "difference"),
    "closures": ("case", "peer", "ms", "ratio", "first_s", "steps_per_second", "difference"),
    "residual": ("case", "peer", "ms", "ratio", "first_s", "steps_per_second", "loss_error", "gradient_error"),
    "paths": ("case", "peer", "ms", "ratio", "first_s", "difference"),
    "trajectories": ("case", "work", "threads", "ms", "ratio"),
    "first_gradient": ("engine", "part", "seconds"),
    "limits": (
        "what", "name", "median_ms", "gflops", "share_of_peak", "nanoseconds", "over_exp_and_tanh", "gb_per_second",
    ),
}  # fmt: skip
"""Script → columns; `ms` is the median with its quartiles."""


def table_of(result: dict[str, Any]) -> str:
    """One script's table, its notes, and its headline, in Markdown."""
    rows = result["table"] or result["rows"]
    taken = [shown(row) for row in rows if row.get("note") is None or row.get("median_ms") is not None]
    columns = [c for c in COLUMNS[result["name"]] if any(row.get(c) is not None for row in taken)]
    notes = [
        f"- {row.get('case') or row.get('solver') or ''}, {row.get('peer') or row.get('threads')}: {row['note']}"
        for row in rows
        if row.get("note")
    ]
    headline = [{"headline": name, "value": value} for name, value in result["headline"].items()]
    lines = [f"```console\n$ {result['command']}\n```", markdown_table(taken, columns), markdown_table(headline)]
    return "\n\n".join([*lines, "\n".join(notes)]).strip()


def shown(row: dict[str, Any]) -> dict[str, Any]:
    """The row with its time as text."""
    if row.get("median_ms") is None or "low_ms" not in row:
        return row
    times = [f"{row[key]:.3g}" for key in ("median_ms", "low_ms", "high_ms")]
    rounded = {
        key: float(f"{row[key]:.3g}") for key in ("ratio", "first_s", "loss_error", "gradient_error") if row.get(key)
    }
    return {**row, **rounded, "ms": f"{times[0]} ({times[1]}–{times[2]})"}


def main() -> None:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "unideq-benchmarks")
    results = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))]
    results = [result for result in results if result.get("name") in COLUMNS]
    if not results:
        sys.exit(f"`{folder}` holds no results of {', '.join(COLUMNS)}")
    machine, versions = results[0]["machine"], results[0]["versions"]
    print(f"{machine['processor']}, {machine['cores']} cores, {machine['memory_gib']} GiB; ", end="")
    print(", ".join(f"{name} {version}" for name, version in versions.items()))
    for name in COLUMNS:
        for result in results:
            if result["name"] == name:
                print(f"\n### {result['summary']}\n\n{table_of(result)}")


if __name__ == "__main__":
    main()
