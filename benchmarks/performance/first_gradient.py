"""Seconds from `import unideq` to the first gradient in fresh processes, by parts, and of each later model.

Everything is precompiled: the first process of a run isn't counted.
"""

from __future__ import annotations

import json
import subprocess
import sys
from time import perf_counter
from typing import Any

import numpy as np

from unideq.harness import Study

GOALS = {"first": 6.0, "later": 3.0}
PARTS = ("import unideq", "start Julia, load Unideq.jl", "build model and objective", "compile and run", "run again")
LATER = ("spiral", "oscillator", "robertson")


def measure(engine_name: str) -> None:
    """In this process: prints the seconds of each part for a Lotka–Volterra model, then of later models."""
    begin = perf_counter()
    marks = [begin]

    def mark() -> None:
        marks.append(perf_counter())

    import unideq as ude

    assert ude.ODE  # names load when first used
    mark()
    from unideq.engine import get_engine

    engine = get_engine(engine_name)
    mark()
    import _models

    solvers = {"robertson": {"julia": "rodas5p", "jax": "kvaerno5"}[engine_name]}

    def build(name: str) -> Any:
        model = getattr(_models, name)()
        u0 = np.ones((1, model.size)) if name != "robertson" else np.array([[1.0, 0.0, 0.0]])
        return _models.work(model, u0, np.linspace(0.0, 1.0, 11), engine, 1e-6, 4096, solver=solvers.get(name, "tsit5"))

    ours = build("lotka_volterra")
    mark()
    engine.value_and_gradient(ours.objective, ours.theta)
    mark()
    engine.value_and_gradient(ours.objective, ours.theta)
    mark()
    parts = dict(zip(PARTS, np.diff(marks), strict=True))
    later = {}
    for name in LATER:
        start = perf_counter()
        other = build(name)
        engine.value_and_gradient(other.objective, other.theta)
        later[name] = perf_counter() - start
    print(json.dumps({"parts": parts, "first": sum(list(parts.values())[:-1]), "later": later}))


def fresh(engine_name: str) -> dict[str, Any]:
    """`measure` in a Python of its own."""
    command = [sys.executable, __file__, "--measure", engine_name]
    found = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(found.stdout.splitlines()[-1])


def main() -> None:
    study = Study.from_command_line(
        __file__,
        __doc__,
        quick={"rounds": 5, "engines": ["julia"]},
        full={"rounds": 15, "engines": ["julia", "jax"]},
    )
    for unit in study.units(engine=study.settings["engines"], round=range(study.settings["rounds"] + 1)):
        found = fresh(unit["engine"])
        later = {f"later: {name}": seconds for name, seconds in found["later"].items()}
        study.record(first_s=found["first"], **found["parts"], **later)
    headline: dict[str, Any] = {}
    table = []
    for engine_name in study.settings["engines"]:
        rows = [row for row in study.rows_where(engine=engine_name) if row["round"] > 0]
        columns = [name for name in rows[0] if name not in ("engine", "round")]
        medians = {name: float(np.median([row[name] for row in rows])) for name in columns}
        table += [{"engine": engine_name, "part": name, "seconds": value} for name, value in medians.items()]
        headline[f"{engine_name}: import to first gradient, s"] = medians["first_s"]
        headline[f"{engine_name}: slowest later model, s"] = max(medians[f"later: {name}"] for name in LATER)
    study.finish(headline={**headline, **{f"goal, {name}, s": goal for name, goal in GOALS.items()}}, table=table)


if __name__ == "__main__":
    if len(sys.argv) > 1 and sys.argv[1] == "--measure":
        measure(sys.argv[2])
        sys.exit()
    main()
