"""What a latent model's encoder says of series: codes, and where solutions begin, for every seed."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..engine import Engine
from ..graph import Graph, variable
from ..objective import EstimationProblem
from ..objective.encoded import encoder_source, latent_of
from ..objective.program import Rollout

__all__ = ["begins", "codes"]


def codes(problem: EstimationProblem, engine: Engine, theta: np.ndarray) -> dict[str, np.ndarray]:
    """`mean` and, where the encoder gives distributions, `log_deviation` of every series' code at θ (S, P), as arrays
    (S, series, encoded)."""
    assert problem.rows_read is not None
    source: Any = encoder_source(problem, problem.rows_read)
    if isinstance(source, Rollout):
        found = engine.rollout(source, theta).arrays
        return {name.removeprefix("encode."): values[:, :, 0] for name, values in found.items()}
    rows = [engine.evaluate(source.graph, {"theta": one, **source.data}, mapped=("w",)) for one in theta]
    return {name: np.stack([row[name] for row in rows]) for name in rows[0]}


def begins(problem: EstimationProblem, engine: Engine, theta: np.ndarray) -> np.ndarray:
    """θ (S, P) with `initial.STATE` as the encoder has it there: the means of its codes, made states."""
    model, means = latent_of(problem), codes(problem, engine, theta)["mean"]
    code, filled = variable("code", means.shape[1:]), []
    states = Graph((code,), model.begin(code))
    for one, mean in zip(theta, means, strict=True):
        found = states.evaluate({"code": mean})
        values = {f"initial.{s.name}": found[s.name].reshape(len(mean), *s.shape) for s in model.begun}
        filled.append(problem.layout.pack(values, one))
    return np.stack(filled)
