"""Peak memory of the gradient of a solve of 10 000 steps, against hand-written diffrax + equinox; bar: 1.5 times."""

import json
import resource
import subprocess
import sys

import numpy as np

from unideq.engine import get_engine
from unideq.harness import Study

SPAN, STEPS = 3600.0, 16384
"""Over this span an oscillator of frequency 1 takes about 10 000 steps at tolerance 1e-6 (counted in every row)."""


def measure(side: str) -> None:
    """One side in this process: prints the steps taken, and the resident memory before and at its peak in MiB."""
    from _hand_written import Oscillator, value_and_gradient
    from _models import oscillator, work

    model = oscillator()
    start, times = np.array([[1.0, 0.0]]), np.linspace(0.0, SPAN, 31)
    engine = get_engine("jax")
    ours = work(model, start, times, engine, 1e-6, STEPS)
    theta = 0.0 * ours.theta  # a silent network: every period costs the same number of steps
    (integration,) = ours.objective.sources
    steps = 0
    if side == "steps":
        steps = int(engine.integrate(integration, theta).statistics["steps"][0])
    before = peak()
    if side == "unideq":
        engine.value_and_gradient(ours.objective, theta)
    elif side == "diffrax":
        value_and_gradient(Oscillator(theta), start[0], times, ours.data[0], 1e-6, STEPS)()[0].block_until_ready()
    print(json.dumps({"steps": steps, "before": before, "peak": peak()}))


def fresh(side: str) -> dict[str, float]:
    """`measure` in a Python of its own."""
    command = [sys.executable, __file__, "--measure", side]
    found = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(found.stdout.splitlines()[-1])


def peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0


if __name__ == "__main__":
    if len(sys.argv) > 1 and sys.argv[1] == "--measure":
        measure(sys.argv[2])
        sys.exit()
    study = Study.from_command_line(__file__, __doc__, quick={"rounds": 1}, full={"rounds": 5})
    for unit in study.units(round=range(study.settings["rounds"]), side=["steps", "unideq", "diffrax"]):
        values = fresh(unit["side"])
        study.record(steps=values["steps"], peak_mib=values["peak"], added_mib=values["peak"] - values["before"])

    def median(side: str, key: str) -> float:
        return float(np.median([row[key] for row in study.rows_where(side=side)]))

    study.finish(
        headline={
            "steps": median("steps", "steps"),
            "peak_ratio": median("unideq", "peak_mib") / median("diffrax", "peak_mib"),
            "added_ratio": median("unideq", "added_mib") / median("diffrax", "added_mib"),
            "bar": 1.5,
        }
    )
