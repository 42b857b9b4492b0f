"""Where Julia is looked for, in order: a site's own install, the shared environment `@unideq`, what juliapkg resolved.

Julia is never started here, and nothing is downloaded.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .julia_packages import Shortage, add_command, requirements, shortages

__all__ = ["JuliaCandidate", "julia_candidates", "usable_julia"]


@dataclass(frozen=True)
class JuliaCandidate:
    """One place where Julia could be.

    Attributes
    ----------
    source : the place, as a person would call it.
    executable, project : what was found there, or None.
    missing : what is wanting, in words; empty where Julia and an instantiated project with all packages were found.
    remedy : the command that puts it right; empty where nothing is missing or `unideq setup` does it.
    optional : packages loaded when first asked for that the project lacks.
    """

    source: str
    executable: Path | None
    project: Path | None
    missing: str
    remedy: str = ""
    optional: tuple[Shortage, ...] = ()

    @property
    def found(self) -> bool:
        """Whether Julia can be started from here."""
        return not self.missing


def julia_candidates(environment: Mapping[str, str] = os.environ) -> list[JuliaCandidate]:
    """The three places in the order in which they count; the first `found` one is used.

    Parameters
    ----------
    environment : environment variables; default the process's.
    """
    return [_site_install(environment), _shared_environment(environment), _juliapkg()]


def usable_julia(environment: Mapping[str, str] = os.environ) -> JuliaCandidate | None:
    """The first place from which Julia can be started; later ones aren't looked at."""
    places = (lambda: _site_install(environment), lambda: _shared_environment(environment), _juliapkg)
    return next((candidate for place in places if (candidate := place()).found), None)


def _site_install(environment: Mapping[str, str]) -> JuliaCandidate:
    source = "PYTHON_JULIACALL_EXE + PYTHON_JULIACALL_PROJECT"
    executable = _path(environment.get("PYTHON_JULIACALL_EXE"))
    project = _path(environment.get("PYTHON_JULIACALL_PROJECT"))
    if executable is None or project is None:
        unset = [
            name
            for name, value in (("PYTHON_JULIACALL_EXE", executable), ("PYTHON_JULIACALL_PROJECT", project))
            if value is None
        ]
        return JuliaCandidate(source, executable, project, " and ".join(unset) + " not set")
    program = shutil.which(executable, path=environment.get("PATH"))
    if program is None:
        return JuliaCandidate(source, executable, project, f"`{executable}` is no program")
    return _with_packages(source, Path(program), project, (str(program), str(project)))


def _shared_environment(environment: Mapping[str, str]) -> JuliaCandidate:
    source = "`julia` on PATH with the shared environment @unideq"
    found = shutil.which("julia", path=environment.get("PATH"))
    if found is None:
        return JuliaCandidate(source, None, None, "no `julia` on PATH")
    for depot in _depots(environment):
        project = depot / "environments" / "unideq"
        if (project / "Project.toml").is_file():
            return _with_packages(source, Path(found), project, ("julia", "@unideq"))
    return JuliaCandidate(source, Path(found), None, "no shared environment called unideq")


def _with_packages(source: str, executable: Path, project: Path, typed: tuple[str, str]) -> JuliaCandidate:
    """A Julia with a project of its own, whose manifest must hold what Unideq.jl is built on.

    `typed` is how a person types executable and project.
    """
    if not (project / "Project.toml").is_file():
        return JuliaCandidate(source, executable, project, f"`{project}` has no Project.toml")
    manifest = manifest_of(project)
    if manifest is None:
        remedy = f"{typed[0]} --project={typed[1]} -e 'using Pkg; Pkg.instantiate()'"
        return JuliaCandidate(source, executable, project, f"`{project}` is not instantiated", remedy)
    lacking = shortages(manifest)
    needed = [s.package for s in lacking if s.needed]
    if needed:
        missing = f"`{project}` lacks {', '.join(str(s) for s in lacking if s.needed)}"
        return JuliaCandidate(source, executable, project, missing, add_command(*typed, needed))
    remedy = add_command(*typed, [s.package for s in lacking]) if lacking else ""
    return JuliaCandidate(source, executable, project, "", remedy, tuple(lacking))


def manifest_of(project: Path) -> Path | None:
    """A project's manifest: the general one, or that of the newest Julia that has its own."""
    named = [project / name for name in ("JuliaManifest.toml", "Manifest.toml")]
    return next((m for m in (*named, *sorted(project.glob("*Manifest*.toml"), reverse=True)) if m.is_file()), None)


def _depots(environment: Mapping[str, str]) -> list[Path]:
    """Julia's package folders; an empty entry stands for the default one."""
    default = Path.home() / ".julia"
    listed = environment.get("JULIA_DEPOT_PATH", "")
    return [Path(entry).expanduser() if entry else default for entry in listed.split(os.pathsep)]


def _juliapkg() -> JuliaCandidate:
    source = "what juliapkg resolved"
    try:
        from juliapkg.state import STATE
    except ImportError:
        return JuliaCandidate(source, None, None, "juliapkg is not installed")
    project = Path(STATE["project"])
    try:
        resolved = json.loads(Path(STATE["meta"]).read_text(encoding="utf-8"))
        executable = Path(resolved["executable"])
        packages = {package["name"] for package in resolved["pkgs"]}
        hashes = {os.path.realpath(name): entry["hash_sha256"] for name, entry in resolved["deps_files"].items()}
    except (OSError, ValueError, KeyError, TypeError):
        return JuliaCandidate(source, None, None, "nothing resolved yet")
    ours = os.path.realpath(requirements())
    digest = hashlib.sha256(requirements().read_bytes()).hexdigest()
    missing = ""
    if shutil.which(executable) is None:
        missing = f"the resolved `{executable}` is gone"
    elif "Unideq" not in packages:
        missing = "resolved for other packages, not for Unideq"
    elif hashes.get(ours) != digest:
        missing = "resolved for another version of unideq"
    return JuliaCandidate(source, executable, project, missing)


def _path(text: str | None) -> Path | None:
    return Path(text).expanduser() if text else None
