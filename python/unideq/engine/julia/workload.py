"""The small programs that Unideq.jl runs while it is precompiled: `julia/src/workload.json`.

`python -m unideq.engine.julia.workload FILE` writes that file.
"""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ...graph import Graph, constant, pushforward, variable
from ...objective.program import Given, Integration, LossProgram, Pointwise, Rollout, SolverSettings
from ...optimise import SOAP, AdamW, CosineDecay, Phase
from ..minimisation import Minimisation
from .data import objective_data, source_data
from .optimise import run_program
from .program import evaluation_json, objective_json, source_json

__all__ = ["workload"]


def _network(x: Any, theta: Any) -> Any:
    """A 2-3-2 tanh network."""
    hidden = np.tanh(theta[:6].reshape(3, 2) @ x + theta[6:9])
    return theta[9:15].reshape(2, 3) @ hidden + theta[15:17]


def _rollout_objective() -> tuple[Rollout, LossProgram]:
    """Two trajectories of five steps, every one recorded; and their misfit to a target."""
    t: Any
    u: Any
    c: Any
    theta: Any
    t, u, c, theta = variable("t"), variable("u", (2,)), variable("c", (1,)), variable("theta", (18,))
    step = Graph([t, u, c, theta], {"u": u + 0.1 * (_network(u, theta) - c[0] * u + np.sin(t))})
    observe = Graph([u, theta], {"u": u, "scaled": theta[17] * u[0]})
    data = {"start": np.ones((2, 2)), "t": np.zeros(2), "c": np.array([[0.5], [1.0]])}
    source = Rollout("r", step, observe, data, 0.1, steps=5, checkpoint=True)
    states: Any
    scaled: Any
    target: Any
    states, scaled, target = variable("r.u", (2, 5, 2)), variable("r.scaled", (2, 5)), variable("g.u", (2, 5, 2))
    loss = Graph([states, scaled, target], {"fit": np.mean((states - target) ** 2) + np.mean(scaled)})
    return source, LossProgram((source, Given("g", {"u": np.ones((2, 5, 2))})), loss, {"fit": 1.0})


def _points_objective() -> LossProgram:
    """Means of squares of a network's second derivative at points of the interior, and of its value at others."""
    x: Any
    theta: Any
    x, theta = variable("x"), variable("theta", (97,))
    hidden = np.tanh(theta[:8] * x + theta[8:16])
    hidden = np.tanh(theta[16:80].reshape(8, 8) @ hidden + theta[80:88])
    u: Any = theta[88:96] @ hidden + theta[96]
    curvature = u
    for _ in range(2):
        (curvature,) = pushforward([curvature], {x: constant(1.0)})
    equation, both = Graph([x, theta], {"residual": curvature + u}), Graph([x, theta], {"value": u, "slope": u * u})
    sources = (
        Pointwise("inside", equation, {"x": np.linspace(0, 1, 70)}),
        Pointwise("ends", both, {"x": np.linspace(-1, 1, 3)}),
    )
    arrays: dict[str, Any] = {name: variable(name, shape) for s in sources for name, shape in s.shapes.items()}
    loss = Graph(list(arrays.values()), {name: np.mean(array**2) for name, array in arrays.items()})
    return LossProgram(sources, loss, dict.fromkeys(arrays, 1.0), {name: name for name in arrays})


def _run_json(objective: LossProgram, phase: Phase) -> str:
    """A run of an optimiser whose turn is a graph."""
    asked = Minimisation(objective, np.zeros((1, 18)), phase, matrices=[(0, 2, 3)])
    return json.dumps(run_program(asked, asked.start()))


def workload() -> dict[str, str | list[float]]:
    """Program texts and data: objectives (of two trajectories, with points or given data), a solve each, a graph."""
    t: Any
    u: Any
    theta: Any
    t, u, theta, x = variable("t"), variable("u", (2,)), variable("theta", (18,)), variable("x", (2,))
    field = Graph([t, u, theta], {"du": np.stack([theta[17] * u[0], -u[1] + np.sin(t)]) + _network(u, theta)})
    initial = Graph([theta], {"u0": constant(np.ones((2, 2))) + theta[0]})
    observe = Graph([t, u, theta], {"u": u, "scaled": theta[1] * u[0]})
    times = np.linspace(0.1, 0.5, 4) * np.array([[1.0], [0.5]])
    solver = SolverSettings(name="tsit5")
    integration = Integration("a", field, initial, np.zeros(2), times, observe, solver)
    stiff = replace(integration, solver=SolverSettings("rodas5p"))
    points = Pointwise("p", Graph([theta, x], {"value": _network(x, theta)}), {"x": np.ones((3, 2))})
    states: Any
    scaled: Any
    values: Any
    states, scaled, values = variable("a.u", (2, 4, 2)), variable("a.scaled", (2, 4)), variable("p.value", (3, 2))
    data = constant(np.linspace(0.5, 1.5, 16).reshape(2, 4, 2))
    loss = Graph(
        [states, scaled, values, theta],
        {"fit": np.mean((states - data) ** 2) + np.mean(scaled), "size": np.sum(values**2) + np.sum(theta**2)},
    )
    objective = LossProgram((integration, points), loss, {"fit": 1.0, "size": 0.1})
    (rollout, rollouts), points_alone = _rollout_objective(), _points_objective()
    return {
        "objective": objective_json(objective),
        "objective_data": [*objective_data(objective).tolist(), 1.0, 0.1],
        "integration": source_json(integration),
        "stiff": source_json(stiff),
        "stiff_objective": objective_json(replace(objective, sources=(stiff, points))),
        "integration_data": source_data(integration).tolist(),
        "points_objective": objective_json(points_alone),
        "points_objective_data": [*objective_data(points_alone).tolist(), 1.0, 1.0, 1.0],
        "rollout_objective": objective_json(rollouts),
        "rollout_objective_data": [*objective_data(rollouts).tolist(), 1.0],
        "rollout": source_json(rollout),
        "rollout_data": source_data(rollout).tolist(),
        "evaluation": evaluation_json(points.graph, ["x"]),
        "adamw": _run_json(objective, AdamW(CosineDecay(1e-3), 3, clip=1.0)),
        "soap": _run_json(objective, SOAP(1e-3, 3, precondition_every=1)),
    }


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(json.dumps(workload(), indent=1) + "\n", encoding="utf-8")
