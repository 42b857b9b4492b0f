"""How bad inputs are judged: `clear` where the message names what it must, `silent` without one, else `obscure`.

    PYTHONPATH=python:tests python -m bad_inputs.telling [words of the rows wanted]

counts all tables of this folder, and prints the rows that aren't clear; so a version of the package is measured.
"""

from __future__ import annotations

import re
import tempfile
import warnings
from pathlib import Path

from bad_inputs.specimens import SPECIMENS, namespace
from unideq.errors import UnideqError, UnideqWarning

__all__ = ["Row", "judged", "rows"]

Row = tuple[str, str]
"""What a user types, and the words that the message must contain, separated by `…`; backticks are set aside."""


def judged(row: Row, folder: Path) -> tuple[str, str]:
    """`clear`, `silent` or `obscure`, and what was said."""
    source, words = row
    code = compile(source, "<what a user typed>", "eval")
    known = namespace(code, folder)
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        try:
            eval(code, known)
        except UnideqError as error:
            said = str(error)
        except Exception as error:
            return "obscure", f"{type(error).__name__}: {error}"
        else:
            said = " ".join(str(w.message) for w in heard if issubclass(w.category, UnideqWarning))
            if not said:
                return "silent", ""
    wanted = [part.strip() for part in words.replace("`", "").split("…")]
    missing = [part for part in wanted if part not in said.replace("`", "")]
    return ("obscure", f"lacks {missing}: {said}") if missing else ("clear", said)


def rows(text: str) -> list[Row]:
    """The rows of a table: a line each, `code  # words`; a code goes on where a line is indented."""
    joined = re.sub(r"\n\s+", " ", text.strip())
    found = []
    for line in joined.splitlines():
        if line:
            source, _, words = line.rpartition("  # ")
            found.append((source.strip(), words.strip()))
    return found


class StillComputing(BaseException):
    """A row was accepted, and what it asks for takes long."""


PATIENCE = 15.0
"""Seconds of the processor."""


def main() -> None:
    import importlib
    import signal
    import sys

    def stop(*_: object) -> None:
        raise StillComputing

    for make in SPECIMENS.values():  # also what is imported when first used
        make()
    signal.signal(signal.SIGPROF, stop)
    counts: dict[str, dict[str, int]] = {}
    for file in sorted(Path(__file__).parent.glob("test_*.py")):
        counts[file.stem] = dict.fromkeys(("clear", "silent", "obscure"), 0)
        for row in importlib.import_module(f"bad_inputs.{file.stem}").ROWS:
            if all(word in row[0] for word in sys.argv[1:]):
                with tempfile.TemporaryDirectory() as folder:
                    signal.setitimer(signal.ITIMER_PROF, PATIENCE)
                    try:
                        verdict, said = judged(row, Path(folder))
                    except StillComputing:
                        verdict, said = "silent", f"accepted: still computing after {PATIENCE:g} s"
                    signal.setitimer(signal.ITIMER_PROF, 0)
                counts[file.stem][verdict] += 1
                if verdict != "clear":
                    print(f"{verdict:8}{row[0]}\n        {' '.join(said.split())[:300]}", flush=True)
    for name, count in counts.items():
        print(f"{name:24}{count}")
    print("all", {v: sum(c[v] for c in counts.values()) for v in ("clear", "silent", "obscure")})


if __name__ == "__main__":
    main()
