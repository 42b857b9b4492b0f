"""The doctor: engines and extras as they are, and the command that mends what is missing."""

import json
import os
import tomllib
from pathlib import Path

import pytest

from unideq import cli, doctor, julia_location
from unideq.julia_location import julia_candidates

PROJECT = Path(__file__).parents[1] / "pyproject.toml"


def executable(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def julia_project(folder, instantiated=True):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "Project.toml").write_text("")
    if instantiated:
        (folder / "Manifest.toml").write_text("")
    return folder


@pytest.fixture
def no_juliapkg(monkeypatch, tmp_path):
    state = pytest.importorskip("juliapkg.state").STATE
    monkeypatch.setitem(state, "meta", str(tmp_path / "juliapkg" / "meta.json"))
    monkeypatch.setitem(state, "project", str(tmp_path / "juliapkg"))
    return tmp_path / "juliapkg" / "meta.json"


def test_without_julia_every_place_says_what_is_missing(no_juliapkg):
    site, shared, resolved = julia_candidates({"PATH": ""})
    assert site.missing == "PYTHON_JULIACALL_EXE and PYTHON_JULIACALL_PROJECT not set"
    assert shared.missing == "no `julia` on PATH"
    assert resolved.missing == "nothing resolved yet"
    assert not any(candidate.found for candidate in (site, shared, resolved))


def test_a_site_install_counts_first_and_needs_both_variables(tmp_path):
    program = executable(tmp_path / "bin" / "julia")
    environment = {"PATH": "", "PYTHON_JULIACALL_EXE": str(program)}
    assert julia_candidates(environment)[0].missing == "PYTHON_JULIACALL_PROJECT not set"
    environment["PYTHON_JULIACALL_PROJECT"] = str(tmp_path / "project")
    assert "no Project.toml" in julia_candidates(environment)[0].missing
    julia_project(tmp_path / "project")
    assert julia_candidates(environment)[0].found
    program.chmod(0o644)
    assert "is no program" in julia_candidates(environment)[0].missing


def test_julia_on_path_counts_with_an_instantiated_shared_environment(tmp_path):
    program = executable(tmp_path / "bin" / "julia")
    depots = [tmp_path / "depot_1", tmp_path / "depot_2"]
    environment = {"PATH": str(program.parent), "JULIA_DEPOT_PATH": os.pathsep.join(map(str, depots))}
    assert julia_candidates(environment)[1].missing == "no shared environment called unideq"
    project = julia_project(depots[1] / "environments" / "unideq", instantiated=False)
    assert "not instantiated" in julia_candidates(environment)[1].missing
    julia_project(project)
    found = julia_candidates(environment)[1]
    assert (found.found, found.executable, found.project) == (True, program, project)


def test_what_juliapkg_resolved_counts_only_if_it_was_for_us(no_juliapkg, tmp_path):
    program = executable(tmp_path / "bin" / "julia")
    no_juliapkg.parent.mkdir()
    for packages, missing in ((["Other"], "resolved for other packages, not for Unideq"), (["Unideq"], "")):
        resolved = {"executable": str(program), "pkgs": [{"name": name} for name in packages]}
        no_juliapkg.write_text(json.dumps(resolved))
        assert julia_candidates({"PATH": ""})[2].missing == missing
    program.unlink()
    assert "is gone" in julia_candidates({"PATH": ""})[2].missing


def test_the_jax_engine_is_usable_where_all_its_packages_are_installed():
    finding = doctor.package_set("jax")
    assert finding.usable
    assert finding.remedy == ""
    assert {line.split()[0] for line in finding.details} == {"jax", "diffrax", "scipy"}


def test_missing_and_unsuitable_packages_are_named_with_the_command_that_mends_it(monkeypatch):
    monkeypatch.setattr(doctor, "version_of", {"jax": "0.4.1", "scipy": "1.17.1"}.get)
    finding = doctor.package_set("jax")
    assert not finding.usable
    assert {"jax 0.4.1: needs >=0.8", "diffrax: not installed", "scipy 1.17.1"} == set(finding.details)
    assert finding.remedy == 'pip install -e ".[jax]"'


def test_the_doctor_knows_the_extras_that_the_project_declares(monkeypatch):
    declared = tomllib.loads(PROJECT.read_text())["project"]["optional-dependencies"]
    for extra in ("jax", "discover", "notebook"):
        assert doctor.extra_requirements(extra)
        assert len(doctor.extra_requirements(extra)) == len(declared[extra])


def test_doctor_reports_engines_and_exits_with_0_where_one_is_usable(capsys):
    assert cli.main(["doctor"]) == 0
    output = capsys.readouterr().out
    assert "jax: usable" in output
    assert "Models train on the " in output
    assert "PYTHON_JULIACALL_EXE" in output


def test_doctor_exits_with_1_and_a_command_where_no_engine_is_usable(monkeypatch, capsys):
    monkeypatch.setattr(doctor, "version_of", lambda package: None)
    monkeypatch.setattr(doctor, "julia_candidates", lambda: [julia_location.JuliaCandidate("x", None, None, "none")])
    assert cli.main(["doctor"]) == 1
    assert capsys.readouterr().out.splitlines()[-1] == 'No engine is usable. Type: pip install -e ".[jax]"'
