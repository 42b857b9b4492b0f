"""`Martingale`: the mean square by which Y misses g(X) on fresh paths, as a program that engines run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..checks import known_arguments, settle, whole
from ..errors import OptionError
from ..graph import Graph, variable
from ..noise import increments
from ..objective.objective import Evaluate, Objective
from ..objective.program import Batches, LossProgram, Pointwise
from ..residual.loss import mean_square
from ..stored import stored
from .path import Path
from .problem import BackwardProblem

__all__ = ["Martingale"]

VALIDATION = 1024
"""Paths that parameters are judged by."""
SOURCE = "paths"


@stored
@known_arguments
@dataclass(frozen=True)
class Martingale(Objective):
    """Mean square of g(X) − Y at the end of fresh paths, over g's variance; the objective of a `BackwardProblem`.

    Where a network is the solution (`learns="solution"`), of g(X) − u there, and of what Y lacks of u in every step.

    Parameters
    ----------
    paths
        In an iteration: half of them drawn, half the same with the other sign (an odd one is drawn).
    seed
        Of the paths. Those of an iteration depend on it and on the iteration alone.

    Examples
    --------
    >>> import unideq as ude
    >>> ude.Martingale(paths=128)
    Martingale(paths=128, seed=0)
    """

    kind: ClassVar[str] = "martingale"
    solves: ClassVar[bool] = False
    paths: int = 64
    seed: int = 0

    def __post_init__(self) -> None:
        settle(self, whole, "paths", least=2)
        settle(self, whole, "seed", least=0)

    def check(self, problem: Any) -> None:
        """Refuse other models."""
        if not isinstance(problem, BackwardProblem):
            raise OptionError("`Martingale` is the objective of a `BackwardProblem`.")

    def build(self, problem: Any) -> LossProgram:
        """The program at the first paths."""
        return self._program(problem, Draws(self, problem, 0)(0)[0])

    def validation(self, problem: Any) -> LossProgram:
        """The program on paths that are never trained on."""
        return self._program(problem, {"w": fresh_paths(problem, problem.steps, VALIDATION, self.seed, 0)})

    def batches(self, problem: Any, evaluate: Evaluate, salt: int = 0) -> Batches | None:
        """Fresh paths for every iteration."""
        return Draws(self, problem, salt)

    def _program(self, problem: BackwardProblem, data: Mapping[str, np.ndarray]) -> LossProgram:
        path, scale = Path(problem), 1.0 / problem.scales["terminal_spread"]
        if path.u is None:
            outputs = {"terminal": path.mismatch * scale}
        else:
            outputs = {"steps": path.local * scale, "terminal": (path.terminal - path.u[path.steps]) * scale}
        source = Pointwise(SOURCE, Graph((path.w, path.theta), outputs), data)
        arrays = {n: variable(f"{SOURCE}.{n}", source.shapes[f"{SOURCE}.{n}"]) for n in outputs}
        terms = {n: mean_square(a) for n, a in arrays.items()}
        loss = Graph(tuple(arrays.values()), terms)
        return LossProgram((source,), loss, dict.fromkeys(terms, 1.0), {n: f"{SOURCE}.{n}" for n in outputs})


class Draws:
    """Fresh paths as an engine takes them; see `unideq.objective.program.Batches`."""

    follows_theta = False

    def __init__(self, objective: Martingale, problem: BackwardProblem, salt: int) -> None:
        self._seed, self._paths = (objective.seed, salt), objective.paths
        self._shape, self._dt = (problem.steps, problem.noises), problem.horizon / problem.steps

    def __call__(self, iteration: int, theta: np.ndarray | None = None) -> list[dict[str, np.ndarray]]:
        """Increments of the paths of one iteration."""
        half = increments(self._seed, iteration, (self._paths - self._paths // 2, *self._shape), self._dt)
        return [{"w": np.concatenate([half, -half[: self._paths // 2]])}]


def fresh_paths(problem: BackwardProblem, steps: int, paths: int, seed: int, block: int) -> np.ndarray:
    """Increments (paths, steps, k) that no training sees: those have two numbers in front of the iteration's."""
    return increments((seed, 0, 1), block, (paths, steps, problem.noises), problem.horizon / steps)
