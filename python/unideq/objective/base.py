"""What every objective specification offers: further entries in θ, and the program that engines run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import ClassVar

import numpy as np

from ..errors import OptionError
from ..model import Entry
from ..stored import Stored
from .problem import Problem
from .program import Batches, Objective

__all__ = ["ObjectiveSpecification"]

Evaluate = Callable[..., Mapping[str, np.ndarray]]
"""`Engine.evaluate`."""


class ObjectiveSpecification(Stored):
    """Base of `Trajectory`, `MultipleShooting`, `Collocation`, `Unrolled`: plain settings that build an `Objective`."""

    family: ClassVar[str] = "objective"

    def entries(self, problem: Problem) -> list[Entry]:
        """Quantities that this objective adds to θ (segment starts)."""
        return []

    def guesses(self, problem: Problem) -> dict[str, np.ndarray]:
        """Initial values of those entries."""
        return {}

    def check(self, problem: Problem) -> None:
        """Complain about a problem that the objective isn't for, before anything is compiled."""
        if not problem.model.continuous_in_time:
            raise OptionError(
                f"`{type(self).__name__}` is for models continuous in time, and the model is a `Stepper`. Use "
                "`Unrolled()` or `Trajectory()`, or fit the stepper's own model."
            )

    def build(self, problem: Problem) -> Objective:
        """The program; `problem.layout` holds all entries."""
        raise NotImplementedError

    def batches(self, problem: Problem, evaluate: Evaluate, salt: int = 0) -> Batches | None:
        """Fresh data for every iteration; None where all iterations see the same data.

        Parameters
        ----------
        evaluate
            `Engine.evaluate`, for data that follow the parameters.
        salt
            Number of the stage: each shuffles in its own order.
        """
        return None
