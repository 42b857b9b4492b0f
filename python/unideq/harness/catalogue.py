"""Finds the benchmark scripts, in a checkout (`benchmarks/`) or in an installed wheel (`unideq/_benchmarks/`)."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from pathlib import Path

from ..errors import OptionError, unknown

__all__ = ["Benchmark", "benchmark_folder", "find_benchmark", "find_benchmarks"]

KINDS = ("studies", "performance")
"""The two folders of scripts: what the method can do, and what it costs."""


@dataclass(frozen=True)
class Benchmark:
    """One runnable script.

    Attributes
    ----------
    name : file name without `.py`: what `unideq bench NAME` takes.
    kind : `"studies"` or `"performance"`.
    path : the script.
    summary : first line of its docstring.
    """

    name: str
    kind: str
    path: Path
    summary: str


def benchmark_folder() -> Path:
    """The folder that holds the scripts; the checkout's where the package is run from one, else the wheel's copy."""
    package = Path(__file__).resolve().parents[1]
    checkout = package.parents[1]
    if (checkout / "pyproject.toml").is_file() and (checkout / "benchmarks").is_dir():
        return checkout / "benchmarks"
    return package / "_benchmarks"


def find_benchmarks(folder: Path | None = None) -> list[Benchmark]:
    """All scripts of the two kinds, by kind and name. Files that start with `_` are parts of scripts, not scripts.

    Parameters
    ----------
    folder : where to look; default `benchmark_folder()`.
    """
    folder = folder or benchmark_folder()
    return [
        Benchmark(path.stem, kind, path, first_docstring_line(path))
        for kind in KINDS
        for path in sorted((folder / kind).glob("*.py"))
        if not path.name.startswith("_")
    ]


def find_benchmark(name: str, folder: Path | None = None) -> Benchmark:
    """The script called `name` (or `kind/name`); raises `OptionError` with the closest match for an unknown one."""
    known = find_benchmarks(folder)
    found = [entry for entry in known if name in (entry.name, f"{entry.kind}/{entry.name}")]
    if not found:
        raise unknown("benchmark", name, [entry.name for entry in known])
    if len(found) > 1:
        full_names = " or ".join(f"`{entry.kind}/{entry.name}`" for entry in found)
        raise OptionError(f"Several benchmarks are called `{name}`: say {full_names}.")
    return found[0]


def first_docstring_line(path: Path) -> str:
    """What a script says of itself, read without running it."""
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return docstring.strip().partition("\n")[0]
