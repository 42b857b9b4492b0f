"""The command line that all benchmark scripts share."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Options", "parse_options"]

RESULT_FOLDER = Path("unideq-benchmarks")
"""Where the JSON goes, in the current folder, when `--json` doesn't say."""


@dataclass(frozen=True)
class Options:
    """What the command line said.

    Attributes
    ----------
    mode : `"quick"` or `"full"`.
    engine : engine name, or None for the usual choice.
    seeds : number of seeds, or None for the mode's.
    output : JSON file to write.
    figures : folder for pictures, or None for no pictures.
    fresh : whether finished units of an interrupted run are thrown away.
    """

    mode: str
    engine: str | None
    seeds: int | None
    output: Path
    figures: Path | None
    fresh: bool


def parse_options(name: str, description: str, arguments: Sequence[str] | None = None) -> Options:
    """Read `[--quick | --full] [--engine NAME] [--seeds N] [--json OUT] [--figures DIR] [--fresh]`.

    Parameters
    ----------
    name, description : the script's, for `--help`.
    arguments : default `sys.argv[1:]`.
    """
    parser = argparse.ArgumentParser(
        prog=f"unideq bench {name}", description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    size = parser.add_mutually_exclusive_group()
    size.add_argument(
        "--quick", dest="mode", action="store_const", const="quick", help="a small run in minutes (default)"
    )
    size.add_argument("--full", dest="mode", action="store_const", const="full", help="the run behind published tables")
    parser.set_defaults(mode="quick")
    parser.add_argument("--engine", metavar="NAME", help="engine that trains and solves (default: the usual choice)")
    parser.add_argument("--seeds", metavar="N", type=_positive, help="number of seeds (default: the mode's)")
    parser.add_argument("--json", metavar="OUT", dest="output", type=Path, help="result file")
    parser.add_argument("--figures", metavar="DIR", type=Path, help="also draw pictures into this folder")
    parser.add_argument("--fresh", action="store_true", help="forget what an interrupted run had finished")
    values = parser.parse_args(arguments)
    output = values.output or RESULT_FOLDER / f"{name}.{values.mode}.json"
    return Options(values.mode, values.engine, values.seeds, output, values.figures, values.fresh)


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number
