"""Seconds that `import unideq` adds to importing numpy and xarray; bar: under half a second."""

import subprocess
import sys

from unideq.harness import Study, time_interleaved

STATEMENTS = {"numpy + xarray": "import numpy, xarray", "unideq": "import numpy, xarray, unideq"}


def fresh_python(statement: str) -> None:
    """Run a statement in a Python of its own; every import starts from nothing."""
    subprocess.run([sys.executable, "-c", statement], check=True)


def main() -> None:
    study = Study.from_command_line(__file__, __doc__, quick={"rounds": 5}, full={"rounds": 25})
    for _ in study.units():
        timings = time_interleaved(
            {name: lambda s=statement: fresh_python(s) for name, statement in STATEMENTS.items()},
            rounds=study.settings["rounds"],
            sample_seconds=0,
        )
        for name, timing in timings.items():
            study.record(statement=STATEMENTS[name], **timing.row())
    baseline, with_unideq = (row["median_ms"] / 1e3 for row in study.rows)
    added = with_unideq - baseline
    study.finish(headline={"added_seconds": added, "bar_seconds": 0.5, "bar_met": added < 0.5})


if __name__ == "__main__":
    main()
