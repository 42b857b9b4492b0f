"""Starts Julia in this process, once: found where `unideq doctor` says, with the bundled Unideq.jl loaded."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...errors import EngineError, EngineMissing
from ...julia_location import JuliaCandidate, julia_candidates, manifest_of, usable_julia
from ...julia_packages import add_command, bundled_package, shortages
from ...versions import unideq_version
from .signals import keep_python_signals, signals_of_python, thread_settings

__all__ = ["RunningJulia", "start"]


@dataclass(frozen=True)
class RunningJulia:
    """A started Julia.

    Attributes
    ----------
    package : the Julia module Unideq.
    base : Julia's Base.
    versions : `julia` and `Unideq.jl`.
    threads : number of Julia's threads.
    """

    package: Any
    base: Any
    versions: dict[str, str]
    threads: int


_running: RunningJulia | None = None


def start() -> RunningJulia:
    """Start Julia, or return the one that runs.

    Raises
    ------
    EngineMissing
        If no Julia is found, or it lacks packages; names the command to type.
    EngineError
        If Julia doesn't start, or another Unideq.jl than the bundled one is loaded.
    """
    global _running
    if _running is None:
        _running = _load(_julia())
    return _running


def _julia() -> Any:
    """juliacall with a running Julia: the user's own, or one started here."""
    loaded = sys.modules.get("juliacall")
    if loaded is not None and hasattr(loaded, "Base"):
        return loaded
    found = usable_julia()
    if found is None:
        raise EngineMissing(_nothing_found(julia_candidates()))
    handlers = signals_of_python()
    with _environment(_settings(found)):
        try:
            import juliacall
        except Exception as error:
            raise EngineError(
                f"Julia ({found.executable}, project {found.project}) didn't start: {error}. Type `unideq doctor`, or "
                'train with `engine="jax"`.'
            ) from error
    keep_python_signals(handlers)
    return juliacall


def _nothing_found(candidates: list[JuliaCandidate]) -> str:
    places = "; ".join(f"{c.source}: {c.missing}" for c in candidates)
    return f"Engine `julia` found no usable Julia ({places}). Type `unideq setup`; `unideq doctor` tells more."


def _settings(found: JuliaCandidate) -> dict[str, str]:
    """Environment variables for juliacall; what the user has set stays as it is."""
    settings = {
        "PYTHON_JULIACALL_EXE": str(found.executable),
        "PYTHON_JULIACALL_PROJECT": str(found.project),
        **_library(found),
        **thread_settings(),
    }
    return settings


def _library(found: JuliaCandidate) -> dict[str, str]:
    """libjulia where it usually lies: knowing it saves juliacall a Julia process that would only look for it."""
    assert found.executable is not None
    folder = found.executable.resolve().parent
    name = {"win32": "libjulia.dll", "darwin": "libjulia.dylib"}.get(sys.platform, "libjulia.so")
    library = (folder if sys.platform == "win32" else folder.parent / "lib") / name
    if not library.is_file() or {"PYTHON_JULIACALL_LIB", "PYTHON_JULIACALL_BINDIR"} & set(os.environ):
        return {}
    return {"PYTHON_JULIACALL_LIB": str(library), "PYTHON_JULIACALL_BINDIR": str(folder)}


@contextmanager
def _environment(settings: dict[str, str]) -> Iterator[None]:
    """Environment variables for the time of the start, so that child processes and the doctor don't inherit them."""
    before = {name: os.environ.get(name) for name in settings}
    os.environ.update(settings)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _load(juliacall: Any) -> RunningJulia:
    """Load the bundled Unideq.jl into a module of its own, and make sure that it is the bundled one."""
    base, bundled = juliacall.Base, bundled_package()
    if str(bundled) not in [str(entry) for entry in base.LOAD_PATH]:
        # At the end: Julia doesn't look for a package's dependencies in environments before the package's own.
        base.push_b(base.LOAD_PATH, str(bundled))
    room = juliacall.newmodule("UnideqRoom")
    try:
        room.seval("import Unideq")
    except juliacall.JuliaError as error:
        raise _not_loaded(base, str(error)) from error
    package = room.Unideq
    folder, version = Path(str(base.pkgdir(package))), str(base.pkgversion(package))
    if folder.resolve() != bundled.resolve():
        raise EngineError(
            f"Julia loaded Unideq.jl {version} from `{folder}`, but this Python package works with the one in "
            f"`{bundled}`. Remove the other from the project: `julia --project={base.active_project()} -e 'using Pkg; "
            'Pkg.rm("Unideq")\'`, or type `unideq setup`.'
        )
    ours = unideq_version()
    if ours not in (version, "unknown"):
        raise EngineError(
            f"Unideq.jl in `{bundled}` has version {version}, the Python package {ours}: reinstall unideq, "
            "for a checkout `pip install -e .`."
        )
    versions = {"julia": str(base.VERSION), "Unideq.jl": version}
    return RunningJulia(package, base, versions, int(base.Threads.nthreads()))


def _not_loaded(base: Any, text: str) -> Exception:
    """Why Unideq.jl couldn't be loaded: packages that the active project lacks, or something unforeseen."""
    project = Path(str(base.active_project())).parent
    manifest = manifest_of(project)
    lacking = [s for s in shortages(manifest) if s.needed] if manifest else []
    if manifest is None or lacking:
        what = ", ".join(map(str, lacking)) or "every package, for it is not instantiated"
        executable = Path(str(base.Sys.BINDIR)) / "julia"
        command = add_command(executable, project, [s.package for s in lacking]) if lacking else "unideq setup"
        error = EngineMissing(f"The Julia project `{project}` lacks {what}. Type: {command}")
    else:
        error = EngineError(
            f"Julia couldn't load Unideq.jl: {text.splitlines()[0]}. Type `unideq setup` to build it anew; "
            "`error.julia` holds all that Julia said."
        )
    error.julia = text
    return error
