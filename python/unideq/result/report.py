"""The HTML report of a fit to data: one file that holds everything it shows, pictures included."""

from __future__ import annotations

import os
from html import escape
from typing import TYPE_CHECKING

import numpy as np

from .advice import advice
from .html import check_target, document, folded, pairs, picture, plain_table, section, table, write_page
from .report_sections import course, findings, heading, notebook, parameters, status, version_pairs
from .table import score_rows, setting_rows

if TYPE_CHECKING:
    from .fit import Fit

__all__ = ["summary_html", "write_report"]


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
    check_target(path)
    record = fit.record
    title = str(record.observations.dataset.attrs.get("title") or f"Fit of {', '.join(record.observations.names)}")
    sections = [
        heading(title, record.created),
        status(fit, "total loss", f"{record.observations.count} measured values", advice(fit)),
        section("Equations", _equations(fit)),
        section("Parameters", parameters(fit)),
        section("Scores", _scores(fit)),
        section("Pictures", picture(fit.plot(), "Measurements and predictions, residuals, learned terms, training")),
        *([section("Audit", found)] if (found := findings(fit)) else []),
        section("Settings", pairs(setting_rows(record))),
        section("Course of training", course(fit)),
        section("Data", _data(fit)),
        section("Versions", version_pairs(fit)),
    ]
    write_page(document(title, sections, "Values belong to the best seed unless said otherwise."), path)


def _equations(fit: Fit) -> str:
    equations = fit.model.equations()
    networks = "".join(
        f"<li><code>{escape(n)}</code>: {escape(repr(net))}</li>" for n, net in fit.model.networks.items()
    )
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


def _scores(fit: Fit) -> str:
    rows = score_rows(fit.record, fit.tree["/diagnostics"].to_dataset())
    keys = [k for k in _SCORES if k in rows[0]]
    numeric = [k for k, key in enumerate(keys) if "_" in key]
    note = (
        "<p>RMSE: root mean squared error in the variable's units. R²: 1 is perfect, 0 no better than the mean of the "
        "values compared with, negative worse than it.</p>"
    )
    return table([_SCORES[k] for k in keys], [[row[k] for k in keys] for row in rows], numeric) + note


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
    trajectories = f"{series} {'trajectories' if series > 1 else 'trajectory'}"
    extent = f"{trajectories}, times {np.nanmin(times):g} to {np.nanmax(times):g}"
    return pairs([("extent", extent), *rows])


def summary_html(fit: Fit) -> str:
    """A short summary for notebooks: status and parameters, equations and settings folded away. Starts no engine."""
    return notebook(
        fit,
        f"<strong>Fit</strong> of {escape(', '.join(fit.record.observations.names))}",
        "total loss",
        folded("Equations", f"<pre>{escape(fit.model.equations().text)}</pre>"),
        folded("Settings", plain_table(setting_rows(fit.record))),
    )
