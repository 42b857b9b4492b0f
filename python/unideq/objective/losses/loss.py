"""`Loss`: what one measurement's misfit costs, averaged over the measured values of a variable; the base of all."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ...checks import known_keys, mapping, number, settle, text
from ...errors import DataError
from ...graph import Expression, constant
from ...stored import Stored

__all__ = ["Likelihood", "Loss", "Measurements", "NoisyLikelihood", "by_variable", "mean_over"]


@dataclass(frozen=True)
class Measurements:
    """The measurements of one variable, a row a trajectory or a piece of one.

    Attributes
    ----------
    variable
        Its name.
    labels, times
        Of the rows; (K,) times each.
    values
        (rows, longest K, *shape); NaN where not measured, and behind a row's end.
    beside
        What stands beside the values, by name; the same shapes.
    """

    variable: str
    labels: Sequence[Any]
    times: Sequence[np.ndarray]
    values: np.ndarray
    beside: Mapping[str, np.ndarray]


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

    @property
    def settings_by_variable(self) -> tuple[str, ...]:
        """Names of the settings that are dicts by variable; a loss from outside may have none."""
        return tuple(label for label in ("scale", "weights") if hasattr(self, label))

    @property
    def beside(self) -> dict[str, tuple[str, ...]]:
        """Variable that is read beside the data (standard deviations, limits) → the measured ones it belongs to."""
        found: dict[str, tuple[str, ...]] = {}
        for given in (getattr(self, label) for label in self.settings_by_variable):
            for name, aside in given.items():
                if isinstance(aside, str):
                    found[aside] = (*(n for n in found.get(aside, ()) if n != name), name)
        return found

    @property
    def limited(self) -> bool:
        """Whether some measurements may lie beyond a limit, and say no more than that."""
        return False

    @property
    def whole(self) -> bool:
        """Whether it is one of whole series, which can't be cut."""
        return False

    def of_variable(self, variable: str) -> Loss:
        """The loss of one variable."""
        return self

    def __post_init__(self) -> None:
        settle(self, by_variable, *(label for label in ("scale", "weights") if hasattr(self, label)))

    def check(self, names: tuple[str, ...]) -> None:
        """Complain about settings for variables that the data doesn't have."""
        for label in self.settings_by_variable:
            known_keys(getattr(self, label), names, f"data variable in `{label}`")

    def check_values(self, variable: str, values: np.ndarray) -> None:
        """Complain about exactly measured values (NaN where none) that the loss isn't for."""

    def check_beside(
        self, variable: str, values: np.ndarray, beside: Mapping[str, np.ndarray], where: Callable[[Any], str]
    ) -> None:
        """Complain about what stands beside the measured values (K, …); `where(place)` says where that is."""

    def is_exact(self, variable: str, values: np.ndarray, beside: Mapping[str, np.ndarray]) -> np.ndarray:
        """Where a value was measured, and not only a limit of it."""
        return np.isfinite(values)

    def kinds_of(
        self, variable: str, values: np.ndarray, beside: Mapping[str, np.ndarray]
    ) -> dict[str, tuple[np.ndarray, tuple[np.ndarray, ...]]]:
        """What is known of the measured values, `exact` or other kinds → where, and the arrays that say what."""
        return {"exact": (np.isfinite(values), (values,))}

    def cost_of_kind(
        self, kind: str, predicted: Expression, known: Sequence[Expression], scale: float, noise: Expression | None
    ) -> Expression:
        """What each value of a kind costs; `known`: its arrays."""
        return self.elementwise(predicted, known[0], scale, noise)

    def traced(self, shapes: Mapping[str, Sequence[tuple[int, ...]]]) -> Loss:
        """The same, ready for series of these shapes (K, *shape) by variable."""
        return self

    def mean_cost(
        self, predicted: Expression, measured: Measurements, scale: float, noise: Expression | None
    ) -> Expression:
        """Mean over the measured values, one at least, of what each costs; `predicted` has the shape of the values."""
        mask = np.isfinite(measured.values)
        # Unmeasured places hold a measured value, so that no loss function meets a number outside its domain there.
        filled = np.where(mask, measured.values, measured.values[mask][0])
        return mean_over(self.elementwise(predicted, constant(filled), scale, noise), mask)


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

    `sigma` (variable → the parameter, or the name of the variable that holds it for each measurement) gives it where it
    is known; a first guess is `initial` times `noise_scale`.
    """

    noise_words: ClassVar[str] = ""
    """What `noise.VARIABLE` is."""
    relative: ClassVar[bool] = False
    """Whether that is a pure number, instead of one in the variable's units."""
    vanishes: ClassVar[bool] = True
    """Whether the likelihood has no maximum where all measurements are met exactly: the parameter goes to zero."""
    sigma: Mapping[str, float | str]
    initial: float

    def __post_init__(self) -> None:
        super().__post_init__()
        settle(self, by_variable, "sigma", names=True)
        settle(self, number, "initial", above=0)

    @property
    def settings_by_variable(self) -> tuple[str, ...]:
        return (*super().settings_by_variable, "sigma")

    def check_beside(
        self, variable: str, values: np.ndarray, beside: Mapping[str, np.ndarray], where: Callable[[Any], str]
    ) -> None:
        name = self.sigma.get(variable)
        if not isinstance(name, str):
            return
        wrong = np.isfinite(values) & ~(beside[name] > 0)
        if wrong.any():
            place = np.argwhere(wrong)[0]
            raise DataError(
                f"`{name}`, the {self.noise_words} of `{variable}`, is {beside[name][tuple(place)]:g} {where(place)}. "
                f"Every measured value needs a positive one: fill it, or leave the value out (NaN)."
            )

    def noise_scale(self, scale: float) -> float:
        """Size of the parameter of a variable of this scale."""
        return 1.0 if self.relative else scale


def by_variable(value: Any, name: str, of: str, *, names: bool = False) -> dict[str, Any]:
    """Variable → number > 0, or (`names`) the name of the variable beside the data that holds the numbers."""
    needs = "a dict variable → number" + " or name of a variable beside the data" * names
    given = mapping(value, name, of, needs=needs)
    return {
        n: text(v, name, of, empty=False)
        if names and isinstance(v, str)
        else number(v, name, of, above=0, hint=f"That is what `{n}` was given.")
        for n, v in given.items()
    }


def mean_over(values: Expression, mask: np.ndarray) -> Expression:
    """Mean of the elements that the mask keeps."""
    count = float(mask.sum())
    if mask.all():
        return np.sum(values) * (1.0 / count)  # type: ignore[call-overload, operator]
    return np.sum(np.where(constant(mask), values, 0.0)) * (1.0 / count)  # type: ignore[call-overload, operator]
