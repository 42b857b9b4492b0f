"""`Rollout` as the Julia package reads it."""

from __future__ import annotations

import numpy as np

from ...objective.program import Rollout
from .derived import Parts, Program, as_json, derivatives, parts

__all__ = ["rollout_arrays", "rollout_program"]


def rollout_arrays(rollout: Rollout) -> dict[str, np.ndarray]:
    """States (B, n), start times (B), constants (B, q), inputs of the steps (B, M, k) and time step."""
    own = {name: rollout.data[name] for name in ("start", "t", "c", "w") if name in rollout.data}
    return {**own, "dt": np.array(rollout.dt)}


def rollout_program(rollout: Rollout, differentiated: bool) -> Program:
    """The graphs of a rollout, `differentiated` in both modes or not."""
    prologue, step = parts(rollout.step)
    observe_prologue, observe = parts(rollout.observe)
    program: Program = {
        "kind": "rollout",
        "name": rollout.name,
        "trajectories": len(rollout.data["start"]),
        "constants": _width(rollout, "c"),
        "inputs": _width(rollout, "w"),
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


def _width(rollout: Rollout, name: str) -> int:
    """How many numbers a trajectory has of its constants, or a step of its inputs."""
    return np.shape(rollout.data[name])[-1] if name in rollout.data else 0
