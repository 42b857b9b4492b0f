"""The doctor: engines and extras as they are, and the command that mends what is missing."""

import hashlib
import json
import os
import tomllib
from pathlib import Path

import pytest

from unideq import cli, doctor, julia_location
from unideq.julia_location import julia_candidates, usable_julia
from unideq.julia_packages import add_command, bundled_package, julia_packages, requirements

PROJECT = Path(__file__).parents[1] / "pyproject.toml"


def executable(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def manifest(versions):
    """A manifest as Pkg writes it."""
    entries = [f'[[deps.{name}]]\nuuid = "0"\nversion = "{version}"\n' for name, version in versions.items()]
    return 'julia_version = "1.10.8"\nmanifest_format = "2.0"\n\n' + "\n".join(entries)


def complete():
    """Versions of all packages that Unideq.jl wants: the lowest that will do."""
    lowest = {p.name: p.compat.partition(",")[0].strip().lstrip("^=") for p in julia_packages()}
    return {name: ".".join([*version.split("."), "0", "0"][:3]) for name, version in lowest.items()}


def julia_project(folder, instantiated=True, versions=None):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "Project.toml").write_text("")
    if instantiated:
        (folder / "Manifest.toml").write_text(manifest(complete() if versions is None else versions))
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


def test_a_shared_environment_must_hold_every_needed_package_in_a_version_that_will_do(tmp_path, no_juliapkg):
    program = executable(tmp_path / "bin" / "julia")
    environment = {"PATH": str(program.parent), "JULIA_DEPOT_PATH": str(tmp_path)}
    folder = tmp_path / "environments" / "unideq"
    needed = next(p.name for p in julia_packages() if p.needed)
    for versions, lacks in (
        ({n: v for n, v in complete().items() if n != needed}, needed),
        ({**complete(), "PythonCall": "0.9.0"}, f"PythonCall 0.9.0 (needs ={complete()['PythonCall']})"),
    ):
        julia_project(folder, versions=versions)
        found = julia_candidates(environment)[1]
        assert found.missing == f"`{folder}` lacks {lacks}"
        assert found.remedy.startswith("julia --project=@unideq -e 'using Pkg; Pkg.add([PackageSpec(name=")
        assert lacks.split()[0] in found.remedy
        assert usable_julia(environment) is None
    julia_project(folder)
    assert usable_julia(environment) == julia_candidates(environment)[1]


def test_packages_that_load_when_asked_for_may_be_missing_and_are_told(tmp_path, monkeypatch, no_juliapkg):
    program = executable(tmp_path / "bin" / "julia")
    later = [p.name for p in julia_packages() if not p.needed]
    assert later
    without = {n: v for n, v in complete().items() if n not in later}
    julia_project(tmp_path / "environments" / "unideq", versions=without)
    monkeypatch.setenv("PATH", str(program.parent))
    monkeypatch.setenv("JULIA_DEPOT_PATH", str(tmp_path))
    monkeypatch.delenv("PYTHON_JULIACALL_EXE", raising=False)
    finding = doctor.julia_engine()
    assert finding.usable
    assert finding.details[-1] == f"loaded when asked for, missing here: {', '.join(later)}"
    assert all(name in finding.remedy for name in later)


def test_every_dependency_of_the_julia_package_is_a_standard_library_or_has_its_versions_stated():
    project = tomllib.loads((bundled_package() / "Project.toml").read_text())
    standard = {"Base64", "LinearAlgebra", "Random", "SparseArrays", "Libdl", "Printf", "Statistics"}
    assert {*project["deps"], *project["weakdeps"]} - set(project["compat"]) <= standard
    assert {p.name for p in julia_packages() if p.needed} >= {"PythonCall", "OrdinaryDiffEqTsit5"}


def test_versions_are_asked_of_pkg_as_it_understands_them():
    packages = {p.name: p for p in julia_packages()}
    command = add_command("julia", "@unideq", [packages["PythonCall"], packages["PrecompileTools"], packages["JSON"]])
    bridge = tomllib.loads(PROJECT.read_text())["project"]["dependencies"][-1].partition("==")[2]
    assert f'PackageSpec(name="PythonCall", version="{bridge}")' in command
    assert 'PackageSpec(name="PrecompileTools", version="1.2-1")' in command
    assert 'PackageSpec(name="JSON", version="1")' in command


def test_what_juliapkg_resolved_counts_only_if_it_was_for_this_version_of_us(no_juliapkg, tmp_path):
    program = executable(tmp_path / "bin" / "julia")
    no_juliapkg.parent.mkdir()
    ours = hashlib.sha256(requirements().read_bytes()).hexdigest()
    for packages, digest, missing in (
        (["Other"], ours, "resolved for other packages, not for Unideq"),
        (["Unideq"], "0", "resolved for another version of unideq"),
        (["Unideq"], ours, ""),
    ):
        files = {str(requirements()): {"hash_sha256": digest}}
        held = [{"name": name} for name in packages]
        no_juliapkg.write_text(json.dumps({"executable": str(program), "pkgs": held, "deps_files": files}))
        assert julia_candidates({"PATH": ""})[2].missing == missing
    program.unlink()
    assert "is gone" in julia_candidates({"PATH": ""})[2].missing


def test_the_jax_engine_is_usable_where_all_its_packages_are_installed():
    finding = doctor.package_set("jax")
    assert finding.usable
    assert finding.remedy == ""
    assert {line.split()[0] for line in finding.details} == {"jax", "diffrax", "scipy", "threadpoolctl", "filelock"}


def test_missing_and_unsuitable_packages_are_named_with_the_command_that_mends_it(monkeypatch):
    monkeypatch.setattr(doctor, "version_of", {"jax": "0.4.1", "scipy": "1.17.1"}.get)
    finding = doctor.package_set("jax")
    assert not finding.usable
    assert set(finding.details) == {
        "jax 0.4.1: needs >=0.8", "diffrax: not installed", "scipy 1.17.1", "threadpoolctl: not installed",
        "filelock: not installed",
    }  # fmt: skip
    assert finding.remedy == 'pip install -e ".[jax]"'


def test_the_doctor_knows_the_extras_that_the_project_declares(monkeypatch):
    declared = tomllib.loads(PROJECT.read_text())["project"]["optional-dependencies"]
    for extra in ("jax", "discover", "notebook", "cluster"):
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
