"""`Rollout` as the Julia package reads it."""

from __future__ import annotations

import numpy as np

from ...errors import ModelError
from ...objective.program import Rollout
from .derived import Parts, Program, as_json, derivatives, parts

__all__ = ["rollout_arrays", "rollout_program"]


def rollout_arrays(rollout: Rollout) -> dict[str, np.ndarray]:
    """States (B, n), start times (B), constants (B, q) and time step."""
    constants = {"c": rollout.data["c"]} if "c" in rollout.data else {}
    return {"start": rollout.data["start"], "t": rollout.data["t"], **constants, "dt": np.array(rollout.dt)}


def rollout_program(rollout: Rollout, differentiated: bool) -> Program:
    """The graphs of a rollout, `differentiated` in both modes or not."""
    prologue, step = parts(rollout.step)
    observe_prologue, observe = parts(rollout.observe)
    constants = rollout.data.get("c")
    if constants is None and "c" in (*step.input_names, *observe.input_names):
        raise ModelError(f"The step of `{rollout.name}` reads `c`; give it in `data`, shape (B, q).")
    program: Program = {
        "kind": "rollout",
        "name": rollout.name,
        "trajectories": len(rollout.data["start"]),
        "constants": 0 if constants is None else np.shape(constants)[1],
        "steps": rollout.steps,
        "every": rollout.every,
        "warmup": rollout.warmup,
        "through": rollout.gradient == "full",
        "checkpoint": rollout.checkpoint,
        "prologue": as_json(prologue),
        "step": as_json(step),
        "observe_prologue": as_json(observe_prologue),
        "observe": as_json(observe),
    }
    if differentiated:
        before = ["u"] if program["through"] else []
        seen = ["u"] if "u" in observe.input_names else []
        wanted: Parts = {
            "prologue": (prologue, prologue.input_names),
            "step": (step, [*before, *prologue.outputs]),
            "observe_prologue": (observe_prologue, observe_prologue.input_names),
            "observe": (observe, [*seen, *observe_prologue.outputs]),
        }
        program.update(derivatives(wanted))
    return program
