"""Loss and gradient of a neural Lotka-Volterra model and a neural ODE: both engines against five peers.

Peers: diffrax + equinox, torchdiffeq, SciMLSensitivity with hand-written derivatives, the same in its usual form of Lux
and Zygote. All solve at the same tolerance; the errors that they achieve, against a solution at 1e-11, stand beside the
times. EnzymeVJP is missing where Enzyme isn't installed; its published times for such models are about 2 ms.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from _hand_written import LotkaVolterra, Spiral, value_and_gradient
from _models import Work, lotka_volterra, spiral, work
from _peers import Field, julia_peer, relative_error, torch_peer, versions_of
from _programs import objective_problem, unideq_in_julia

import unideq as ude
from unideq.engine import available, get_engine
from unideq.harness import Study

TOLERANCE, MAX_STEPS, TIGHT_STEPS = 1e-6, 4096, 256
EXACT = 1e-11
ACCEPTED = 1e-3
"""A relative gradient error above this disqualifies."""
OURS = "unideq/julia"
GROUPS = {
    "diffrax": ("diffrax + equinox",),
    "best SciMLSensitivity": ("SciMLSensitivity: hand-written",),
    "usual SciMLSensitivity": ("SciMLSensitivity: Lux",),
    "torchdiffeq": ("torchdiffeq",),
}
GOALS = {
    "lotka_volterra": {
        "diffrax": 5, "best SciMLSensitivity": 5, "usual SciMLSensitivity": 30, "torchdiffeq": 100,
    },
    "spiral": {"diffrax": 2.5, "best SciMLSensitivity": 5, "usual SciMLSensitivity": 50, "torchdiffeq": 50},
}  # fmt: skip
"""How many times slower a peer should be: the best of its forms counts."""
CASES: dict[str, tuple[Callable[[], ude.ODE], Any, np.ndarray, np.ndarray]] = {
    "lotka_volterra": (lotka_volterra, LotkaVolterra, np.array([0.44249296, 4.6280594]), np.linspace(0.0, 3.0, 31)),
    "spiral": (spiral, Spiral, np.array([2.0, 0.0]), np.linspace(0.0, 1.5, 30)),
}


def enter_unideq(field: Field, engine_name: str, ours: Work) -> None:
    """The engine's ordinary call, NumPy arrays in and out."""

    def make() -> Callable[[], Any]:
        engine = get_engine(engine_name)
        return lambda: engine.value_and_gradient(ours.objective, ours.theta)

    field.enter(
        f"unideq/{engine_name}",
        make,
        lambda found: {"loss": float(found.total), "gradient": found.gradient / ours.scales},
    )


def enter_diffrax(field: Field, *problem: Any) -> None:
    def facts(found: Any) -> dict[str, Any]:
        parts = [np.asarray(part).ravel() for part in jax.tree.leaves(found[1])]
        return {"loss": float(found[0]), "gradient": np.concatenate(parts)}

    # The step limit decides how many checkpoints diffrax lays out: a tight one, found by trial, is faster.
    for max_steps in (TIGHT_STEPS, MAX_STEPS):
        field.enter(
            f"diffrax + equinox, max_steps={max_steps}",
            lambda max_steps=max_steps: value_and_gradient(*problem, max_steps),
            facts,
        )


def main() -> None:
    study = Study.from_command_line(
        __file__, __doc__, quick={"rounds": 15, "tolerance": TOLERANCE}, full={"rounds": 60, "tolerance": TOLERANCE}
    )
    native, bare, torch = julia_peer("gradient.jl"), unideq_in_julia(), torch_peer()
    for unit in study.units(case=list(CASES)):
        make, hand_written, start, times = CASES[unit["case"]]
        model = make()
        ours = work(model, start[None], times, get_engine("jax"), TOLERANCE, MAX_STEPS)
        exactly = work(model, start[None], times, get_engine("jax"), EXACT, 10 * MAX_STEPS, solver="dopri8")
        exact = get_engine("jax").value_and_gradient(exactly.objective, ours.theta)
        problem = {"u0": start, "times": times, "data": ours.data[0], "tolerance": TOLERANCE, "theta": ours.values}
        field = Field()
        for engine_name in available():
            enter_unideq(field, engine_name, ours)
        field.enter_program(bare, lambda ours=ours: objective_problem(ours), OURS)
        enter_diffrax(field, hand_written(ours.values), start, times, ours.data[0], TOLERANCE)
        field.enter_peer(native, {**problem, "case": unit["case"]}, "SciMLSensitivity")
        field.enter_peer(torch, {**problem, "case": unit["case"]}, "torchdiffeq")
        inside = f"{OURS}: inside Julia"
        for name, row in field.race(study.settings["rounds"], OURS).items():
            facts = field.entrants[name].facts
            gradient = np.asarray(facts["gradient"]) / (ours.scales if name == inside else 1.0)
            row["loss_error"] = abs(facts["loss"] / float(exact.total) - 1.0)
            row["gradient_error"] = relative_error(gradient, exact.gradient / ours.scales)
            agrees = row["gradient_error"] < ACCEPTED
            study.record(peer=name, **row, note=None if agrees else "another gradient: not counted")
        for name, why in field.absent.items():
            study.record(peer=name, note=why)

    headline: dict[str, Any] = {}
    for case in CASES:
        counted = {row["peer"]: row for row in study.rows_where(case=case, note=None)}
        for group, prefixes in GROUPS.items():
            ratios = [row["ratio"] for name, row in counted.items() if name.startswith(prefixes) and row.get("ratio")]
            if ratios:
                headline[f"{case}: {group} over {OURS}"] = min(ratios)
                headline[f"{case}: {group}, goal"] = GOALS[case][group]
    study.finish(headline={**headline, "peers": versions_of(native, bare, torch)})


if __name__ == "__main__":
    main()
