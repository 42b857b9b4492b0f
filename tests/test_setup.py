"""`unideq setup`: what juliapkg is asked for, failures without network, and a site's own Julia for real."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest

from unideq import doctor
from unideq.julia_packages import bundled_package, julia_packages, package_spec, requirements

ROOT = Path(__file__).parents[1]
SOURCES = str(ROOT / "python")
NOWHERE = "http://127.0.0.1:9"


def setup(*options, environment=None):
    """`unideq setup` in a process of its own: (exit code, what it said, seconds)."""
    began = time.monotonic()
    finished = subprocess.run(
        [sys.executable, "-m", "unideq.cli", "setup", *options],
        env={**(os.environ if environment is None else environment), "PYTHONPATH": SOURCES},
        capture_output=True,
        text=True,
        check=False,
    )
    return finished.returncode, finished.stdout + finished.stderr, time.monotonic() - began


def without_julia(folder):
    """Environment variables of a machine that has no Julia, juliapkg's project in a folder."""
    return {
        **{name: value for name, value in os.environ.items() if "JULIA" not in name},
        "PATH": str(folder / "bin"),
        "JULIA_DEPOT_PATH": str(folder / "depot"),
        "PYTHON_JULIAPKG_PROJECT": str(folder / "project"),
    }


# ---- what juliapkg is asked for ------------------------------------------------------------------------------------


def test_one_version_everywhere():
    release = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert json.loads(requirements().read_text())["version"] == release
    assert tomllib.loads((bundled_package() / "Project.toml").read_text())["version"] == release


def test_juliapkg_is_asked_for_the_bundled_package_and_for_all_that_loads_when_asked_for():
    asked = json.loads(requirements().read_text())
    project = tomllib.loads((bundled_package() / "Project.toml").read_text())
    own = asked["packages"].pop("Unideq")
    assert own["dev"] is True
    assert own["uuid"] == project["uuid"]
    assert (requirements().parent / own["path"]).resolve() == bundled_package().resolve()
    later = {p.name: {"uuid": p.uuid, "version": p.compat} for p in julia_packages() if not p.needed}
    assert asked["packages"] == later


def test_the_documented_recipe_adds_every_package_in_its_version():
    page = (ROOT / "docs" / "how-to" / "julia.md").read_text(encoding="utf-8")
    assert set(re.findall(r"PackageSpec\(.*?\)", page)) == {package_spec(p) for p in julia_packages()}


@pytest.fixture
def juliapkg_here(monkeypatch, tmp_path):
    """juliapkg's own state, with a project and an installed unideq in a temporary folder."""
    state = pytest.importorskip("juliapkg.state").STATE
    installed = tmp_path / "site-packages" / "unideq"
    installed.mkdir(parents=True)
    shutil.copy(requirements(), installed)
    program = tmp_path / "julia"
    program.write_text("#!/bin/sh\necho julia version 1.10.8\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "path", [str(installed.parent)])
    values = {"project": "project", "meta": "project/meta.json", "deps": "project/juliapkg.json"}
    for name, path in values.items():
        monkeypatch.setitem(state, name, str(tmp_path / path))
    monkeypatch.setitem(state, "offline", False)
    monkeypatch.setitem(state, "resolved", False)
    monkeypatch.setitem(state, "override_executable", None)
    return installed / "juliapkg.json", program, state


def test_a_new_release_is_resolved_anew_and_the_same_one_is_not(juliapkg_here):
    from juliapkg import deps

    file, program, state = juliapkg_here
    assert str(file) in deps.deps_files()
    compat, packages = deps.find_requirements()
    assert deps.Version.parse("1.10.8") in compat
    assert {p.name for p in packages} >= {"Unideq", "Lux"}
    deps.save_meta(
        {
            "meta_version": deps.META_VERSION,
            "dev": state["dev"],
            "version": "1.10.8",
            "executable": str(program),
            "libjulia": "",
            "bindir": "",
            "deps_files": {str(file): {"timestamp": file.stat().st_mtime - 1, "hash_sha256": deps._get_hash(file)}},
            "pkgs": [],
            "offline": False,
            "override_executable": None,
        }
    )
    assert deps.can_skip_resolve()
    file.write_text(file.read_text().replace('"version": "', '"version": "9', 1))
    assert not deps.can_skip_resolve()


# ---- failures ------------------------------------------------------------------------------------------------------


def test_without_network_setup_fails_within_seconds_and_says_what_to_do(tmp_path):
    code, said, seconds = setup(environment={**without_julia(tmp_path), "JULIA_PKG_SERVER": NOWHERE})
    assert code == 2
    assert "Julia's package server 127.0.0.1:9 can't be reached" in said
    assert "docs/how-to/julia.md" in said
    assert 'pip install "unideq[jax]"' in said
    assert "Traceback" not in said
    assert seconds < 15


@pytest.mark.parametrize("way", [["--offline"], []], ids=["option", "variable"])
def test_offline_nothing_is_tried(tmp_path, way):
    environment = without_julia(tmp_path)
    if not way:
        environment["PYTHON_JULIAPKG_OFFLINE"] = "yes"
    code, said, _ = setup(*way, environment=environment)
    assert code == 2
    assert "setting it up offline isn't possible" in said


def test_a_sites_own_julia_that_lacks_packages_is_not_passed_over(tmp_path):
    environment = without_julia(tmp_path)
    program = tmp_path / "bin" / "julia"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    project = tmp_path / "depot" / "environments" / "unideq"
    project.mkdir(parents=True)
    (project / "Project.toml").write_text("")
    code, said, _ = setup(environment=environment)
    assert code == 2
    assert "julia --project=@unideq -e 'using Pkg; Pkg.instantiate()'" in said
    (project / "Manifest.toml").write_text("")
    code, said, _ = setup(environment=environment)
    assert code == 2
    assert 'PackageSpec(name="OrdinaryDiffEqTsit5"' in said
    assert 'PackageSpec(name="PythonCall"' in said


def test_half_a_site_install_is_told(tmp_path):
    code, said, _ = setup(environment={**without_julia(tmp_path), "PYTHON_JULIACALL_EXE": sys.executable})
    assert code == 2
    assert "PYTHON_JULIACALL_PROJECT not set" in said


# ---- for real ------------------------------------------------------------------------------------------------------


@pytest.mark.julia
@pytest.mark.slow
@pytest.mark.skipif(not doctor.julia_engine().usable, reason="no Julia engine was found")
def test_setup_compiles_times_a_first_gradient_and_has_nothing_to_do_the_second_time(tmp_path):
    # A depot of its own in front: what Julia compiles lands there, and the packages come from the one behind.
    depots = os.pathsep.join([str(tmp_path), os.environ.get("JULIA_DEPOT_PATH", "")])
    offline = {"JULIA_PKG_SERVER": NOWHERE, "PYTHON_JULIAPKG_OFFLINE": "yes", "JULIA_DEPOT_PATH": depots}
    code, said, _ = setup(environment={**os.environ, **offline})
    assert code == 0, said
    assert "Compiling Unideq.jl ..." in said
    assert "s from import to a first gradient" in said.splitlines()[-1]
    code, said, seconds = setup(environment={**os.environ, **offline})
    assert code == 0, said
    assert said.splitlines()[-1].endswith("already set up, nothing to do.")
    assert seconds < 10
