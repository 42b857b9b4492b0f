"""The `unideq` command: setup, doctor, demo, info, bench."""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from .errors import UnideqError

__all__ = ["main"]

BAD_INPUT = 2
"""Exit code for what the user can put right; a crash exits with 1 and a traceback."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code.

    Parameters
    ----------
    arguments : default `sys.argv[1:]`.
    """
    values = build_parser().parse_args(arguments)
    try:
        return values.run(values)
    except UnideqError as error:
        print(f"unideq: {error}", file=sys.stderr)
        return BAD_INPUT


def build_parser() -> argparse.ArgumentParser:
    """The command line's grammar."""
    from .versions import version_of

    parser = argparse.ArgumentParser(prog="unideq", description="Universal differential equations from NumPy.")
    parser.add_argument("--version", action="version", version=f"unideq {version_of('unideq') or '(not installed)'}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    setup = commands.add_parser("setup", help="set up the Julia engine: Julia, its packages, a first gradient")
    setup.add_argument("--offline", action="store_true", help="download nothing")
    setup.add_argument("--verbose", action="store_true", help="show all that Julia says; the default in a terminal")
    setup.set_defaults(run=run_setup)

    demo = commands.add_parser("demo", help="train a model of real data and compare it with two usual ones")
    demo.add_argument("--output", type=Path, default=Path("unideq-demo"), metavar="DIR", help="default: %(default)s")
    demo.add_argument("--quick", action="store_true", help="fewer iterations and seeds")
    demo.set_defaults(run=run_demo)

    doctor = commands.add_parser("doctor", help="engines found, what is missing and the command that mends it")
    doctor.add_argument("--clear-cache", action="store_true", help="remove compiled code and developed fields")
    doctor.set_defaults(run=run_doctor)

    info = commands.add_parser("info", help="what a saved fit holds")
    info.add_argument("file", type=Path, metavar="FILE.nc")
    info.set_defaults(run=run_info)

    bench = commands.add_parser("bench", help="list the studies and benchmarks, or run one")
    bench.add_argument("name", nargs="?", metavar="NAME", help="without it, all are listed")
    bench.add_argument("options", nargs=argparse.REMAINDER, help="the script's: `unideq bench NAME --help`")
    bench.set_defaults(run=run_bench)
    return parser


def run_setup(values: argparse.Namespace) -> int:
    """`unideq setup`."""
    from .julia_setup import set_up

    set_up(offline=values.offline, verbose=values.verbose, write=lambda line: print(line, flush=True))
    return 0


def run_demo(values: argparse.Namespace) -> int:
    """`unideq demo`."""
    from . import demo

    demo.run(output=values.output, quick=values.quick)
    return 0


def run_doctor(values: argparse.Namespace) -> int:
    """`unideq doctor`: 0 where at least one engine is usable, else 1. With `--clear-cache` it does that alone."""
    from .cache_folder import clear_cache
    from .doctor import diagnose, render

    if values.clear_cache:
        count, size = clear_cache()
        print(f"removed {count} files, {size / 1e6:.3g} MB")
        return 0
    diagnosis = diagnose()
    print(render(diagnosis))
    return 0 if diagnosis.healthy else 1


def run_info(values: argparse.Namespace) -> int:
    """`unideq info FILE.nc`."""
    from .result.info import describe_file

    print(describe_file(values.file))
    return 0


def run_bench(values: argparse.Namespace) -> int:
    """`unideq bench [NAME [OPTIONS]]`: the script runs in a Python of its own, so that it measures nothing of ours."""
    from .harness.catalogue import find_benchmark, find_benchmarks

    if values.name is None:
        known = find_benchmarks()
        width = max((len(entry.name) for entry in known), default=0)
        for kind in dict.fromkeys(entry.kind for entry in known):
            print(kind)
            for entry in known:
                if entry.kind == kind:
                    print(f"  {entry.name:<{width}}  {entry.summary}")
        options = "[--quick | --full] [--engine NAME] [--seeds N] [--json OUT] [--figures DIR] [--fresh]"
        print(f"\nRun one: unideq bench NAME {options}")
        return 0
    script = subprocess.Popen([sys.executable, str(find_benchmark(values.name).path), *values.options])
    while True:
        try:
            code = script.wait()
            return code if code >= 0 else 128 - code  # ended by a signal: as a shell would say it
        except KeyboardInterrupt:  # the script got the same Ctrl-C: whether it ends is its own decision
            continue


if __name__ == "__main__":
    raise SystemExit(main())
