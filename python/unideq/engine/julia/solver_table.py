"""The table of solvers as Unideq.jl reads it: `julia/src/solve/solvers.json`.

`python -m unideq.engine.julia.solver_table FILE` writes that file.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from ...solvers import SOLVERS, Solver, Tableau
from .tableau import tableau_json

__all__ = ["solver_rows"]


def solver_rows() -> dict[str, dict[str, Any]]:
    """Name → package, algorithm and what Julia must know of it, of the solvers that Julia has."""
    return {name: _row(entry, entry.engines["julia"]) for name, entry in SOLVERS.items() if "julia" in entry.engines}


def _row(entry: type[Solver], here: str | Tableau) -> dict[str, Any]:
    if isinstance(here, Tableau):
        return tableau_json(here)
    package, _, algorithm = here.partition(".")
    return {
        "package": package,
        "algorithm": algorithm,
        "order": entry.order,
        "implicit": entry.kind == "stiff",
        "fixed": entry.fixed,
        "recorded": entry.kind in ("explicit", "strong stability preserving"),
        "coefficients": entry.coefficients,
    }


if __name__ == "__main__":
    rows = ",\n".join(f" {json.dumps(name)}: {json.dumps(row)}" for name, row in solver_rows().items())
    Path(sys.argv[1]).write_text("{\n" + rows + "\n}\n", encoding="utf-8")
