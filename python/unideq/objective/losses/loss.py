"""`Loss`: what one measurement's misfit costs, averaged over the measured values of a variable; the base of all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from ...checks import known_keys, mapping, number, settle
from ...errors import DataError
from ...graph import Expression, constant
from ...stored import Stored

__all__ = ["Likelihood", "Loss", "NoisyLikelihood", "mean_over"]


class Loss(Stored):
    """Base of losses. `weights` (variable → factor) and `scale` (variable → size) are shared by all.

    The scale of a variable is the standard deviation of its measurements, gross outliers left out, unless given.
    """

    family: ClassVar[str] = "loss"
    scale: Mapping[str, float]
    weights: Mapping[str, float]

    def elementwise(
        self, predicted: Expression, observed: Expression, scale: float, noise: Expression | None
    ) -> Expression:
        """Cost of each value; `noise` is the parameter of the distribution, for likelihoods that have one."""
        raise NotImplementedError

    @property
    def is_likelihood(self) -> bool:
        """Whether it is a negative log-likelihood: every value has one voice, instead of every variable."""
        return False

    def of_variable(self, variable: str) -> Loss:
        """The loss of one variable."""
        return self

    def __post_init__(self) -> None:
        for label in ("scale", "weights", "sigma"):
            if hasattr(self, label):
                settle(self, _by_variable, label)

    def check(self, names: tuple[str, ...]) -> None:
        """Complain about settings for variables that the data doesn't have."""
        for label in ("scale", "weights", "sigma"):
            known_keys(getattr(self, label, {}), names, f"data variable in `{label}`")

    def check_values(self, variable: str, values: np.ndarray) -> None:
        """Complain about measured values (NaN where none) that the loss isn't for."""


class Likelihood(Loss):
    """Base of negative log-likelihoods, constants dropped.

    Those with a `needs` refuse measured values that `possible` doesn't hold for.
    """

    needs: ClassVar[str] = ""

    @property
    def is_likelihood(self) -> bool:
        return True

    def possible(self, values: np.ndarray) -> np.ndarray:
        """Where values could have been measured at all."""
        return np.ones(values.shape, dtype=bool)

    def check_values(self, variable: str, values: np.ndarray) -> None:
        found = values[np.isfinite(values)]
        wrong = found[~self.possible(found)]
        if wrong.size:
            raise DataError(
                f"`{type(self).__name__}` needs {self.needs}, and `{variable}` was {wrong.flat[0]:g} "
                f"({wrong.size} of {found.size} values aren't). Leave such values out (NaN), or choose another loss, "
                'e.g. `loss="gaussian"`.'
            )


class NoisyLikelihood(Likelihood):
    """Base of likelihoods with a parameter of the noise: estimated for every variable as `noise.VARIABLE`.

    `sigma` (variable → the parameter) gives it where it is known; a first guess is `initial` times `noise_scale`.
    """

    noise_words: ClassVar[str] = ""
    """What `noise.VARIABLE` is."""
    relative: ClassVar[bool] = False
    """Whether that is a pure number, instead of one in the variable's units."""
    vanishes: ClassVar[bool] = True
    """Whether the likelihood has no maximum where all measurements are met exactly: the parameter goes to zero."""
    sigma: Mapping[str, float]
    initial: float

    def __post_init__(self) -> None:
        super().__post_init__()
        settle(self, number, "initial", above=0)

    def noise_scale(self, scale: float) -> float:
        """Size of the parameter of a variable of this scale."""
        return 1.0 if self.relative else scale


def _by_variable(value: Any, name: str, of: str) -> dict[str, float]:
    """Variable → number > 0."""
    given = mapping(value, name, of, needs="a dict variable → number")
    return {n: number(v, name, of, above=0, hint=f"That is what `{n}` was given.") for n, v in given.items()}


def mean_over(values: Expression, mask: np.ndarray) -> Expression:
    """Mean of the elements that the mask keeps."""
    count = float(mask.sum())
    if mask.all():
        return np.sum(values) * (1.0 / count)  # type: ignore[call-overload, operator]
    return np.sum(np.where(constant(mask), values, 0.0)) * (1.0 / count)  # type: ignore[call-overload, operator]
