"""HTML of reports and notebook summaries: one file that needs nothing from elsewhere."""

from __future__ import annotations

import base64
import io
import os
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from ..checks import writable
from ..errors import OptionError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = [
    "check_target", "document", "folded", "items", "pairs", "picture", "plain_table", "section", "summary", "table",
    "write_page",
]  # fmt: skip

_STYLE = """
body { font: 15px/1.5 system-ui, "Segoe UI", Helvetica, Arial, sans-serif; color: #222; background: #fff;
  max-width: 62rem; margin: 2rem auto; padding: 0 1.2rem; }
h1 { font-size: 1.6rem; margin: 0 0 .2rem; } h2 { font-size: 1.15rem; margin: 2.2rem 0 .6rem;
  border-bottom: 1px solid #ddd; padding-bottom: .2rem; }
p.sub { color: #666; margin: 0 0 1.2rem; }
.status { border-left: 4px solid #0072b2; background: #f3f7fa; padding: .6rem 1rem; }
.status.bad { border-color: #d55e00; background: #fdf4ee; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
.wide { overflow-x: auto; }
th, td { padding: .25rem .9rem .25rem 0; text-align: left; vertical-align: top; border-bottom: 1px solid #eee; }
th { font-weight: 600; color: #555; } td.n, th.n { text-align: right; }
pre { background: #f6f6f4; padding: .7rem 1rem; overflow-x: auto; font-size: 13px; line-height: 1.45; }
img { max-width: 100%; height: auto; } details { margin: .6rem 0; } summary { cursor: pointer; color: #555; }
footer { color: #888; font-size: 13px; margin-top: 3rem; }
"""


def write_page(text: str, path: str | os.PathLike[str]) -> None:
    """Write a report, or say why it can't be written."""
    target = Path(path)
    try:
        target.write_text(text, encoding="utf-8")
    except OSError as error:
        raise OptionError(f"The report `{target}` can't be written: {error.strerror or error}.") from error


def check_target(path: str | os.PathLike[str]) -> None:
    """Say before the work that a report can't go there."""
    writable(path, what="The report")


def document(title: str, sections: Iterable[str], footer: str) -> str:
    """A whole page."""
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        + "\n".join(sections)
        + f"\n<footer>{escape(footer)}</footer>\n</body>\n</html>\n"
    )


def section(title: str, body: str) -> str:
    """A heading and what belongs to it."""
    return f"<section>\n<h2>{title}</h2>\n{body}\n</section>"


def table(head: Sequence[str], rows: Iterable[Sequence[str]], numeric: Sequence[int] = ()) -> str:
    """A table; `numeric` columns are set to the right."""

    def cells(tag: str, values: Sequence[str]) -> str:
        kinds = [' class="n"' if k in numeric else "" for k in range(len(values))]
        return "".join(f"<{tag}{c}>{escape(str(v))}</{tag}>" for c, v in zip(kinds, values, strict=True))

    body = "\n".join(f"<tr>{cells('td', row)}</tr>" for row in rows)
    top = f"<thead><tr>{cells('th', head)}</tr></thead>"
    return f'<div class="wide"><table>\n{top}\n<tbody>\n{body}\n</tbody></table></div>'


def pairs(rows: Iterable[tuple[str, str]]) -> str:
    """A table of what and how."""
    body = "\n".join(f'<tr><th scope="row">{escape(a)}</th><td>{escape(b)}</td></tr>' for a, b in rows)
    return f'<div class="wide"><table><tbody>\n{body}\n</tbody></table></div>'


def items(sentences: Iterable[str]) -> str:
    """A list, or nothing where there is nothing to say."""
    body = "".join(f"<li>{escape(sentence)}</li>" for sentence in sentences)
    return f"<ul>{body}</ul>" if body else ""


def picture(figure: Figure, description: str) -> str:
    """A figure within the page."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=130)
    data = base64.b64encode(buffer.getvalue()).decode("ascii")
    return f'<img alt="{escape(description)}" src="data:image/png;base64,{data}">'


def summary(title: str, *parts: str) -> str:
    """What a notebook shows: `title` is HTML."""
    return f'<div style="line-height:1.45">{title}{"".join(parts)}</div>'


def plain_table(rows: Iterable[Sequence[str]]) -> str:
    """A table for notebooks, which have their own style; the first of a row is its heading."""
    cell = "padding:2px 14px 2px 0;text-align:left"
    lines = (
        f'<tr><th style="{cell};font-weight:600">{escape(first)}</th>'
        + "".join(f'<td style="{cell}">{escape(v)}</td>' for v in rest)
        + "</tr>"
        for first, *rest in rows
    )
    return f'<table style="border-collapse:collapse">{"".join(lines)}</table>'


def folded(title: str, body: str, opened: bool = False) -> str:
    """What opens on a click."""
    return f"<details{' open' if opened else ''}><summary>{escape(title)}</summary>{body}</details>"
