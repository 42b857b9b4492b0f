"""Black-box steps: a NumPy solver without derivative, rolled out on the host, with a correction that learns behind it.

The correction is trained point-wise on (u, S(u), target): back-propagation through the step itself isn't needed where
every state is taken as given (`gradient="none"`, List et al. 2024, NOG) or measured (`"one_step"`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from ..errors import OptionError
from ..graph import Graph, variable
from ..graph.transform import substitute
from .comparison import stepper_of
from .estimation_problem import EstimationProblem
from .objective import Evaluate
from .windows import WindowSource, step_ratio

if TYPE_CHECKING:
    from ..model import Stepper
    from .unrolled import Unrolled

__all__ = ["HostRollouts", "black_box_graph", "black_box_points", "check_black_box", "host_rollout", "is_black_box"]


def is_black_box(model: Stepper) -> bool:
    """Whether the stepper's known part is a NumPy function, not a graph."""
    return not model.has_step_graph


def check_black_box(objective: Unrolled, problem: EstimationProblem) -> None:
    """Say what a black-box step can't do."""
    if objective.gradient == "full":
        raise OptionError(
            '`gradient="full"` differentiates through every step, but the stepper\'s step is a NumPy function without '
            'derivative. Use `Unrolled(gradient="none")` (rolls out, state detached after every step) or '
            '`"one_step"`, or write the step as a `ude.PDE`.'
        )
    ratio = step_ratio(stepper_of(problem).dt, problem.observations.series)
    if ratio > 1:
        raise OptionError(
            f"The data has a snapshot every {ratio} steps; a black-box step learns from neighbouring states. Use "
            "data at every step, or a stepper whose dt is the data's spacing."
        )


def black_box_graph(problem: EstimationProblem) -> Graph:
    """What is compared after a step, from t, u, the black box's result s, c and θ."""
    model = stepper_of(problem)
    step = problem.rebased(model.correction_graph)
    observed = problem.observe_graph(with_states=False)
    inputs = {node.name: node for node in (*step.inputs, *observed.inputs)}
    now, state = variable("t"), variable("u", (model.size,))
    outputs = substitute(observed, {now: now + model.dt, state: step.outputs["u"]}, tuple(inputs.values())).outputs
    return Graph(tuple(inputs.values()), outputs)


def black_box_points(model: Stepper, starts: Mapping[str, np.ndarray], steps: int) -> dict[str, np.ndarray]:
    """`Pointwise.points` of one step from each start.

    With more steps than one, the start is repeated in the places of states that `HostRollouts` visits.
    """
    result = {name: np.repeat(starts[key], steps, axis=0) for name, key in (("t", "t"), ("u", "start"))}
    if "c" in starts:
        result["c"] = np.repeat(starts["c"], steps, axis=0)
    return {**result, "s": black_box_step(model, result["u"], result.get("c")) if steps == 1 else result["u"]}


def black_box_step(model: Stepper, u: np.ndarray, c: np.ndarray | None) -> np.ndarray:
    """S(u) of a batch (B, n), at the conditions that c (B, q) begins with."""
    return model.black_box(u, None if c is None else {name: c[:, k] for k, name in enumerate(model.conditions)})


def host_rollout(
    model: Stepper, evaluate: Evaluate, theta: np.ndarray, starts: Mapping[str, np.ndarray], steps: int
) -> tuple[np.ndarray, np.ndarray]:
    """States u (B, steps + 1, n) of a rollout on the host, and what the black box made of each (B, steps, n).

    Parameters
    ----------
    theta
        The model's own θ.
    starts
        `start` (B, n), `t` (B,) and, where the step reads it, `c` (B, q).
    """
    states, made = [np.asarray(starts["start"], dtype=float)], []
    constants = {"c": starts["c"]} if "c" in starts else {}
    for k in range(steps):
        made.append(black_box_step(model, states[-1], starts.get("c")))
        values = {"t": starts["t"] + k * model.dt, "u": states[-1], "s": made[-1], "theta": theta, **constants}
        states.append(evaluate(model.correction_graph, values, mapped=("t", "u", "s", *constants))["u"])
    shape = (len(states[0]), 0, states[0].shape[1])
    return np.stack(states, axis=1), np.stack(made, axis=1) if made else np.zeros(shape)


class HostRollouts:
    """The states that rollouts visit at the current θ, as an engine takes them; see `program.Batches`."""

    follows_theta = True

    def __init__(
        self,
        objective: Unrolled,
        problem: EstimationProblem,
        evaluate: Evaluate,
        source: WindowSource | None = None,
        size: int = 0,
    ) -> None:
        self.objective, self.problem, self.evaluate = objective, problem, evaluate
        self.source, self.size = source, size

    def __call__(self, iteration: int, theta: np.ndarray | None = None) -> list[dict[str, np.ndarray]]:
        """The data of one iteration at θ (P,)."""
        assert self.source is not None
        windows = self.source.take(iteration * self.size, self.size)
        return self.at(self.objective.data(self.problem, windows), theta)

    def at(self, data: list[dict[str, np.ndarray]], theta: np.ndarray | None) -> list[dict[str, np.ndarray]]:
        """The same windows with the states visited at this θ."""
        if theta is None:
            raise OptionError("A black-box step is rolled out at the current parameters: the engine must pass θ.")
        model = stepper_of(self.problem)
        points, targets = data
        m, warmup = self.objective.steps, self.objective.warmup
        starts = {"start": points["u"][::m], **{k: points[k][::m] for k in ("t", "c") if k in points}}
        own = np.asarray(theta, dtype=float)[: model.layout.size]
        states, made = host_rollout(model, self.evaluate, own, starts, warmup + m)
        times = starts["t"][:, None] + model.dt * np.arange(warmup, warmup + m)
        size = states.shape[-1]
        visited = {**points, "t": times.reshape(-1), "u": states[:, warmup:-1].reshape(-1, size)}
        return [{**visited, "s": made[:, warmup:].reshape(-1, size)}, targets]
