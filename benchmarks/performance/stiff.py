"""Loss and gradient of stiff problems with a neural rate term at 1e-8, against diffrax's Kvaerno5 and SciMLSensitivity.

Robertson's reaction from 1e-5 to 1e5 (second state in units of 1e-5), and HIRES to 321.8; 31 points each. Misfits are
divided by each state's largest value. Errors are those against a solution at 1e-11.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from _hand_written import Hires, Robertson, value_and_gradient
from _models import Work, hires, plain_values, robertson, work
from _peers import Field, Peer, PeerMissing, julia_peer, relative_error, versions_of
from _programs import objective_problem, unideq_in_julia
from scipy.integrate import solve_ivp

import unideq as ude
from unideq.engine import available, get_engine
from unideq.harness import Study

TOLERANCE, MAX_STEPS, TIGHT_STEPS = 1e-8, 16_384, 4096
EXACT = 1e-11
ACCEPTED = 1e-3
"""A relative gradient error above this disqualifies."""
GOAL = 10
CASES: dict[str, tuple[Callable[[], ude.ODE], Any, np.ndarray, np.ndarray]] = {
    "robertson": (robertson, Robertson, np.array([1.0, 0.0, 0.0]), np.append(0.0, np.geomspace(1e-5, 1e5, 30))),
    "hires": (hires, Hires, np.array([1.0, 0, 0, 0, 0, 0, 0, 0.0057]), np.linspace(0.0, 321.8122, 31)),
}
SOLVERS = {"julia": "rodas5p", "jax": "kvaerno5"}
ADJOINTS = {"julia": ("auto", "gauss", "interpolating", "quadrature", "forward"), "jax": ("auto",)}


def measurements(model: ude.ODE, u0: np.ndarray, times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(K, n) solutions with a silent network and 5 % noise, and each state's largest value (n,)."""
    silent = {n: model.layout.unpack(0.0 * model.initial_theta())[n] for n in model.layout.names}
    rate = model.vector_field
    theta = model.resolve_theta(silent)
    found = solve_ivp(
        lambda t, u: rate.evaluate({"t": t, "u": u, "theta": theta})["du"],
        (times[0], times[-1]), u0, "LSODA", t_eval=times, rtol=1e-8, atol=1e-10,
    )  # fmt: skip
    noise = np.random.default_rng(3).normal(size=found.y.T.shape)
    return found.y.T * (1.0 + 0.05 * noise), np.abs(found.y).max(axis=1)


def enter_unideq(field: Field, engine_name: str, adjoint: str, make_work: Callable[[str, str], Work]) -> None:
    def make() -> Callable[[], Any]:
        engine = get_engine(engine_name)
        ours = make_work(engine_name, adjoint)
        return lambda: engine.value_and_gradient(ours.objective, ours.theta)

    suffix = "" if adjoint == "auto" else f", {adjoint}"
    field.enter(
        f"unideq/{engine_name}{suffix}",
        make,
        lambda found: {"loss": float(found.total), "gradient": found.gradient},
    )


def enter_diffrax(field: Field, *problem: Any, scale: np.ndarray) -> None:
    def facts(found: Any) -> dict[str, Any]:
        parts = [np.asarray(part).ravel() for part in jax.tree.leaves(found[1])]
        return {"loss": float(found[0]), "gradient": np.concatenate(parts)}

    for max_steps in (TIGHT_STEPS, MAX_STEPS):
        field.enter(
            f"diffrax Kvaerno5, max_steps={max_steps}",
            lambda max_steps=max_steps: value_and_gradient(*problem, max_steps, scale=scale, stiff=True),
            facts,
        )


def reference(native: Peer | PeerMissing, problem: dict[str, Any]) -> dict[str, Any] | None:
    """Loss and gradient by forward mode at a tight tolerance, in native Julia; None without Julia."""
    field = Field()
    field.enter_peer(native, {**problem, "tolerance": EXACT, "exact": True}, "SciMLSensitivity")
    return field.entrants["SciMLSensitivity: exact"].facts if field.entrants else None


def main() -> None:
    study = Study.from_command_line(
        __file__, __doc__, quick={"rounds": 7, "tolerance": TOLERANCE}, full={"rounds": 40, "tolerance": TOLERANCE}
    )
    native, bare = julia_peer("stiff.jl"), unideq_in_julia()
    for unit in study.units(case=list(CASES)):
        make, hand_written, start, times = CASES[unit["case"]]
        model = make()
        data, scale = measurements(model, start, times)

        def make_work(
            engine_name: str,
            adjoint: str,
            model: ude.ODE = model,
            known: tuple[np.ndarray, ...] = (start, times, data, scale),
        ) -> Work:
            start, times, data, scale = known
            return work(
                model, start[None], times, get_engine(engine_name), TOLERANCE, MAX_STEPS,
                data=data[None], scale=scale, solver=SOLVERS[engine_name], adjoint=adjoint,
            )  # fmt: skip

        values = plain_values(model, model.initial_theta())
        problem = {
            "case": unit["case"], "theta": values, "u0": start, "times": times, "data": data, "weights": 1 / scale**2,
        }  # fmt: skip
        exact = reference(native, problem)
        field = Field()
        for engine_name in available():
            for adjoint in ADJOINTS[engine_name]:
                enter_unideq(field, engine_name, adjoint, make_work)
        field.enter_program(bare, lambda f=make_work: objective_problem(f("julia", "auto")), "unideq/julia")
        enter_diffrax(field, hand_written(values), start, times, data, TOLERANCE, scale=scale)
        field.enter_peer(native, {**problem, "tolerance": TOLERANCE, "exact": False}, "SciMLSensitivity")
        for name, row in field.race(study.settings["rounds"], "unideq/julia").items():
            facts = field.entrants[name].facts
            note = None
            if exact is not None:
                row["loss_error"] = abs(facts["loss"] / exact["loss"] - 1.0)
                row["gradient_error"] = relative_error(facts["gradient"], exact["gradient"])
                note = None if row["gradient_error"] < ACCEPTED else "another gradient: not counted"
            study.record(peer=name, **row, note=note)
        for name, why in field.absent.items():
            study.record(peer=name, note=why)

    headline: dict[str, Any] = {}
    for case in CASES:
        counted = {row["peer"]: row for row in study.rows_where(case=case, note=None)}
        for group in ("diffrax", "SciMLSensitivity", "unideq/jax"):
            ratios = [row["ratio"] for name, row in counted.items() if name.startswith(group) and row.get("ratio")]
            if ratios:
                headline[f"{case}: {group} over unideq/julia"] = min(ratios)
    study.finish(headline={**headline, "goal over diffrax": GOAL, "peers": versions_of(native, bare)})


if __name__ == "__main__":
    main()
