"""Competitors of a benchmark: in this process, or in one of their own (Julia, or a Python that has torch)."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from unideq.harness import Elsewhere, Timing, ratio, time_interleaved
from unideq.harness.resume import plain
from unideq.julia_location import julia_candidates

HERE = Path(__file__).resolve().parent
TORCH_PYTHON = "UNIDEQ_BENCH_TORCH"
"""Environment variable: a Python with torch and torchdiffeq, where this one has none."""


class PeerMissing(Exception):
    """A competitor can't take part; the text says why and goes into the table."""


@dataclass(frozen=True)
class Entrant:
    """One competitor, ready to be timed.

    Attributes
    ----------
    call : what is timed.
    facts : what it found (loss, gradient, steps, …), and `first_s`, the seconds of its first call.
    peer : the process that it lives in, if that isn't this one.
    """

    call: Callable[[], Any] | Elsewhere
    facts: dict[str, Any]
    peer: Peer | None = None


@dataclass
class Field:
    """The competitors of one unit of work: those who can't take part are kept with the reason."""

    entrants: dict[str, Entrant] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)

    def enter(self, name: str, make: Callable[[], Callable[[], Any]], facts: Callable[[Any], dict[str, Any]]) -> None:
        """A competitor in this process: `make()` gives the call, `facts` reads its first result."""
        try:
            call = make()
            start = perf_counter()
            result = call()
            if hasattr(result, "block_until_ready"):
                result.block_until_ready()
            found = facts(result)
            self.entrants[name] = Entrant(call, {"first_s": perf_counter() - start, **found})
        except Exception as error:  # a peer that fails is a row of the table, not the end of the study
            self.absent[name] = one_line(error)

    def enter_peer(self, peer: Peer | PeerMissing, problem: Mapping[str, Any], prefix: str) -> None:
        """All competitors that a process of its own makes of a problem."""
        if isinstance(peer, PeerMissing):
            self.absent[prefix] = str(peer)
            return
        try:
            answer = peer.ask(do="prepare", problem=problem)
        except PeerMissing as error:
            self.absent[prefix] = str(error)
            return
        for name, facts in answer["ready"].items():
            self.entrants[f"{prefix}: {name}"] = Entrant(peer.elsewhere(name), facts, peer)
        self.absent.update({f"{prefix}: {name}": why for name, why in answer["failed"].items()})

    def enter_program(self, peer: Peer | PeerMissing, make: Callable[[], Mapping[str, Any]], prefix: str) -> None:
        """The same, for a problem that may not come about."""
        try:
            problem = make()
        except Exception as error:
            self.absent[prefix] = one_line(error)
            return
        self.enter_peer(peer, problem, prefix)

    def race(self, rounds: int, reference: str, sample_seconds: float = 0.02) -> dict[str, dict[str, Any]]:
        """Name → columns: times, and the ratio of the competitor's time to the reference's, round by round.

        Competitors whose process dies meanwhile leave the race, which begins anew.
        """
        timings: dict[str, Timing] = {}
        while self.entrants and not timings:
            try:
                timings = time_interleaved(
                    {name: entrant.call for name, entrant in self.entrants.items()},
                    rounds=rounds,
                    sample_seconds=sample_seconds,
                    warmup=1,
                )
            except PeerMissing as error:
                dead = [name for name, entrant in self.entrants.items() if entrant.peer and not entrant.peer.alive]
                if not dead:
                    raise
                self.absent |= {name: str(error) for name in dead}
                self.entrants = {name: entrant for name, entrant in self.entrants.items() if name not in dead}
        rows: dict[str, dict[str, Any]] = {}
        for name, timing in timings.items():
            rows[name] = {"median_ms": timing.median * 1e3, "low_ms": timing.low * 1e3, "high_ms": timing.high * 1e3}
            if reference in timings:
                compared = ratio(timings, name, reference)
                rows[name] |= {"ratio": compared.median, "ratio_low": compared.low, "ratio_high": compared.high}
            rows[name]["first_s"] = self.entrants[name].facts.get("first_s")
        return rows


