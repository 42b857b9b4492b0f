"""500 Adam iterations: bridge and bookkeeping over the bare gradients, and the whole against a compiled diffrax loop.

The share of everything that isn't a gradient is measured at a learning rate of 1e-9, where all gradients cost the same,
against the same gradient timed inside Julia without Python. The comparison with diffrax trains at 1e-3.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from _hand_written import compiled_training
from _models import Work, work
from _peers import Field
from _programs import objective_problem, unideq_in_julia
from gradient_peers import CASES, MAX_STEPS, TIGHT_STEPS, TOLERANCE

import unideq as ude
from unideq.engine import Minimisation, available, get_engine
from unideq.harness import Study

ITERATIONS, REPORT_EVERY = 500, 50
STILL, USUAL = 1e-9, 1e-3
"""Learning rates."""
GOAL = 0.03


def enter_training(field: Field, engine_name: str, ours: Work, rate: float) -> None:
    def make() -> Callable[[], Any]:
        engine = get_engine(engine_name)
        settings = ude.Adam(rate, ITERATIONS)
        run = Minimisation(ours.objective, ours.theta[None], settings, report_every=REPORT_EVERY)
        return lambda: engine.minimise(run, lambda _: True)

    field.enter(f"unideq/{engine_name}", make, lambda found: {"loss": float(found.last.best_total[0])})


def enter_diffrax(field: Field, hand_written: Any, ours: Work) -> None:
    for max_steps in (TIGHT_STEPS, MAX_STEPS):
        problem = (hand_written(ours.values), ours.u0[0], ours.times, ours.data[0], TOLERANCE, max_steps)
        field.enter(
            f"diffrax + optax in one compiled loop, max_steps={max_steps}",
            lambda problem=problem: compiled_training(ITERATIONS, USUAL, *problem),
            lambda losses: {"loss": float(losses.min())},
        )


def main() -> None:
    study = Study.from_command_line(
        __file__, __doc__, quick={"rounds": 5, "iterations": ITERATIONS}, full={"rounds": 25, "iterations": ITERATIONS}
    )
    bare = unideq_in_julia()
    for unit in study.units(case=list(CASES), rate=[STILL, USUAL]):
        make, hand_written, start, times = CASES[unit["case"]]
        ours = work(make(), start[None], times, get_engine("jax"), TOLERANCE, MAX_STEPS)
        field = Field()
        if unit["rate"] == STILL:
            enter_training(field, "julia", ours, STILL)
            field.enter_program(bare, lambda ours=ours: objective_problem(ours), "one gradient")
        else:
            for engine_name in available():
                enter_training(field, engine_name, ours, USUAL)
            enter_diffrax(field, hand_written, ours)
        for name, row in field.race(study.settings["rounds"], "unideq/julia", sample_seconds=0.1).items():
            study.record(peer=name, **row, loss=field.entrants[name].facts["loss"], note=None)
        for name, why in field.absent.items():
            study.record(peer=name, note=why)

    headline: dict[str, Any] = {}
    for case in CASES:
        still = {row["peer"]: row for row in study.rows_where(case=case, rate=STILL)}
        gradient = still.get("one gradient: inside Julia", {}).get("ratio")
        if gradient:
            headline[f"{case}: share that isn't gradients"] = 1.0 - ITERATIONS * gradient
        rows = study.rows_where(case=case, rate=USUAL)
        ratios = [row["ratio"] for row in rows if row["peer"].startswith("diffrax") and row.get("ratio")]
        if ratios:
            headline[f"{case}: diffrax over unideq/julia"] = min(ratios)
    study.finish(headline={**headline, "goal for the share": GOAL})


if __name__ == "__main__":
    main()
