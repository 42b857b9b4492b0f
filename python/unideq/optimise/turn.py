"""The turn of a first-order method as a graph, for an engine to compile."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from ..graph import Expression, Graph, variable
from .first_order import FirstOrder
from .matrices import Matrix

__all__ = ["FOUND", "RUN", "turn_graph"]

FOUND = ("total", "gradient", "norm", "good")
"""What an evaluation of the loss gives a turn; the gradient is (P,)."""
RUN = ("free", "decay", "iterations", "same_again", "moving")
"""What is the same in all turns of a run; the first two are (P,)."""


def turn_graph(phase: FirstOrder, size: int) -> Graph:
    """The turn of one seed with θ (size,).

    Inputs are `state.theta`, …, `found.total`, …, `run.free`, … and the phase's numbers, `setting.beta1`, …; outputs
    the state's new entries, `state.theta`, …, and `log.learning_rate` and `log.rejected`. All are float64, truths 0 or
    1.
    Entries of the state below `rule` aren't in it: they belong to what an engine does beside the turn.
    """
    return _turn(_Key(phase, size, phase.matrices))


class _Key:
    """What a turn is traced for: hashed by the phase's structure."""

    def __init__(self, phase: FirstOrder, size: int, matrices: tuple[Matrix, ...]) -> None:
        self.phase, self.size, self.matrices = phase, size, matrices
        self.content = (phase.structure, size, matrices)

    def __hash__(self) -> int:
        return hash(self.content)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Key) and self.content == other.content


@lru_cache(maxsize=64)
def _turn(key: _Key) -> Graph:
    phase, size = key.phase, key.size
    like = {n: v for n, v in phase.begin(np.zeros((1, size)), 0).items() if not n.startswith("rule")}
    state = {name: variable(f"state.{name}", value.shape[1:]) for name, value in like.items()}
    found = {name: variable(f"found.{name}", (size,) if name == "gradient" else ()) for name in FOUND}
    run = {name: variable(f"run.{name}", (size,) if name in ("free", "decay") else ()) for name in RUN}
    settings = {name: variable(f"setting.{name}", value.shape) for name, value in phase.numbers().items()}
    new, log = phase.with_numbers(settings, key.matrices).turn(state, found, run)
    outputs: dict[str, Expression] = {f"state.{name}": new.get(name, old) for name, old in state.items()}
    outputs |= {f"log.{name}": value + 0.0 for name, value in log.items()}
    inputs = [*state.values(), *found.values(), *run.values(), *settings.values()]
    return Graph(inputs, outputs)