class Peer:
    """A process that answers requests, one JSON line each; what it prints elsewhere is shown only when it fails."""

    def __init__(self, command: list[str], environment: Mapping[str, str] | None = None) -> None:
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 (lives as long as the process)
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            cwd=HERE,
            env={**os.environ, **(environment or {})},
        )

    @property
    def alive(self) -> bool:
        """Whether the process still runs."""
        return self._process.poll() is None

    def ask(self, **request: Any) -> dict[str, Any]:
        """Send a request and wait for the answer.

        Raises
        ------
        PeerMissing : the process has ended, or answers with an error.
        """
        assert self._process.stdin is not None and self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps(plain(request)) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            code = self._process.wait()
            self._errors.seek(0)
            last = " ".join(self._errors.read().decode(errors="replace").split())[-400:]
            raise PeerMissing(f"the process ended with code {code}: {last}")
        answer = json.loads(line)
        if "error" in answer:
            raise PeerMissing(answer["error"])
        return answer

    def elsewhere(self, name: str) -> Elsewhere:
        """A competitor of this process, for the harness to time."""
        return Elsewhere(lambda calls: self.ask(do="sample", name=name, calls=calls)["seconds"])

    def close(self) -> None:
        """End the process."""
        self._process.communicate()
        self._errors.close()


def julia_peer(script: str, *arguments: str, threads: int = 1) -> Peer | PeerMissing:
    """A script of `benchmarks/performance/julia`, in the Julia that the engine uses."""
    found = next((candidate for candidate in julia_candidates() if candidate.found), None)
    if found is None:
        return PeerMissing("no Julia was found; `unideq doctor` tells more")
    executable = shutil.which(str(found.executable))
    command = [str(executable), "--startup-file=no", f"--project={found.project}", f"--threads={threads}"]
    return Peer([*command, str(HERE / "julia" / script), *arguments])


def torch_peer() -> Peer | PeerMissing:
    """`_torch_peer.py` in this Python if it has torch, else in the one that the environment names."""
    here = find_spec("torch") is not None and find_spec("torchdiffeq") is not None
    python = sys.executable if here else os.environ.get(TORCH_PYTHON)
    if not python:
        return PeerMissing(f"torch and torchdiffeq are not installed; `{TORCH_PYTHON}` may name a Python that has them")
    return Peer([python, str(HERE / "_torch_peer.py")])


def deepxde_peer(backend: str) -> Peer | PeerMissing:
    """`_deepxde_peer.py` with that backend, in this Python if that can run it, else in the one named for torch."""
    needed = {"jax": ("deepxde", "flax"), "pytorch": ("deepxde", "torch")}[backend]
    here = all(find_spec(name) is not None for name in needed)
    python = sys.executable if here else os.environ.get(TORCH_PYTHON) if backend == "pytorch" else None
    if not python:
        return PeerMissing(f"{' and '.join(needed)} are not installed: `pip install {' '.join(needed)}`")
    return Peer([python, str(HERE / "_deepxde_peer.py")], {"DDE_BACKEND": backend})


def versions_of(*peers: Peer | PeerMissing) -> str:
    """What the peers run on, as a line of text."""
    found: dict[str, str] = {}
    for peer in peers:
        if isinstance(peer, Peer):
            try:
                found |= peer.ask(do="versions")["versions"]
            except PeerMissing:
                continue
    return ", ".join(f"{name} {number}" for name, number in sorted(found.items(), key=lambda item: item[0].lower()))


def relative_error(found: Any, reference: Any) -> float:
    """‖found − reference‖ / ‖reference‖."""
    found, reference = np.asarray(found, dtype=float), np.asarray(reference, dtype=float)
    return float(np.linalg.norm(found - reference) / np.linalg.norm(reference))


def one_line(error: BaseException) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"[:300]
