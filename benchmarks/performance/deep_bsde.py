"""A deep BSDE step in a hundred dimensions, against hand-written JAX; goal: 1.05 times.

The Hamilton–Jacobi–Bellman equation in 20 steps with 64 paths, one network 101-64-64-100 for the gradient, float64.
Losses and gradients are compared at the same θ and paths. Training makes Adam steps on fresh paths; ours are drawn in
NumPy, theirs in the compiled code.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from _peers import Field, relative_error

import unideq as ude
from unideq.engine import Minimisation, available, get_engine
from unideq.harness import Study

GOAL = 1.05
PATHS, RATE = 64, 1e-3
CASES = ("loss and gradient", "training")


def problem() -> ude.BackwardProblem:
    return ude.problems.HamiltonJacobiBellman().problem(guided=False)


def hand_written(made: ude.BackwardProblem, theta: np.ndarray) -> tuple[dict[str, Any], float, dict[str, Any]]:
    """What the network is given, g's spread, and the weights by name."""
    mean, deviation = made.scales["mean"], made.scales["deviation"]
    middle = mean.mean(axis=0)
    width = np.sqrt((deviation**2 + (mean - middle) ** 2).mean(axis=0))
    values = made.layout.unpack(theta)
    weights = {name.removeprefix("z."): v for name, v in values.items() if name != "u0"}
    about = {"middle": middle, "width": width, "size": made.gradient_scale}
    return about, made.scales["terminal_spread"], {"z": weights, "u0": values["u0"]}


def enter_evaluations(field: Field) -> None:
    made = problem()
    theta, program = made.initial_theta(0), ude.Martingale(PATHS).build(made)
    reference = get_engine("jax").value_and_gradient(program, theta)
    about, spread, weights = hand_written(made, theta)
    (source,) = program.sources

    def facts(gradient: Any) -> dict[str, float]:
        return {"gradient_error": relative_error(gradient, reference.gradient)}

    for name in available():
        field.enter(
            f"unideq/{name}",
            lambda name=name: lambda: get_engine(name).value_and_gradient(program, theta),
            lambda found: facts(found.gradient),
        )

    def make(form: str) -> Any:
        import jax
        from _hand_written_backward import loss_of

        run, given = jax.jit(jax.value_and_grad(loss_of(form, about, spread))), jax.device_put(source.data["w"])
        return lambda: jax.block_until_ready(run(weights, given))

    def packed(found: Any) -> np.ndarray:
        scales = np.concatenate([np.full(e.size, e.scale) for e in made.layout.entries])
        parts = {**{f"z.{n}": v for n, v in found[1]["z"].items()}, "u0": found[1]["u0"]}
        return scales * np.concatenate([np.ravel(parts[e.name]) for e in made.layout.entries])

    for form in ("all times at once", "scan over steps"):
        field.enter(f"JAX: {form}", lambda form=form: make(form), lambda found: facts(packed(found)))


def enter_trainings(field: Field, iterations: int) -> None:
    made, objective = problem(), ude.Martingale(PATHS)
    theta, program = made.initial_theta(0), objective.build(made)
    about, spread, weights = hand_written(made, theta)
    adam = ude.Adam(RATE, iterations)

    def run(engine: Any) -> Any:
        batches = objective.batches(made, engine.evaluate)
        wanted = Minimisation(program, theta[None], adam, batches=batches, report_every=iterations)
        return engine.minimise(wanted, lambda _: True)

    for name in available():
        field.enter(
            f"unideq/{name}",
            lambda name=name: lambda: run(get_engine(name)),
            lambda found: {"loss": float(found.last.total[0, -1])},
        )

    def make(form: str) -> Any:
        from _hand_written_backward import trained

        return trained(form, about, spread, weights, PATHS, made.steps, made.dimension, RATE, iterations)

    for form in ("all times at once", "scan over steps"):
        field.enter(f"JAX: {form}", lambda form=form: make(form), lambda found: {"loss": found})


def main() -> None:
    study = Study.from_command_line(
        __file__, __doc__, quick={"rounds": 7, "iterations": 30}, full={"rounds": 30, "iterations": 200}
    )
    for unit in study.units(case=list(CASES)):
        field = Field()
        if unit["case"] == "training":
            enter_trainings(field, study.settings["iterations"])
        else:
            enter_evaluations(field)
        for name, row in field.race(study.settings["rounds"], f"unideq/{study.engine}").items():
            facts = field.entrants[name].facts
            study.record(peer=name, **row, **{key: facts.get(key) for key in ("gradient_error", "loss")}, note=None)
        for name, why in field.absent.items():
            study.record(peer=name, note=why)
    headline = {}
    for case in CASES:
        ratios = [r["ratio"] for r in study.rows_where(case=case) if r["peer"].startswith("JAX") and r.get("ratio")]
        if ratios:  # of the peers' times over ours, round by round
            headline[f"{case}: unideq/{study.engine} over the best hand-written JAX"] = 1.0 / min(ratios)
    study.finish(headline=headline)


if __name__ == "__main__":
    main()
