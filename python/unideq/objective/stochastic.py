"""What objectives of `SDE`s share: that the model is one, and what they don't take."""

from __future__ import annotations

from typing import cast

from ..errors import OptionError
from ..model import SDE
from .estimation_problem import EstimationProblem
from .losses import SquaredError

__all__ = ["check_stochastic", "sde_of"]


def sde_of(problem: EstimationProblem) -> SDE:
    """The problem's model, which must have noise."""
    if not isinstance(problem.model, SDE):
        raise OptionError(
            f"This objective is for `SDE`s, and the model is {type(problem.model).__name__}, without noise. Take "
            "`ude.Trajectory()`, `ude.MultipleShooting()` or, for a stepper, `ude.Unrolled()`."
        )
    return cast(SDE, problem.model)


def check_stochastic(problem: EstimationProblem, who: str) -> None:
    """Refuse losses of measurements where states are taken as they were measured."""
    sde_of(problem)
    if problem.loss != SquaredError():
        raise OptionError(
            f"{who} takes measured states as they are, so it has no `loss`. Leave it out; `ude.FilterLikelihood()` "
            'with `loss="gaussian"` knows noise of the measurement.'
        )
