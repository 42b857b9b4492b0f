"""The HTML report of a fit: one file that holds everything it shows, pictures included."""

from __future__ import annotations

import os
from html import escape
from typing import TYPE_CHECKING, Any

from .html import check_target, document, folded, pairs, picture, plain_table, section, write_page
from .report_sections import course, findings, heading, notebook, parameters, status, version_pairs

if TYPE_CHECKING:
    from .fit import Fit

__all__ = ["summary_html", "write_report"]


def write_report(fit: Fit, path: str | os.PathLike[str], **settings: Any) -> None:
    """Write the report.

    Parameters
    ----------
    path
        An `.html` file. It needs nothing else: no script, no font, no picture from elsewhere.
    settings
        Of a residual problem `reference`, a Dataset with fields over the coordinates: errors are listed and drawn.

    Raises
    ------
    OptionError
        If the file can't be written.
    """
    check_target(path)
    record, kind = fit.record, fit.kind
    what, text = kind.described(fit.model)
    own = dict(kind.sections(fit, **settings))
    described = own.pop(what, f"<pre>{escape(text)}</pre>")
    data, unaudited = own.pop("Data", ""), own.pop("Audit", "")
    bodies = {
        what: described,
        "Parameters": parameters(fit),
        **own,
        "Pictures": picture(fit.plot(**settings), kind.pictured),
        "Audit": findings(fit) or unaudited,
        "Settings": pairs(kind.setting_rows(record)),
        "Course of training": course(fit),
        "Data": data,
        "Versions": version_pairs(fit),
    }
    title = kind.title(record)
    sections = [
        heading(title, record.created),
        status(fit, kind.total, kind.size(record), kind.advice(fit)),
        *(section(name, body) for name, body in bodies.items() if body),
    ]
    write_page(document(title, sections, "Values belong to the best seed unless said otherwise."), path)


def summary_html(fit: Fit) -> str:
    """A short summary for notebooks: status and parameters, equations and settings folded away. Starts no engine."""
    record, kind = fit.record, fit.kind
    what, text = kind.described(fit.model)
    return notebook(
        fit,
        f"<strong>Fit</strong> of {escape(kind.summary(record))}",
        kind.total,
        folded(what, f"<pre>{escape(text)}</pre>"),
        folded("Settings", plain_table(kind.setting_rows(record))),
    )
