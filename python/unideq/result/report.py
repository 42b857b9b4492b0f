"""The HTML report of a fit: one file that holds everything it shows, pictures included."""

from __future__ import annotations

import base64
import io
import json
import os
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from .. import versions
from ..errors import OptionError
from .advice import advice
from .table import number, parameter_rows, score_rows, setting_rows

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from .fit import Fit

__all__ = ["summary_html", "write_report"]

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


def write_report(fit: Fit, path: str | os.PathLike[str]) -> None:
    """Write the report.

    Parameters
    ----------
    path
        An `.html` file. It needs nothing else: no script, no font, no picture from elsewhere.

    Raises
    ------
    OptionError
        If the file can't be written.
    """
    target = Path(path)
    if target.is_dir() or not target.parent.is_dir():
        raise OptionError(f"The report `{target}` can't be written: give a file name in an existing folder.")
    text = _page(fit)
    try:
        target.write_text(text, encoding="utf-8")
    except OSError as error:
        raise OptionError(f"The report `{target}` can't be written: {error.strerror or error}.") from error


def _page(fit: Fit) -> str:
    record = fit.record
    title = str(record.observations.dataset.attrs.get("title") or f"Fit of {', '.join(record.observations.names)}")
    sections = [
        f"<h1>{escape(title)}</h1>",
        f'<p class="sub">A model trained with Unideq {escape(versions.unideq_version())}, '
        f"{escape(record.created.replace('T', ' '))}</p>",
        _status(fit),
        _section("Equations", _equations(fit)),
        _section("Parameters", _parameters(fit)),
        _section("Scores", _scores(fit)),
        _section("Pictures", _picture(fit.plot(), "Measurements and predictions, residuals, learned terms, training")),
        _section("Settings", _pairs(setting_rows(record))),
        _section("Course of training", _events(fit)),
        _section("Data", _data(fit)),
        _section("Versions", _versions(fit)),
    ]
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        + "\n".join(sections)
        + "\n<footer>Values belong to the best seed unless said otherwise.</footer>\n</body>\n</html>\n"
    )


def _section(title: str, body: str) -> str:
    return f"<section>\n<h2>{title}</h2>\n{body}\n</section>"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]], numeric: Sequence[int] = ()) -> str:
    def cells(tag: str, values: Sequence[str]) -> str:
        kinds = [' class="n"' if k in numeric else "" for k in range(len(values))]
        return "".join(f"<{tag}{c}>{escape(str(v))}</{tag}>" for c, v in zip(kinds, values, strict=True))

    body = "\n".join(f"<tr>{cells('td', row)}</tr>" for row in rows)
    top = f"<thead><tr>{cells('th', head)}</tr></thead>"
    return f'<div class="wide"><table>\n{top}\n<tbody>\n{body}\n</tbody></table></div>'


def _pairs(rows: Iterable[tuple[str, str]]) -> str:
    body = "\n".join(f'<tr><th scope="row">{escape(a)}</th><td>{escape(b)}</td></tr>' for a, b in rows)
    return f'<div class="wide"><table><tbody>\n{body}\n</tbody></table></div>'


# ---- sections -----------------------------------------------------------------------------------------------------


def _status(fit: Fit) -> str:
    record = fit.record
    good = record.status == "finished" or record.status.startswith("stopped")
    total = number(record.best_total[record.best_seed])
    free = int(record.layout.free_mask.sum())
    many = f"best of {len(fit.seeds)} seeds: {fit.best_seed}, " if len(fit.seeds) > 1 else ""
    return (
        f'<div class="status{"" if good else " bad"}"><strong>{escape(fit.status)}</strong><br>'
        f"{record.history.iterations} iterations in {record.seconds:.1f} s; {many}total loss {total}; "
        f"{record.observations.count} measured values, {free} trainable numbers{_advice(fit)}</div>"
    )


def _advice(fit: Fit) -> str:
    items = "".join(f"<li>{escape(sentence)}</li>" for sentence in advice(fit))
    return f"<ul>{items}</ul>" if items else ""


def _equations(fit: Fit) -> str:
    equations = fit.model.equations()
    networks = "".join(
        f"<li><code>{escape(n)}</code>: {escape(repr(net))}</li>" for n, net in fit.model.networks.items()
    )
    return (
        f"<pre>{escape(equations.text)}</pre>\n"
        + (f"<ul>{networks}</ul>\n" if networks else "")
        + f"<details><summary>LaTeX</summary><pre>{escape(equations.latex)}</pre></details>"
    )


def _parameters(fit: Fit) -> str:
    rows = parameter_rows(fit.record)
    if not rows:
        return "<p>None besides network weights.</p>"
    spread = any(row["low"] for row in rows)
    keys = ["name", "value", "units", *(["low", "high"] if spread else []), "kind"]
    heads = {"name": "parameter", "low": "lowest of good seeds", "high": "highest of good seeds"}
    numeric = [k for k, key in enumerate(keys) if key in ("value", "low", "high")]
    return _table([heads.get(k, k) for k in keys], [[row[k] for k in keys] for row in rows], numeric)


