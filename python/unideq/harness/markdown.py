"""Rows as a Markdown table: read in the terminal, pasted into the documentation as it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["markdown_table"]


def markdown_table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str] | None = None) -> str:
    """Format rows as an aligned Markdown table.

    Parameters
    ----------
    rows : one mapping a line; a missing value is printed as an empty cell.
    columns : which values, in order; default all of them, in order of first appearance.
    """
    columns = list(columns) if columns is not None else list(dict.fromkeys(key for row in rows for key in row))
    if not columns:
        return ""
    body = [[_cell(row.get(column)) for column in columns] for row in rows]
    numeric = [all(not isinstance(row.get(c), str | list | dict) for row in rows) for c in columns]
    widths = [max(3, *(len(line[k]) for line in [columns, *body])) for k in range(len(columns))]

    def join(cells: Sequence[str]) -> str:
        aligned = [c.rjust(w) if right else c.ljust(w) for c, w, right in zip(cells, widths, numeric, strict=True)]
        return "| " + " | ".join(aligned) + " |"

    rule = "|".join("-" * (w + 1) + (":" if right else "-") for w, right in zip(widths, numeric, strict=True))
    return "\n".join([join(columns), f"|{rule}|", *(join(line) for line in body)])


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.4g}"
    return str(value).replace("|", "\\|")
