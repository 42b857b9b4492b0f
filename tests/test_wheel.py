"""The wheel: complete, and usable where nothing else is installed."""

import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

pytestmark = pytest.mark.slow


def run(*command, folder, expected=0):
    """Standard output of a command that sees nothing of the environment that the tests run in."""
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    finished = subprocess.run(
        [str(part) for part in command], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert finished.returncode == expected, finished.stdout + finished.stderr
    return finished.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "build", "--wheel", "--outdir", folder, ROOT, folder=folder)
    (path,) = folder.glob("unideq-*.whl")
    return path


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


def test_the_wheel_alone_imports_and_lists_its_benchmarks(clean_environment, tmp_path):
    run(clean_environment / "python", "-c", "import unideq", folder=tmp_path)
    assert "import_time" in run(clean_environment / "unideq", "bench", folder=tmp_path)
    run(clean_environment / "unideq", "bench", "import_time", "--json", "out.json", folder=tmp_path)
    assert (tmp_path / "out.json").exists()


def test_without_an_engine_the_doctor_names_the_command_that_installs_one(clean_environment, tmp_path):
    output = run(clean_environment / "unideq", "doctor", folder=tmp_path, expected=1)
    assert output.splitlines()[-1] == 'No engine is usable. Type: pip install "unideq[jax]"'
