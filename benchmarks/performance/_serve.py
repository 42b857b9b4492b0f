"""The other end of `_peers.Peer` in Python: answers requests, one JSON line each, until the input ends."""

from __future__ import annotations

import gc
import json
import os
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import version
from time import perf_counter
from typing import Any

Call = Callable[[], Any]
VERSIONED = ("torch", "torchdiffeq", "juliacall", "deepxde", "flax")


def serve(prepare: Callable[[dict[str, Any]], Iterator[tuple[str, Callable[[], tuple[Call, dict[str, Any]]]]]]) -> None:
    """`prepare(problem)` yields names and functions that give a call to be timed and what it found."""
    requests, answers = os.fdopen(os.dup(sys.stdin.fileno())), os.fdopen(os.dup(sys.stdout.fileno()), "w")
    # What libraries print must not come between the answers, and Julia makes the input that it finds non-blocking.
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    os.dup2(os.open(os.devnull, os.O_RDONLY), sys.stdin.fileno())
    calls: dict[str, Call] = {}
    for line in requests:
        request = json.loads(line)
        try:
            if request["do"] == "prepare":
                answer = _prepared(prepare(request["problem"]), calls)
            elif request["do"] == "versions":
                answer = {"versions": {name: version(name) for name in VERSIONED if name in sys.modules}}
            else:
                answer = {"seconds": _seconds(calls[request["name"]], request["calls"])}
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"[:300]}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def _prepared(entrants: Iterator[Any], calls: dict[str, Call]) -> dict[str, Any]:
    ready, failed = {}, {}
    for name, make in entrants:
        try:
            start = perf_counter()
            calls[name], facts = make()
            ready[name] = {"first_s": perf_counter() - start, **facts}
        except Exception as error:
            failed[name] = f"{type(error).__name__}: {error}"[:300]
    return {"ready": ready, "failed": failed}


def _seconds(call: Call, calls: int) -> float:
    gc.disable()
    try:
        start = perf_counter()
        for _ in range(calls):
            call()
        return (perf_counter() - start) / calls
    finally:
        gc.enable()
