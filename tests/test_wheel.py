"""The wheel: complete, and usable where nothing else is installed."""

import json
import os
import subprocess
import sys
import tarfile
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest

from unideq import doctor

ROOT = Path(__file__).parents[1]

pytestmark = pytest.mark.slow


def run(*command, folder, expected=0, julia=False, **variables):
    """Standard output of a command that sees nothing of the environment that the tests run in, but Julia if wanted."""
    hidden = ("PYTHONPATH", "VIRTUAL_ENV", "UNIDEQ_ENGINE", "XLA_FLAGS")
    environment = {n: v for n, v in os.environ.items() if n not in hidden and (julia or "JULIA" not in n)}
    if not julia:
        environment["PATH"] = os.pathsep.join(
            entry for entry in environment["PATH"].split(os.pathsep) if not (Path(entry) / "julia").exists()
        )
    finished = subprocess.run(
        [str(part) for part in command],
        cwd=folder,
        env=environment | variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == expected, finished.stdout + finished.stderr
    return finished.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "build", "--wheel", "--outdir", folder, ROOT, folder=folder)
    (path,) = folder.glob("unideq-*.whl")
    return path


def bundled_files():
    """Paths of Unideq.jl in the checkout."""
    folder = ROOT / "julia"
    files = [path for path in folder.rglob("*") if path.is_file() and path.name != "Manifest.toml"]
    return {path.relative_to(folder).as_posix() for path in files}


@pytest.fixture(scope="module")
def clean_environment(wheel, tmp_path_factory):
    folder = tmp_path_factory.mktemp("clean")
    venv.create(folder / "venv", with_pip=True)
    programs = folder / "venv" / ("Scripts" if os.name == "nt" else "bin")
    run(programs / "python", "-m", "pip", "install", "--quiet", wheel, folder=folder)
    return programs


def test_the_wheel_holds_every_file_of_the_package_and_the_benchmarks(wheel):
    held = set(zipfile.ZipFile(wheel).namelist())
    for source, target in ((ROOT / "python" / "unideq", "unideq"), (ROOT / "benchmarks", "unideq/_benchmarks")):
        files = [path for path in source.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
        missing = [path for path in files if f"{target}/{path.relative_to(source).as_posix()}" not in held]
        assert files
        assert not missing
    assert "unideq/py.typed" in held


def test_the_wheel_holds_the_whole_julia_package_and_points_juliapkg_at_it(wheel):
    archive = zipfile.ZipFile(wheel)
    inside = {n.removeprefix("unideq/_julia/") for n in archive.namelist() if n.startswith("unideq/_julia/")}
    assert inside == bundled_files()
    assert {"Project.toml", "src/Unideq.jl"} <= inside
    asked = json.loads(archive.read("unideq/juliapkg.json"))
    own = asked["packages"]["Unideq"]
    assert own["dev"] is True
    project = tomllib.loads(archive.read(f"unideq/{own['path']}/Project.toml").decode())
    assert (project["name"], project["uuid"]) == ("Unideq", own["uuid"])
    checkout = json.loads((ROOT / "python" / "unideq" / "juliapkg.json").read_text())
    checkout["packages"]["Unideq"]["path"] = own["path"]
    assert asked == checkout


def test_a_wheel_can_be_built_from_the_source_distribution(tmp_path):
    run(sys.executable, "-m", "build", "--outdir", tmp_path, ROOT, folder=tmp_path)  # the wheel out of the sdist
    (source,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(source) as archive:
        inside = {name.partition("/")[2] for name in archive.getnames()}
    assert {f"julia/{name}" for name in bundled_files()} <= inside
    (built,) = tmp_path.glob("*.whl")
    assert "unideq/_julia/Project.toml" in zipfile.ZipFile(built).namelist()


def test_juliapkg_finds_what_the_installed_wheel_asks_for(clean_environment, tmp_path):
    code = (
        "import json, pathlib; from juliapkg import deps; compat, packages = deps.find_requirements(); "
        "(own,) = [p for p in packages if p.name == 'Unideq']; print(json.dumps([own.path, own.dev]))"
    )
    said = run(clean_environment / "python", "-P", "-c", code, folder=tmp_path)
    path, dev = json.loads(said.splitlines()[-1])
    assert dev
    assert tomllib.loads((Path(path) / "Project.toml").read_text())["name"] == "Unideq"
    assert Path(path).is_relative_to(clean_environment.parent)


@pytest.mark.julia
@pytest.mark.skipif(not doctor.julia_engine().usable, reason="no Julia engine was found")
def test_the_installed_wheel_computes_a_gradient_and_a_second_process_needs_no_network(clean_environment, tmp_path):
    # What Julia compiles for this copy of the package lands in a depot of its own, which goes with the test.
    depots = os.pathsep.join([str(tmp_path / "depot"), os.environ.get("JULIA_DEPOT_PATH", "")])
    nowhere = "http://127.0.0.1:9"
    blocked = {"JULIA_PKG_SERVER": nowhere, "http_proxy": nowhere, "https_proxy": nowhere}
    python = clean_environment / "python"
    smoke = ("-m", "unideq.julia_smoke")
    run(python, *smoke, folder=tmp_path, julia=True, JULIA_DEPOT_PATH=depots)
    said = run(python, *smoke, folder=tmp_path, julia=True, JULIA_DEPOT_PATH=depots, **blocked)
    assert json.loads(said.splitlines()[-1])["total"] < 60


def test_the_wheel_alone_imports_and_lists_its_benchmarks(clean_environment, tmp_path):
    run(clean_environment / "python", "-c", "import unideq", folder=tmp_path)
    assert "import_time" in run(clean_environment / "unideq", "bench", folder=tmp_path)
    run(clean_environment / "unideq", "bench", "import_time", "--json", "out.json", folder=tmp_path)
    assert (tmp_path / "out.json").exists()


def test_without_an_engine_the_doctor_names_the_command_that_installs_one(clean_environment, tmp_path):
    output = run(clean_environment / "unideq", "doctor", folder=tmp_path, expected=1)
    assert output.splitlines()[-1] == 'No engine is usable. Type: pip install "unideq[jax]"'
