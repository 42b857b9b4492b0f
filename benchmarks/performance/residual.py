"""Residuals of the Helmholtz equation: loss and gradient against hand-written JAX, Adam steps against DeepXDE.

Δu + u = q on [−1, 1]², residual and walls at 128 points each, networks 50/5, float64 everywhere. Losses and gradients
are compared at the same θ and points; the hand-written peer is whatever of several ways is fastest. Training draws new
points in every iteration, as DeepXDE does with its resampler; the residual is evaluated by it at the walls' points too,
three times as many as here, since its training points are one set.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from _hand_written_residual import FORMS, value_and_gradient
from _peers import Field, deepxde_peer, relative_error, versions_of

import unideq as ude
from unideq.engine import Minimisation, available, get_engine
from unideq.harness import Study
from unideq.objective.program import LossProgram

HIDDEN = (50,) * 5
POINTS, WALLS = 128, 100.0
"""Points of a term, and the weight of the walls' term."""
RATE = 1e-3
NETWORKS = {"MLP": ude.nn.MLP, "ModifiedMLP": ude.nn.ModifiedMLP}
BACKENDS = ("jax", "pytorch")


def problem_of(network: str) -> ude.ResidualProblem:
    def helmholtz(at: Any, field: Any) -> Any:
        q = (1 - 17 * np.pi**2) * np.sin(np.pi * at.x) * np.sin(4 * np.pi * at.y)
        return ude.d(field.u, at.x, 2) + ude.d(field.u, at.y, 2) + field.u - q

    return ude.ResidualProblem(
        {"x": (-1, 1), "y": (-1, 1)},
        {"u": NETWORKS[network](2, 1, hidden=HIDDEN)},
        {"pde": ude.Interior(helmholtz), "walls": ude.Boundary(lambda at, field: field.u, weight=WALLS)},
    )


def packed(problem: ude.ResidualProblem, weights: Any) -> np.ndarray:
    """Gradients by name as one vector in θ's order."""
    return problem.layout.pack({f"u.{name}": np.asarray(value) for name, value in weights.items()})


def enter_evaluations(field: Field, network: str) -> None:
    """Loss and gradient at one θ: both engines, and all hand-written forms."""
    problem = problem_of(network)
    objective, theta = ude.Residual(points=POINTS).build(problem), problem.initial_theta(0)
    reference = get_engine("jax").value_and_gradient(objective, theta)

    def facts(total: Any, gradient: Any) -> dict[str, float]:
        return {
            "loss": float(total),
            "loss_error": abs(float(total) - float(reference.total)) / float(reference.total),
            "gradient_error": relative_error(gradient, reference.gradient),
        }

    for name in available():
        engine = get_engine(name)
        field.enter(
            f"unideq/{name}, NumPy in and out",
            lambda engine=engine: lambda: engine.value_and_gradient(objective, theta),
            lambda found: facts(found.total, found.gradient),
        )
    compiled, data = get_engine("jax").compiled_value_and_gradient(objective)  # type: ignore[attr-defined]
    field.enter("unideq/jax", lambda: lambda: compiled(theta, data), lambda found: facts(found[0], found[2]))
    weights = {name.removeprefix("u."): value for name, value in problem.layout.unpack(theta).items()}
    points = {source.name: source.data for source in objective.sources}
    for form in FORMS:
        field.enter(
            f"JAX: {form}",
            lambda form=form: value_and_gradient(network, form, weights, points, WALLS),
            lambda found: facts(found[0], packed(problem, found[1])),
        )


def enter_trainings(field: Field, peers: dict[str, Any], iterations: int) -> None:
    """Adam from one start, new points in every iteration."""
    problem, residual = problem_of("MLP"), ude.Residual(points=POINTS)
    objective, theta = residual.build(problem), problem.initial_theta(0)
    settings = ude.Adam(RATE, iterations)

    def make(name: str) -> Callable[[], Any]:
        engine = get_engine(name)
        return lambda: train(engine, problem, residual, objective, theta, settings)

    for name in available():
        field.enter(
            f"unideq/{name}", lambda name=name: make(name), lambda found: {"loss": float(found.last.total[0, -1])}
        )
    given = {
        "points": POINTS, "hidden": HIDDEN, "learning_rate": RATE, "wall_weight": WALLS, "iterations": iterations,
    }  # fmt: skip
    for peer in peers.values():
        field.enter_peer(peer, given, "DeepXDE")


def train(engine: Any, problem: Any, residual: Any, objective: LossProgram, theta: Any, settings: Any) -> Any:
    """All iterations in one call of the engine."""
    batches = residual.batches(problem, engine.evaluate)
    run = Minimisation(
        objective,
        theta[None],
        settings,
        problem.layout.free_mask,
        batches=batches,
        report_every=settings.iterations,
    )
    return engine.minimise(run, lambda _: True)


def best(rows: list[dict[str, Any]], prefix: str) -> float | None:
    times = [row["median_ms"] for row in rows if row["peer"].startswith(prefix) and row.get("median_ms")]
    return min(times, default=None)


def headline_of(study: Study) -> dict[str, float]:
    """Our times over those of the fastest hand-written form, and our steps over DeepXDE's."""
    found: dict[str, float] = {}
    for network in NETWORKS:
        rows = study.rows_where(case=network)
        hand = best(rows, "JAX: ")
        for peer, ours in (("unideq/jax", "unideq/jax"), ("unideq/julia", "unideq/julia, NumPy in and out")):
            time = next((row["median_ms"] for row in rows if row["peer"] == ours and row.get("median_ms")), None)
            if hand and time:
                found[f"{network}: {peer} over the best hand-written JAX"] = time / hand
    rows = study.rows_where(case="training")
    theirs = best(rows, "DeepXDE")
    for name in available():
        ours = best(rows, f"unideq/{name}")
        if theirs and ours:
            found[f"Adam steps a second: unideq/{name} over the best DeepXDE"] = theirs / ours
    return found


def main() -> None:
    study = Study.from_command_line(
        __file__, __doc__, quick={"rounds": 15, "iterations": 200}, full={"rounds": 40, "iterations": 1000}
    )
    peers = {backend: deepxde_peer(backend) for backend in BACKENDS}
    print(versions_of(*peers.values()))
    for unit in study.units(case=[*NETWORKS, "training"]):
        field, training = Field(), unit["case"] == "training"
        if training:
            enter_trainings(field, peers, study.settings["iterations"])
        else:
            enter_evaluations(field, unit["case"])
        rounds = max(3, study.settings["rounds"] // 5) if training else study.settings["rounds"]
        for name, row in field.race(rounds, "unideq/jax").items():
            facts = field.entrants[name].facts
            more = {key: facts.get(key) for key in ("loss", "loss_error", "gradient_error")}
            if training:
                more["steps_per_second"] = 1e3 * study.settings["iterations"] / row["median_ms"]
            study.record(peer=name, **row, **more, note=None)
        for name, why in field.absent.items():
            study.record(peer=name, note=why)
    study.finish(headline=headline_of(study))


if __name__ == "__main__":
    main()
