"""`unideq setup`: finds or installs Julia and its packages, compiles Unideq.jl, and times a first gradient."""

from __future__ import annotations

import json
import os
import queue
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import IO
from urllib.parse import urlsplit
from urllib.request import getproxies

from .errors import EngineError, EngineMissing
from .julia_location import JuliaCandidate, julia_candidates, usable_julia
from .julia_packages import bundled_package, bundled_version

__all__ = ["Stages", "set_up"]

HEARTBEAT = 20.0
"""Seconds after which a silent stage says that it is still at work."""
REACH = 4.0
"""Seconds in which a server must answer before there is said to be no network."""
WITHOUT_NETWORK = (
    "On a machine without network use a Julia that its administrator or a connected machine of the same kind has set "
    "up: the recipe is in docs/how-to/julia.md, `unideq doctor` says what is found. "
    'Without Julia, `pip install "unideq[jax]"` trains the same models.'
)


class Stages:
    """Prints what is being done, and how long it took.

    Parameters
    ----------
    stream
        Whether to print all that Julia says; else only where it fails.
    write
        Takes one line.
    """

    def __init__(self, stream: bool, write: Callable[[str], None]) -> None:
        self.stream, self.write = stream, write

    def run(self, title: str, command: list[str]) -> str:
        """Run a command and return what it printed on standard output.

        Raises
        ------
        EngineError
            If it ends with another code than 0; what it said is in `error.julia`.
        """
        self.write(f"{title} ...")
        began = last = time.monotonic()
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace")
        lines: queue.Queue[tuple[str, str] | None] = queue.Queue()
        for name in ("stdout", "stderr"):
            threading.Thread(target=_forward, args=(getattr(process, name), name, lines), daemon=True).start()
        said: dict[str, list[str]] = {"stdout": [], "stderr": []}
        ended = 0
        try:
            while ended < 2:
                try:
                    line = lines.get(timeout=1.0)
                except queue.Empty:
                    if time.monotonic() - last > HEARTBEAT:
                        last = time.monotonic()
                        self.write(f"  still at it after {last - began:.0f} s")
                    continue
                if line is None:
                    ended += 1
                    continue
                said[line[0]].append(line[1])
                if self.stream:
                    last = time.monotonic()
                    self.write(f"  | {line[1]}")
        except BaseException:
            process.terminate()
            process.wait()
            raise
        code = process.wait()
        if code != 0:
            tail = [*said["stdout"], *said["stderr"]][-30:]
            if not self.stream:
                for line in tail:
                    self.write(f"  | {line}")
            error = EngineError(f"{title} failed after {time.monotonic() - began:.0f} s (exit code {code}).")
            error.julia = "\n".join(tail)
            raise error
        self.write(f"  done in {time.monotonic() - began:.1f} s")
        return "\n".join(said["stdout"])


def _forward(pipe: IO[str], name: str, lines: queue.Queue[tuple[str, str] | None]) -> None:
    for line in pipe:
        lines.put((name, line.rstrip()))
    lines.put(None)


def set_up(offline: bool = False, verbose: bool = False, write: Callable[[str], None] = print) -> None:
    """Make the Julia engine usable; safe to repeat, quick where nothing is to be done.

    Parameters
    ----------
    offline
        Download nothing: use what is there, or fail at once.
    verbose
        Show all that Julia says; the default where output goes to a terminal.
    write
        Takes one line of the report.

    Raises
    ------
    EngineMissing, EngineError
        With what to do next.
    """
    stages = Stages(verbose or sys.stdout.isatty(), write)
    found = usable_julia()
    if found is None:
        _check_own_julia(julia_candidates())
        _resolve(stages, offline)
        found = usable_julia()
        if found is None:
            raise EngineError("juliapkg resolved, but no usable Julia is found; `unideq doctor` says what is missing.")
    write(f"Julia: {found.source} ({found.executable}, project {found.project})")
    if found.optional:
        write(f"Packages loaded when asked for that it lacks: {', '.join(map(str, found.optional))}. To add them type:")
        write(f"  {found.remedy}")
    if _is_compiled(found):
        write(f"Unideq.jl {bundled_version()} is compiled: already set up, nothing to do.")
        return
    stages.run("Compiling Unideq.jl", _julia(found, "push!(LOAD_PATH, ARGS[1]); using Unideq"))
    said = stages.run("First gradient in a new process", [sys.executable, "-P", "-m", "unideq.julia_smoke"])
    took = json.loads(said.splitlines()[-1])
    write(f"Ready: {took['total']:.1f} s from import to a first gradient, {took['start']:.1f} s of it Julia's start.")


