"""The HTML report of a residual fit: problem, parameters, residuals, pictures, and what an audit found."""

from __future__ import annotations

import os
from html import escape
from typing import TYPE_CHECKING

import numpy as np

from .html import check_target, document, folded, pairs, picture, plain_table, section, table, write_page
from .report_sections import course, findings, heading, notebook, parameters, status, version_pairs
from .table import number, residual_setting_rows, rms_rows

if TYPE_CHECKING:
    import xarray as xr

    from .residual_fit import ResidualFit

__all__ = ["residual_summary_html", "write_residual_report"]

_TOTAL = "validation total"
_UNAUDITED = "<p>Not made: <code>fit.audit()</code>, called before the report, looks at gradients and curvature.</p>"


def write_residual_report(fit: ResidualFit, path: str | os.PathLike[str], reference: xr.Dataset | None = None) -> None:
    """Write the report.

    Parameters
    ----------
    path
        An `.html` file. It needs nothing else: no script, no font, no picture from elsewhere.
    reference
        Dataset with fields over the coordinates: errors are listed and drawn as well.

    Raises
    ------
    OptionError
        If the file can't be written.
    """
    check_target(path)
    record, problem = fit.record, fit.problem
    title = f"Residual fit of {', '.join(problem.field_names)} over {', '.join(problem.domain.names)}"
    sections = [
        heading(title, record.created),
        status(fit, _TOTAL, f"{len(problem.terms)} terms", _advice(fit)),
        section("Problem", f"<pre>{escape(problem.describe())}</pre>"),
        section("Parameters", parameters(fit)),
        section("Residuals", _residuals(fit)),
        *([] if reference is None else [section("Errors", _errors(fit, reference))]),
        section("Pictures", picture(fit.plot(reference=reference), "Fields, residuals, losses, weights, parameters")),
        section("Audit", findings(fit) or _UNAUDITED),
        section("Settings", pairs(residual_setting_rows(record))),
        section("Course of training", course(fit)),
        section("Versions", version_pairs(fit)),
    ]
    write_page(document(title, sections, "Values belong to the best seed unless said otherwise."), path)


def _residuals(fit: ResidualFit) -> str:
    rows = rms_rows(fit.record, fit.tree["/diagnostics"].to_dataset())
    note = "<p>Root mean squares at the validation points, which are fixed; those of data at the data.</p>"
    return table(["residual", "root mean square"], rows, [1]) + note


def _errors(fit: ResidualFit, reference: xr.Dataset) -> str:
    errors = fit.error(reference, seed="all")
    rows = [
        (str(n), number(e.values[fit.record.best_seed]), number(e.min()), number(e.max())) for n, e in errors.items()
    ]
    heads = ["field", "relative L2 error", "lowest of all seeds", "highest of all seeds"]
    return table(heads, rows, [1, 2, 3])


def _advice(fit: ResidualFit) -> list[str]:
    rms = fit.tree["/diagnostics"].to_dataset()["rms"]
    lost = [seed for seed, row in zip(fit.seeds, rms.values, strict=True) if not np.isfinite(row).all()]
    if not lost:
        return []
    return [f"Residuals of seed{'s' * (len(lost) > 1)} {', '.join(map(str, lost))} aren't finite."]


def residual_summary_html(fit: ResidualFit) -> str:
    """A short summary for notebooks: status and parameters, problem and settings folded away. Starts no engine."""
    names = ", ".join(fit.problem.field_names)
    return notebook(
        fit,
        f"<strong>ResidualFit</strong> of {escape(names)}",
        _TOTAL,
        folded("Problem", f"<pre>{escape(fit.problem.describe())}</pre>"),
        folded("Settings", plain_table(residual_setting_rows(fit.record))),
    )
