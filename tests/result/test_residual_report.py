"""The report of a residual fit, and what notebooks show of it, say what was learned and need nothing from elsewhere."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import unideq as ude
from training.specimens import KAPPA
from unideq.errors import DataError, OptionError
from unideq.result import Fit
from unideq.result.rows import number, parameter_rows, rms_rows

from .page import Page


def exact() -> xr.Dataset:
    x, t = np.linspace(0, 1, 21), np.linspace(0, 1, 11)
    u = np.exp(-KAPPA * np.pi**2 * t) * np.sin(np.pi * x)[:, None]
    return xr.Dataset({"u": (("x", "t"), u)}, coords={"x": x, "t": t})


def written(fit: Fit, path: Path, **settings) -> Page:
    fit.report(path, **settings)
    return Page(path.read_text(encoding="utf-8"))


def test_report_holds_the_numbers_and_needs_nothing(heat_fit, tmp_path):
    page = written(heat_fit, tmp_path / "report.html")
    text = " ".join(page.text)
    assert page.tags.count("img") == 1
    assert all(link.startswith("data:image/png;base64,") for link in page.links)
    (kappa,) = parameter_rows(heat_fit.record)
    assert (kappa["units"], kappa["low"] != "") == ("m²/s", True)
    for value in kappa.values():
        assert value in text
    for name, value in rms_rows(heat_fit.record, heat_fit.tree["/diagnostics"].to_dataset()):
        assert name in text
        assert value in text
    for _, how in heat_fit.kind.setting_rows(heat_fit.record):
        assert how in text
    assert heat_fit.model.describe() in text
    assert "fit.audit()" in text
    assert "relative L2 error" not in text


def test_a_reference_and_an_audit_add_to_the_report(heat_fit, tmp_path):
    fit = Fit(heat_fit.record, heat_fit.engine)
    audit = fit.audit()
    text = " ".join(written(fit, tmp_path / "report.html", reference=exact()).text)
    assert number(fit.error(exact())["u"]) in text
    for finding in audit.findings:
        assert finding.statement in text
        assert finding.advice in text
    assert "fit.audit()" not in text


def test_impossible_reports_are_refused(heat_fit, tmp_path):
    for path in (tmp_path, tmp_path / "no" / "report.html"):
        with pytest.raises(OptionError, match=r"report .* can't be written"):
            heat_fit.report(path)
    with pytest.raises(DataError, match="none of the fields u"):
        heat_fit.report(tmp_path / "report.html", reference=exact().rename(u="w"))
    assert not (tmp_path / "report.html").exists()


def test_notebook_summary_is_short_and_folded(heat_fit):
    page = Page(heat_fit._repr_html_())
    text = " ".join(page.text)
    assert page.links == []
    assert page.tags.count("details") == 3
    assert "finished" in text
    assert parameter_rows(heat_fit.record)[0]["value"] in text
    poisson = ude.ResidualProblem(
        {"x": (0, 1)}, {"u": ude.nn.MLP(1, 1, hidden=(4,))}, {"pde": ude.Interior(lambda at, field: field.u - at.x)}
    )
    fit = ude.fit(poisson, phases=[ude.Adam(1e-2, 2)], progress=False)
    assert Page(fit._repr_html_()).tags.count("details") == 2
