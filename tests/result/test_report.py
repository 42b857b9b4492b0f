"""The report, the notebook summary and `unideq info` say what the fit found, and need nothing from elsewhere."""

from __future__ import annotations

from dataclasses import replace

import pytest

import unideq as ude
from unideq.cli import main
from unideq.errors import FileFormatError, OptionError
from unideq.result.info import describe_file
from unideq.result.rows import number, parameter_rows, score_rows

from .growth import growth_data, growth_model, untrained
from .page import Page


@pytest.fixture(scope="module")
def page(fitted, tmp_path_factory) -> tuple[Page, str]:
    path = tmp_path_factory.mktemp("report") / "report.html"
    fitted.report(path)
    source = path.read_text(encoding="utf-8")
    return Page(source), source


def test_report_needs_nothing_from_elsewhere(page):
    parsed, source = page
    assert parsed.links
    assert all(link.startswith("data:image/png;base64,") for link in parsed.links)
    assert not {"script", "link", "iframe", "object"} & set(parsed.tags)
    assert "@import" not in source
    assert "url(" not in source


def test_report_is_one_valid_document(page):
    parsed, source = page
    assert source.startswith("<!DOCTYPE html>")
    assert parsed.tags[:2] == ["html", "head"]
    for tag in ("title", "body", "style"):
        assert parsed.tags.count(tag) == 1


def test_report_holds_the_numbers(page, fitted):
    text = " ".join(page[0].text)
    for row in parameter_rows(fitted.record):
        assert row["name"] in text
        assert row["value"] in text
    for row in score_rows(fitted.record, fitted.tree["/diagnostics"].to_dataset()):
        assert row["rmse_training"] in text
        assert row["rmse_held_out"] in text
    for words in ("finished", "Growth of nothing in particular", "The logistic function", "d x/dt = ", "jax", "tsit5"):
        assert words in text
    assert number(fitted.record.best_total[fitted.record.best_seed]) in text


def test_what_users_write_is_escaped(fitted, tmp_path):
    record = fitted.record
    data = record.observations.dataset.assign_attrs(title='<script>alert("x")</script> & more')
    observations = replace(record.observations, dataset=data)
    path = tmp_path / "report.html"
    ude.Fit(replace(record, observations=observations), fitted.engine, fitted._computed).report(path)
    parsed = Page(path.read_text(encoding="utf-8"))
    assert "script" not in parsed.tags
    assert any("<script>" in text for text in parsed.text)


def test_unwritable_report_is_refused(fitted, tmp_path):
    for path in (tmp_path, tmp_path / "no" / "report.html"):
        with pytest.raises(OptionError, match=r"report .* can't be written"):
            fitted.report(path)


def test_notebook_summary_is_short_and_folded(fitted):
    html = fitted._repr_html_()
    parsed = Page(html)
    text = " ".join(parsed.text)
    assert len(html) < 8000
    assert parsed.links == []
    assert "script" not in parsed.tags
    assert parsed.tags.count("details") == 3
    assert "finished" in text
    assert parameter_rows(fitted.record)[0]["value"] in text


# ---- unideq info --------------------------------------------------------------------------------------------------


def test_info_describes_a_fit(fitted, tmp_path, capsys):
    path = tmp_path / "fit.nc"
    fitted.save(path)
    assert main(["info", str(path)]) == 0
    text = capsys.readouterr().out
    assert "a fit" in text
    assert "d x/dt = " in text
    assert "52 iterations" in text
    assert "/solution" in text
    assert "seed 3" in text
    for row in parameter_rows(fitted.record):
        assert row["value"] in text


def test_info_describes_a_checkpoint_and_how_to_go_on(tmp_path):
    from unideq.result.file import write_training

    fit = untrained(growth_model(), growth_data())
    fit.record.status = "running"
    write_training(fit.record, tmp_path / "c.nc")
    text = describe_file(tmp_path / "c.nc")
    assert "a checkpoint" in text
    assert "unideq.resume(" in text


def test_info_describes_a_solution(tmp_path):
    model = ude.ODE(lambda t, state, p: {"x": -p.rate * state.x}, ["x"], {"rate": 1.0}, initial={"x": 1.0})
    model.solve([0.0, 1.0], solver="tsit5").save(tmp_path / "s.nc")
    text = describe_file(tmp_path / "s.nc")
    assert "a solution" in text
    assert "d x/dt = -rate·x" in text
    assert "success" in text


def test_info_refuses_other_files(tmp_path, capsys):
    path = tmp_path / "theirs.nc"
    growth_data().to_netcdf(path, engine="h5netcdf")
    with pytest.raises(FileFormatError, match="isn't a Unideq file"):
        describe_file(path)
    assert main(["info", str(path)]) == 2
    assert "isn't a Unideq file" in capsys.readouterr().err
