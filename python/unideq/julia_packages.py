"""The Julia packages that the Julia engine is built on, and which of them an environment lacks. Starts no Julia."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from .versions import version_of

__all__ = [
    "JuliaPackage",
    "Shortage",
    "add_command",
    "bundled_package",
    "bundled_version",
    "julia_packages",
    "package_spec",
    "requirements",
    "shortages",
]

_HERE = Path(__file__).resolve().parent
_ENTRY = re.compile(r"^\[\[deps\.(\w+)\]\]\n(.*?)(?=^\[\[|\Z)", re.MULTILINE | re.DOTALL)
_VERSION = re.compile(r'^version = "([^"]+)"', re.MULTILINE)


@dataclass(frozen=True)
class JuliaPackage:
    """A registered package: `compat` in Julia's notation; `needed` to start, or loaded when first asked for."""

    name: str
    uuid: str
    compat: str
    needed: bool


@dataclass(frozen=True)
class Shortage:
    """A package that an environment lacks (`found` is empty), or has in a version that won't do."""

    package: JuliaPackage
    found: str

    @property
    def needed(self) -> bool:
        """Whether the engine can't start without it."""
        return self.package.needed

    def __str__(self) -> str:
        return f"{self.package.name} {self.found} (needs {self.package.compat})" if self.found else self.package.name


def bundled_package() -> Path:
    """Folder of Unideq.jl: in the wheel next to the Python sources, in a checkout at its top."""
    installed = _HERE / "_julia"
    return installed if installed.is_dir() else _HERE.parents[1] / "julia"


def requirements() -> Path:
    """The file in which juliapkg finds what to resolve."""
    return _HERE / "juliapkg.json"


@cache
def _project() -> dict[str, Any]:
    return tomllib.loads((bundled_package() / "Project.toml").read_text(encoding="utf-8"))


def bundled_version() -> str:
    """Version of the bundled Unideq.jl."""
    return _project()["version"]


@cache
def julia_packages() -> tuple[JuliaPackage, ...]:
    """What Unideq.jl declares, without Julia's own standard libraries, and the bridge that fits juliacall."""
    project = _project()
    compat = project["compat"]
    listed = [
        JuliaPackage(name, uuid, compat[name], needed)
        for table, needed in (("deps", True), ("weakdeps", False))
        for name, uuid in project.get(table, {}).items()
        if name in compat
    ]
    bridge = JuliaPackage("PythonCall", "6099a3de-0909-46bc-b1f4-468b9a2dfc0d", f"={version_of('juliacall')}", True)
    return (*listed, bridge)


def shortages(manifest: Path) -> list[Shortage]:
    """What a manifest lacks of `julia_packages`, needed ones first."""
    from juliapkg.compat import Compat, Version

    text = manifest.read_text(encoding="utf-8")
    held = {name: _VERSION.search(body) for name, body in _ENTRY.findall(text)}
    found = {name: match.group(1) for name, match in held.items() if match}
    lacking = []
    for package in julia_packages():
        version = found.get(package.name, "")
        if not version or Version.parse(version.partition("+")[0]) not in Compat.parse(package.compat):
            lacking.append(Shortage(package, version))
    return sorted(lacking, key=lambda shortage: not shortage.needed)


def add_command(executable: Path | str, project: Path | str, packages: Sequence[JuliaPackage]) -> str:
    """The command that adds packages to an environment, in versions that will do."""
    return f"{executable} --project={project} -e 'using Pkg; Pkg.add([{', '.join(map(package_spec, packages))}])'"


def package_spec(package: JuliaPackage) -> str:
    """A package as `Pkg.add` takes it. Compat `1.2` is its version `1.2-1`; of several majors Pkg takes what fits."""
    lowest = package.compat.removeprefix("^").removeprefix("=")
    if "," in lowest:
        return f'PackageSpec(name="{package.name}")'
    major, dot, _ = lowest.partition(".")
    exact = package.compat.startswith("=") or not dot or major == "0"
    return f'PackageSpec(name="{package.name}", version="{lowest if exact else f"{lowest}-{major}"}")'
