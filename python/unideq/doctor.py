"""`unideq doctor`: which engines and extras are usable here, and the command that mends what is not.

Everything is read from package metadata and files: neither JAX nor Julia is started.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

from .cache_folder import cache_folder, kept_files
from .julia_location import julia_candidates
from .versions import numerical_versions, version_of

__all__ = ["Finding", "diagnose", "render"]

PACKAGE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Finding:
    """What the doctor found out about one engine or one extra.

    Attributes
    ----------
    name : engine or extra.
    usable : whether it can be used now.
    details : lines: versions, or what is missing.
    remedy : the next command to type; empty where nothing is to be done.
    """

    name: str
    usable: bool
    details: tuple[str, ...]
    remedy: str = ""


@dataclass(frozen=True)
class Diagnosis:
    """All findings: `engines` decide whether anything can be trained, `extras` add to it; what lies in the cache."""

    engines: tuple[Finding, ...]
    extras: tuple[Finding, ...]
    cache: str

    @property
    def healthy(self) -> bool:
        """Whether at least one engine is usable."""
        return any(engine.usable for engine in self.engines)


def diagnose() -> Diagnosis:
    """Look at engines and extras, in the order in which engines are chosen."""
    return Diagnosis(
        engines=(julia_engine(), package_set("jax")),
        extras=(package_set("discover"), package_set("notebook"), package_set("cluster")),
        cache=cache_line(),
    )


def julia_engine() -> Finding:
    """The flagship engine: needs a Julia with the packages that Unideq.jl is built on."""
    candidates = julia_candidates()
    first = next((candidate for candidate in candidates if candidate.found), None)
    details = [f"{c.source}: {c.missing or f'{c.executable} with {c.project}'}" for c in candidates]
    if first is None:
        remedies = [candidate.remedy for candidate in candidates if candidate.remedy]
        return Finding("julia", False, tuple(details), remedies[0] if remedies else "unideq setup")
    if first.optional:
        details.append("loaded when asked for, missing here: " + ", ".join(map(str, first.optional)))
    return Finding("julia", True, tuple(details), first.remedy)


def package_set(extra: str) -> Finding:
    """Whether all packages of an extra (`pip install "unideq[EXTRA]"`) are there, in versions that will do."""
    from packaging.requirements import Requirement  # comes with xarray

    details: list[str] = []
    usable = True
    for requirement in map(Requirement, extra_requirements(extra)):
        installed = version_of(requirement.name)
        if installed is None:
            usable = False
            details.append(f"{requirement.name}: not installed")
        elif not requirement.specifier.contains(installed, prereleases=True):
            usable = False
            details.append(f"{requirement.name} {installed}: needs {requirement.specifier}")
        else:
            details.append(f"{requirement.name} {installed}")
    return Finding(extra, usable, tuple(details), "" if usable else f"pip install {install_target(extra)}")


def extra_requirements(extra: str) -> list[str]:
    """Requirement strings of an extra, from the installed metadata or, in a bare checkout, from pyproject.toml."""
    try:
        listed = requires("unideq") or []
    except PackageNotFoundError:
        project = tomllib.loads((PACKAGE.parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        return list(project["optional-dependencies"][extra])
    marker = re.compile(rf"""extra\s*==\s*['"]{re.escape(extra)}['"]""")
    return [line.partition(";")[0].strip() for line in listed if marker.search(line)]


def cache_line() -> str:
    """What is kept on disk: code that JAX compiled, developed fields."""
    place, files = cache_folder(), kept_files()
    if place is None:
        return "off (`UNIDEQ_CACHE`): every process compiles anew"
    size = sum(f.stat().st_size for f in files)
    return f"{place}: {len(files)} files, {size / 1e6:.3g} MB" + (" (`unideq doctor --clear-cache`)" if files else "")


def install_target(extra: str) -> str:
    """What `pip install` takes: the checkout where the package is run from one, else its name."""
    checkout = (PACKAGE.parents[1] / "pyproject.toml").is_file()
    return f'-e ".[{extra}]"' if checkout else f'"unideq[{extra}]"'


def render(diagnosis: Diagnosis) -> str:
    """The report as text: versions, engines, extras, and last what to do next."""
    lines = ["versions   " + ", ".join(f"{name} {version}" for name, version in numerical_versions().items())]
    for title, findings in (("engines", diagnosis.engines), ("extras", diagnosis.extras)):
        lines += ["", title]
        for finding in findings:
            lines.append(f"  {finding.name}: {'usable' if finding.usable else 'not usable'}")
            lines += [f"    {detail}" for detail in finding.details]
            if finding.remedy:
                lines.append(f"    → {finding.remedy}")
    lines += ["", f"cache      {diagnosis.cache}"]
    chosen = next((engine.name for engine in diagnosis.engines if engine.usable), None)
    if chosen:
        lines += ["", f"Models train on the {chosen} engine."]
    else:
        lines += ["", f"No engine is usable. Type: {diagnosis.engines[-1].remedy}"]
    return "\n".join(lines)