def _check_own_julia(candidates: list[JuliaCandidate]) -> None:
    """A site's install that lacks something is for its owner to mend: nothing is installed past it."""
    for candidate in candidates:
        if candidate.remedy:
            raise EngineMissing(f"{candidate.source}: {candidate.missing}. Type:\n  {candidate.remedy}\nand repeat.")
    site = candidates[0]
    if site.executable is not None or site.project is not None:
        raise EngineMissing(f"{site.source}: {site.missing}. Set both to a Julia and an environment, or none of them.")


def _julia(found: JuliaCandidate, code: str) -> list[str]:
    project = f"--project={found.project}"
    return [str(found.executable), project, "--startup-file=no", "-e", code, str(bundled_package())]


def _is_compiled(found: JuliaCandidate) -> bool:
    """Whether Julia has a current package image of the bundled Unideq.jl."""
    code = 'push!(LOAD_PATH, ARGS[1]); exit(Base.isprecompiled(Base.identify_package("Unideq")) ? 0 : 1)'
    return subprocess.run(_julia(found, code), capture_output=True, check=False).returncode == 0


# ---- juliapkg --------------------------------------------------------------------------------------------------


def _resolve(stages: Stages, offline: bool) -> None:
    """Let juliapkg install Julia, if need be, and the packages."""
    told = os.environ.get("PYTHON_JULIAPKG_OFFLINE") == "yes" or os.environ.get("JULIA_PKG_OFFLINE") == "true"
    if offline or told:
        raise EngineError(f"No Julia is set up, and setting it up offline isn't possible. {WITHOUT_NETWORK}")
    _check_network()
    try:
        stages.run(
            "Installing Julia and its packages with juliapkg (some minutes, about 2 GB)",
            [sys.executable, "-P", "-c", "import juliapkg; juliapkg.resolve()"],
        )
    except EngineError as error:
        failed = EngineError(f"{error} What juliapkg and Julia said last is above. {WITHOUT_NETWORK}")
        failed.julia = error.julia
        raise failed from None


def _check_network() -> None:
    """Fail within seconds, not after all of Pkg's retries, where the package server can't be reached."""
    server = os.environ.get("JULIA_PKG_SERVER") or "https://pkg.julialang.org"
    url = urlsplit(server if "//" in server else f"https://{server}")
    proxy = getproxies().get(url.scheme)
    if proxy:
        url = urlsplit(proxy if "//" in proxy else f"http://{proxy}")
    port = url.port or (80 if url.scheme == "http" else 443)
    answer: queue.Queue[OSError | None] = queue.Queue()

    def connect() -> None:  # in a thread, for looking up a name knows no time limit
        try:
            socket.create_connection((url.hostname or "", port), timeout=REACH).close()
            answer.put(None)
        except OSError as error:
            answer.put(error)

    threading.Thread(target=connect, daemon=True).start()
    try:
        problem = answer.get(timeout=REACH + 1)
    except queue.Empty:
        problem = TimeoutError("no answer")
    if problem is not None:
        server = f"{url.hostname}:{port}"
        raise EngineError(f"Julia's package server {server} can't be reached ({problem}). {WITHOUT_NETWORK}")