_SCORES = {
    "variable": "variable",
    "units": "units",
    "rmse_training": "RMSE, training",
    "r_squared_training": "R², training",
    "rmse_held_out": "RMSE, held out",
    "r_squared_held_out": "R², held out",
}


def _scores(fit: Fit) -> str:
    diagnostics = fit.tree["/diagnostics"].to_dataset()
    rows = score_rows(fit.record, diagnostics)
    keys = [k for k in _SCORES if k in rows[0]]
    numeric = [k for k, key in enumerate(keys) if "_" in key]
    table = _table([_SCORES[k] for k in keys], [[row[k] for k in keys] for row in rows], numeric)
    note = (
        "<p>RMSE: root mean squared error in the variable's units. R²: 1 is perfect, 0 no better than the mean of the "
        "values compared with, negative worse than it.</p>"
    )
    return table + note


def _picture(figure: Figure, description: str) -> str:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=130)
    data = base64.b64encode(buffer.getvalue()).decode("ascii")
    return f'<img alt="{escape(description)}" src="data:image/png;base64,{data}">'


def _events(fit: Fit) -> str:
    record = fit.record
    logs = record.history.joined(len(fit.seeds))
    rejected = int(logs["rejected"].sum())
    items = [*record.events, f"{rejected} rejected steps over all seeds" if rejected else "no rejected steps"]
    return "<ul>" + "".join(f"<li>{escape(e)}</li>" for e in items) + "</ul>"


def _data(fit: Fit) -> str:
    record = fit.record
    dataset = record.observations.dataset
    rows = [(str(k), str(v)) for k, v in dataset.attrs.items()]
    for name in record.observations.names:
        attrs = dataset[name].attrs
        words = [str(attrs.get("long_name", "")), f"[{attrs['units']}]" if attrs.get("units") else ""]
        rows.append((name, " ".join(w for w in words if w) or "–"))
    times = dataset["time"].values
    series = len(record.observations)
    extent = f"{series} {'trajectories' if series > 1 else 'trajectory'}, times {times[0]:g} to {times[-1]:g}"
    return _pairs([("extent", extent), *rows])


def _versions(fit: Fit) -> str:
    engine = fit.record.engine
    rows = [("engine", str(engine.get("name")))]
    found = {**versions.numerical_versions(), **engine.get("versions", {})}
    rows += [(name, str(version)) for name, version in found.items()]
    devices = engine.get("devices")
    if devices:
        rows.append(("devices", ", ".join(map(str, devices))))
    source = json.dumps(fit.record.settings.to_json(), indent=1, default=str)
    return _pairs(rows) + f"<details><summary>All settings as JSON</summary><pre>{escape(source)}</pre></details>"


# ---- notebook -----------------------------------------------------------------------------------------------------


def summary_html(fit: Fit) -> str:
    """A short summary for notebooks: status, and parameters, equations and settings folded away. Starts no engine."""
    record = fit.record
    total = number(record.best_total[record.best_seed])
    head = "padding:2px 14px 2px 0;text-align:left;font-weight:600"
    cell = "padding:2px 14px 2px 0;text-align:left"

    def table(rows: Iterable[Sequence[str]]) -> str:
        lines = (
            f'<tr><th style="{head}">{escape(first)}</th>'
            + "".join(f'<td style="{cell}">{escape(v)}</td>' for v in rest)
            + "</tr>"
            for first, *rest in rows
        )
        return f'<table style="border-collapse:collapse">{"".join(lines)}</table>'

    rows = [
        (r["name"], f"{r['value']} {r['units']}".strip(), f"{r['low']} to {r['high']}" if r["low"] else "")
        for r in parameter_rows(record)
    ]
    top = [
        ("status", fit.status),
        ("best", f"seed {fit.best_seed} of {len(fit.seeds)}, total loss {total}"),
        (
            "training",
            f"{record.history.iterations} iterations in {record.seconds:.1f} s on {record.engine.get('name')}",
        ),
    ]
    parts = [
        f"<strong>Fit</strong> of {escape(', '.join(record.observations.names))}",
        table(top),
        _folded("Parameters (and their range over good seeds)", table(rows), opened=True),
        _folded("Equations", f"<pre>{escape(fit.model.equations().text)}</pre>"),
        _folded("Settings", table(setting_rows(record))),
    ]
    return '<div style="line-height:1.45">' + "".join(parts) + "</div>"


def _folded(title: str, body: str, opened: bool = False) -> str:
    return f"<details{' open' if opened else ''}><summary>{escape(title)}</summary>{body}</details>"
