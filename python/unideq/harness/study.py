"""A study: settings for a quick and a full run, units of work that resume, rows, a headline, one JSON file."""

from __future__ import annotations

import itertools
import json
import shlex
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from typing import Any

from ..errors import UnideqError
from ..versions import numerical_versions
from .machine import describe_machine
from .markdown import markdown_table
from .options import parse_options
from .resume import ResumeFile, plain, write_json

__all__ = ["Study"]

PRINTED_ROWS = 40
"""Longer results are not printed row by row; the file has them all."""


class Study:
    """One run of a benchmark script.

    Parameters
    ----------
    name : the script's name.
    settings : everything that decides the numbers, ready for JSON; `seeds` and `engine` among it.
    output : JSON file to write.
    summary : what is measured, in a line.
    figures : folder for pictures, or None for no pictures.
    command : how the run is repeated; written to the file.
    fresh : throw away the finished units of an interrupted run with the same settings.

    Attributes
    ----------
    settings : as given. `seeds` and `engine` are also attributes of the study (`engine` None = none is installed).
    versions, machine : what the numbers were made with.
    rows : list of dict, all rows so far in the order of the units.
    """

    def __init__(
        self,
        name: str,
        settings: Mapping[str, Any],
        output: Path,
        *,
        summary: str = "",
        figures: Path | None = None,
        command: str = "",
        fresh: bool = False,
    ) -> None:
        self.name = name
        self.settings: dict[str, Any] = plain(settings)
        self.seeds: int = self.settings.get("seeds", 1)
        self.engine: str | None = self.settings.get("engine")
        self.output = Path(output)
        self.summary = summary
        self.figures = figures
        self.command = command
        self.versions = numerical_versions()
        self.machine = describe_machine()
        self.rows: list[dict[str, Any]] = []
        self._unit: dict[str, Any] | None = None
        self._unit_rows: list[dict[str, Any]] = []
        self._seen: set[str] = set()
        key = {"name": name, "settings": self.settings, "versions": self.versions}
        self._resume = ResumeFile(self.output, key, fresh)

    @classmethod
    def from_command_line(
        cls,
        script: str,
        docstring: str | None,
        *,
        quick: Mapping[str, Any],
        full: Mapping[str, Any],
        arguments: Sequence[str] | None = None,
    ) -> Study:
        """Start the study that a script is, with the options that all scripts take.

        Parameters
        ----------
        script, docstring : the script's `__file__` and `__doc__`.
        quick, full : the settings of the two modes, with the same names; `seeds` is what `--seeds` overrides.
        arguments : default `sys.argv[1:]`.

        Raises
        ------
        ValueError : the two modes name different settings.
        SystemExit : with 2, after a message, for options that can't be: an unknown engine, an unwritable result file.
        """
        if set(quick) != set(full):
            different = sorted(set(quick) ^ set(full))
            raise ValueError(f"`quick` and `full` must name the same settings; only one has {different}")
        arguments = list(sys.argv[1:] if arguments is None else arguments)
        name, docstring = Path(script).stem, (docstring or "").strip()
        options = parse_options(name, docstring, arguments)
        chosen: dict[str, Any] = {"seeds": 1, **(full if options.mode == "full" else quick)}
        if options.seeds is not None:
            chosen["seeds"] = options.seeds
        try:
            study = cls(
                name,
                {"mode": options.mode, "engine": _engine_name(options.engine), **chosen},
                options.output,
                summary=docstring.partition("\n")[0],
                figures=options.figures,
                command=shlex.join(["unideq", "bench", name, *arguments]),
                fresh=options.fresh,
            )
        except UnideqError as error:
            print(f"unideq bench {name}: {error}", file=sys.stderr)
            raise SystemExit(2) from error
        study.announce()
        return study

    def announce(self) -> None:
        """Print what runs, on what, and where an interrupted run is kept."""
        print(f"{self.name}: {self.summary}")
        print("settings: " + ", ".join(f"{name}={value}" for name, value in self.settings.items()))
        print("versions: " + ", ".join(f"{name} {value}" for name, value in self.versions.items()))
        print(f"machine:  {self.machine['processor']}, {self.machine['cores']} cores, {self.machine['memory_gib']} GiB")
        if self._resume.finished:
            print(f"resumes:  {len(self._resume.finished)} units were finished before (`--fresh` forgets them)")
        print(f"results:  {self.output} (after an interruption the same command goes on)", flush=True)

    def units(self, cases: Iterable[Mapping[str, Any]] = ({},), **axes: Iterable[Any]) -> Iterator[dict[str, Any]]:
        """Go through the units of work that are left, with a progress bar; finished ones are skipped.

        A unit counts as finished, and its rows are safe from a kill, once the loop's body has come to its end;
        after `break` or an exception it is done again next time.

        Parameters
        ----------
        cases : mappings, for units that are no product of axes.
        axes : name → values; the units are the product of all axes, the last varying fastest.

        Yields
        ------
        dict : the unit, name → value, as JSON holds it. Its entries are the first columns of its rows.

        Raises
        ------
        ValueError : two units are equal, in this loop or in an earlier one.
        """
        from tqdm import tqdm

        products = [dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values())]
        every = [plain({**case, **product}) for case, product in itertools.product(cases, products)]
        for unit in every:
            identity = json.dumps(unit, sort_keys=True)
            if identity in self._seen:
                raise ValueError(f"units must differ, over all loops of a study; {unit} comes twice")
            self._seen.add(identity)
        interval = 0.1 if sys.stderr.isatty() else 30.0
        with tqdm(total=len(every), desc=self.name, unit="unit", mininterval=interval) as bar:
            for unit in every:
                rows = self._resume.rows_of(unit)
                if rows is None:
                    bar.set_postfix(unit)
                    self._unit, self._unit_rows = unit, []
                    start = perf_counter()
                    yield dict(unit)
                    rows, self._unit = self._unit_rows, None
                    self._resume.add(unit, rows, perf_counter() - start)
                self.rows.extend(rows)
                bar.update()

    def record(self, **columns: Any) -> None:
        """Add one row to the unit being worked on. Numbers that aren't finite are kept as None.

        Raises
        ------
        RuntimeError : called outside a loop over `units`.
        TypeError : a value has no JSON form.
        """
        if self._unit is None:
            raise RuntimeError("`record` belongs inside a loop over `study.units(…)`")
        self._unit_rows.append({**self._unit, **plain(columns)})

    def rows_where(self, **columns: Any) -> list[dict[str, Any]]:
        """The rows in which these columns have these values."""
        wanted = plain(columns)
        return [row for row in self.rows if all(name in row and row[name] == wanted[name] for name in wanted)]

    def figure_path(self, file_name: str) -> Path | None:
        """Where to save a picture, or None where no pictures were asked for."""
        if self.figures is None:
            return None
        self.figures.mkdir(parents=True, exist_ok=True)
        return self.figures / file_name

    def finish(self, headline: Mapping[str, Any], table: Sequence[Mapping[str, Any]] | None = None) -> None:
        """Write the result file, print its table and its headline, and drop the resume file.

        Parameters
        ----------
        headline : the few numbers that the study is quoted for.
        table : rows of a summary to print and write in place of a print of all rows.
        """
        result = {
            "name": self.name,
            "summary": self.summary,
            "command": self.command,
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "seconds": round(self._resume.seconds, 3),
            "settings": self.settings,
            "versions": self.versions,
            "machine": self.machine,
            "headline": plain(headline),
            "table": plain(table) if table is not None else None,
            "rows": self.rows,
        }
        write_json(self.output, result)
        self._resume.remove()
        printed = result["table"] or (self.rows if len(self.rows) <= PRINTED_ROWS else [])
        print(f"\n{markdown_table(printed)}\n" if printed else "")
        print(markdown_table([{"headline": name, "value": value} for name, value in result["headline"].items()]))
        print(f"\n{len(self.rows)} rows in {self.output}, {result['seconds']:.1f} s")


def _engine_name(requested: str | None) -> str | None:
    """The engine that the numbers will come from, by name, so that it is in the settings; it isn't started here."""
    from ..engine.registry import available, chosen_name, get_engine

    wanted = chosen_name(requested)
    if wanted is not None and wanted not in available():
        get_engine(wanted)  # raises, and says what is wrong with it
    return wanted
