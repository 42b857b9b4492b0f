"""What every objective specification offers: further entries in θ, and the program that engines run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import ClassVar

import numpy as np

from ..errors import OptionError
from ..model import Entry
from ..stored import Stored
from .estimation_problem import EstimationProblem
from .program import Batches, LossProgram

__all__ = ["Objective"]

Evaluate = Callable[..., Mapping[str, np.ndarray]]
"""`Engine.evaluate`."""


class Objective(Stored):
    """Base of `Trajectory`, `MultipleShooting`, `Collocation`, `Unrolled`: settings that build a `LossProgram`."""

    family: ClassVar[str] = "objective"
    solves: ClassVar[bool] = True
    """Whether models continuous in time are solved for it."""

    def entries(self, problem: EstimationProblem) -> list[Entry]:
        """Quantities that this objective adds to θ (segment starts)."""
        return []

    def guesses(self, problem: EstimationProblem) -> dict[str, np.ndarray]:
        """Initial values of those entries."""
        return {}

    def check(self, problem: EstimationProblem) -> None:
        """Complain about a problem that the objective isn't for, before anything is compiled."""
        if not problem.model.continuous_in_time:
            raise OptionError(
                f"`{type(self).__name__}` is for models continuous in time, and the model is a `Stepper`. Use "
                "`Unrolled()` or `Trajectory()`, or fit the stepper's own model."
            )

    def build(self, problem: EstimationProblem) -> LossProgram:
        """The program; `problem.layout` holds all entries."""
        raise NotImplementedError

    def batches(self, problem: EstimationProblem, evaluate: Evaluate, salt: int = 0) -> Batches | None:
        """Fresh data for every iteration; None where all iterations see the same data.

        Parameters
        ----------
        evaluate
            `Engine.evaluate`, for data that follow the parameters.
        salt
            Number of the stage: each shuffles in its own order.
        """
        return None
