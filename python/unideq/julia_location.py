"""Where Julia is looked for, in order: a site's own install, the shared environment `@unideq`, what juliapkg resolved.

Julia is never started here, and nothing is downloaded.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

__all__ = ["JuliaCandidate", "julia_candidates"]


@dataclass(frozen=True)
class JuliaCandidate:
    """One place where Julia could be.

    Attributes
    ----------
    source : the place, as a person would call it.
    executable, project : what was found there, or None.
    missing : what is wanting, in words; empty where Julia and an instantiated project were found.
    """

    source: str
    executable: Path | None
    project: Path | None
    missing: str

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


def _site_install(environment: Mapping[str, str]) -> JuliaCandidate:
    source = "PYTHON_JULIACALL_EXE + PYTHON_JULIACALL_PROJECT"
    executable = _path(environment.get("PYTHON_JULIACALL_EXE"))
    project = _path(environment.get("PYTHON_JULIACALL_PROJECT"))
    missing = ""
    if executable is None or project is None:
        unset = [
            name
            for name, value in (("PYTHON_JULIACALL_EXE", executable), ("PYTHON_JULIACALL_PROJECT", project))
            if value is None
        ]
        missing = " and ".join(unset) + " not set"
    elif shutil.which(executable) is None:
        missing = f"`{executable}` is no program"
    elif not (project / "Project.toml").is_file():
        missing = f"`{project}` has no Project.toml"
    return JuliaCandidate(source, executable, project, missing)


def _shared_environment(environment: Mapping[str, str]) -> JuliaCandidate:
    source = "`julia` on PATH with the shared environment @unideq"
    found = shutil.which("julia", path=environment.get("PATH"))
    if found is None:
        return JuliaCandidate(source, None, None, "no `julia` on PATH")
    for depot in _depots(environment):
        project = depot / "environments" / "unideq"
        if (project / "Project.toml").is_file():
            instantiated = any(project.glob("*Manifest*.toml"))
            missing = "" if instantiated else f"`{project}` is not instantiated"
            return JuliaCandidate(source, Path(found), project, missing)
    return JuliaCandidate(source, Path(found), None, "no shared environment called unideq")


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
    except (OSError, ValueError, KeyError, TypeError):
        return JuliaCandidate(source, None, None, "nothing resolved yet")
    missing = ""
    if shutil.which(executable) is None:
        missing = f"the resolved `{executable}` is gone"
    elif "Unideq" not in packages:
        missing = "resolved for other packages, not for Unideq"
    return JuliaCandidate(source, executable, project, missing)


def _path(text: str | None) -> Path | None:
    return Path(text).expanduser() if text else None
