"""The `unideq` command."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from unideq import cli
from unideq.errors import FileFormatError

SOURCES = str(Path(cli.__file__).parents[1])


def test_bench_alone_lists_the_scripts_with_a_line_each(capsys):
    assert cli.main(["bench"]) == 0
    output = capsys.readouterr().out
    assert "performance" in output
    assert "import_time" in output
    assert "Seconds that `import unideq` adds" in output


def test_bench_passes_options_on_and_returns_the_scripts_exit_code(capfd, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", SOURCES)  # tests also run in a checkout that isn't installed
    assert cli.main(["bench", "import_time", "--help"]) == 0
    assert "[--quick | --full] [--engine NAME] [--seeds N]" in " ".join(capfd.readouterr().out.split())
    assert cli.main(["bench", "import_time", "--seeds", "0"]) == 2
    assert "must be at least 1" in capfd.readouterr().err


def test_an_unknown_benchmark_is_told_with_the_closest_match(capsys):
    assert cli.main(["bench", "import_tme"]) == 2
    error = capsys.readouterr().err
    assert "Did you mean `import_time`?" in error
    assert "Traceback" not in error


def test_an_unknown_command_lists_the_known_ones(capsys):
    with pytest.raises(SystemExit, match="2"):
        cli.main(["trian"])
    error = capsys.readouterr().err
    for command in ("setup", "demo", "doctor", "info", "bench"):
        assert command in error


def test_bad_input_is_told_without_a_traceback(monkeypatch, capsys, tmp_path):
    def refuse(values):
        raise FileFormatError(f"`{values.file}` is not ours")

    monkeypatch.setattr(cli, "run_info", refuse)
    assert cli.main(["info", str(tmp_path / "x.nc")]) == 2
    assert capsys.readouterr().err.startswith("unideq: `")


def test_the_command_starts_without_heavy_imports():
    code = """
        import sys
        from unideq import cli
        cli.main(["doctor"])
        heavy = {"jax", "scipy", "matplotlib", "pysindy", "sympy", "juliacall"} & set(sys.modules)
        sys.exit(f"imported {heavy}" if heavy else 0)
    """
    finished = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        env=os.environ | {"PYTHONPATH": SOURCES},
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
