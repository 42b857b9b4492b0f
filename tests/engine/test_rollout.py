"""The memory that a rollout's gradient takes on JAX."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from unideq.engine.jax.objective import make_objective
from unideq.engine.jax.rollout import rollout_data
from unideq.graph import Graph, variable
from unideq.objective.program import LossProgram

from .conformance.test_rollout import DT, make

pytestmark = pytest.mark.usefixtures("double_precision")


def states_kept(steps: int, every: int, checkpoint: bool) -> float:
    """Temporary memory of the compiled gradient of a rollout of 2000 numbers, in states."""
    start = np.ones((1, 2000))
    options = {"steps": steps, "every": every, "checkpoint": checkpoint}
    rollout = make(lambda t, u, th: u + DT * np.sin(th[0] * np.tanh(u)), start, **options)
    seen = variable("sol.u", rollout.shapes["sol.u"])
    theta = rollout.step.input("theta")
    objective = LossProgram((rollout,), Graph([seen, theta], {"last": np.sum(seen[0, -1])}), {})
    loss = make_objective(objective)
    data = {"sources": [rollout_data(rollout)], "weights": np.ones(1)}
    compiled = jax.jit(jax.grad(lambda th: loss(th, data)[0])).lower(np.ones(1)).compile()
    memory = compiled.memory_analysis()
    assert memory is not None
    return memory.temp_size_in_bytes / start.nbytes


def test_a_checkpointed_rollout_keeps_square_root_as_many_states():
    """Four times the steps: four times the states, or twice as many; recorded ones are kept in any case."""
    few, many = states_kept(144, 144, False), states_kept(576, 576, False)
    assert 3.5 < many / few < 4.5
    few, many = states_kept(144, 144, True), states_kept(576, 576, True)
    assert many < 2.5 * few and many < 150
    few, many = (states_kept(m, 1, True) - m for m in (144, 576))
    assert many < 2.5 * few and many < 150
