"""The marginal likelihood of a population, maximised: see `unideq.objective.laplace` for what it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..checks import known_arguments
from ..errors import OptionError
from ..objective.objective import Objective
from .phase import Phase
from .state import A, State, start_of

__all__ = ["Laplace", "LaplaceState"]


class LaplaceState(State[A]):
    """The state of `Laplace`."""

    inverse: A
    """Estimate of the inverse Hessian (P, P)."""


@known_arguments
@dataclass(frozen=True)
class Laplace(Phase):
    """Maximum likelihood of what a population has in common, the groups' own values integrated out by Laplace's
    approximation (FOCE with interaction, in the words of pharmacometrics).

    What is trained are typical values, spreads, noise, shared parameters and networks: all that is free and isn't the
    deviation of a group. Deviations are where each group's own cost is least, for every value of the former. BFGS steps
    on exact gradients, deviations that follow included. Parameters with a spread all need the same `per`. For models
    continuous in time, on whole solutions. Costs (`ude.Cost`) aren't part of it.

    The total is the mean cost of a measurement, as in other phases; `population` is what integrating over the
    deviations adds.

    Parameters
    ----------
    iterations
        Largest number of updates.
    tolerance
        Stops where the gradient's largest entry falls below it.

    References
    ----------
    Lindstrom & Bates 1990, Biometrics 46, 673; Wolfinger 1993, Biometrika 80, 791; Almquist, Leander & Jirstrand 2015,
    J. Pharmacokinet. Pharmacodyn. 42, 191 (gradients).

    Examples
    --------
    >>> import unideq as ude
    >>> [ude.BFGS(100), ude.Laplace(40)][1].iterations
    40
    """

    kind: ClassVar[str] = "laplace"
    on_host: ClassVar[bool] = True
    iterations: int = 100
    tolerance: float = 1e-6
    objective: Objective | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.objective is not None:
            raise OptionError("`Laplace` is an objective by itself, on whole solutions. Leave `objective` out.")

    def _begin(self, theta: np.ndarray, terms: int) -> LaplaceState[np.ndarray]:
        size = theta.shape[1]
        return {**start_of(theta), "inverse": np.full((len(theta), size, size), np.nan)}
