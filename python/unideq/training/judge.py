"""What mini-batch training is judged by: the loss of fixed windows, held-out ones where there are any.

The total of a mini-batch says as much about the batch as about the parameters, so the lowest one is luck.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..engine import Engine
from ..objective import EstimationProblem, Observations, Unrolled
from ..objective.black_box import HostRollouts
from ..objective.windowed import Windowed

__all__ = ["Judge", "windows_judge"]

Judge = Callable[[np.ndarray], np.ndarray]
"""θ (S, P) → totals (S,)."""


def windows_judge(engine: Engine, objective: Windowed, problem: EstimationProblem, everything: Observations) -> Judge:
    """The objective's total on its validation windows, without costs and regularisation.

    Parameters
    ----------
    problem
        With the training measurements.
    everything
        Training and held-out measurements together.
    """
    bare = objective.bare(problem)
    windows = objective.validation(bare, everything)
    program = objective.program(bare, windows)
    if not (isinstance(objective, Unrolled) and objective.follows(bare)):
        return lambda theta: np.asarray(engine.value(program, theta).total)
    source, targets = program.sources
    data = [dict(source.data), dict(targets.data)]
    rollouts = HostRollouts(objective, bare, engine.evaluate)

    def total(theta: np.ndarray) -> float:
        points, _ = rollouts.at(data, theta)
        return float(engine.value(program.with_data({source.name: points}), theta).total)

    return lambda theta: np.array([total(one) for one in theta])
