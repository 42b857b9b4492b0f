"""How a parameter spreads over a population of groups: around a typical value, by a distribution whose width is one
number."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np

from ..checks import flag, known_arguments, number, settle
from ..errors import ModelError
from ..stored import Stored, from_json, stored

__all__ = ["LogNormal", "Normal", "Spread"]


class Spread(Stored):
    """Base of `Normal` and `LogNormal`. The value of a group is made of the typical one, the width ω and the group's
    deviation η, which is standard normal."""

    family: ClassVar[str] = "spread"
    positive: ClassVar[bool] = False
    deviation: float
    free: bool

    def __post_init__(self) -> None:
        settle(self, number, "deviation", above=0, error=ModelError)
        settle(self, flag, "free", error=ModelError)

    def value(self, typical: Any, deviation: Any, eta: Any) -> Any:
        """Of a group."""
        raise NotImplementedError

    def slope(self, typical: Any, deviation: Any, eta: Any) -> Any:
        """Its derivative in η."""
        raise NotImplementedError

    def eta(self, typical: Any, deviation: Any, value: Any) -> Any:
        """The deviation η of a group with this value: the inverse of `value`."""
        raise NotImplementedError

    def at(self, deviation: float) -> Self:
        """The same distribution with another width."""
        return replace(self, deviation=deviation)  # type: ignore[type-var]

    @staticmethod
    def of(value: Any) -> Spread | None:
        """One as it is, or its JSON; None: none."""
        if isinstance(value, Mapping):
            return from_json(Spread, value)
        if value is None or isinstance(value, Spread):
            return value
        name = value.__name__ if isinstance(value, type) else type(value).__name__
        raise ModelError(f"`spread` needs e.g. `ude.LogNormal(0.3)` or `ude.Normal(0.5)`, not {name}.")


@stored
@known_arguments
@dataclass(frozen=True)
class Normal(Spread):
    """Normal around a typical value: typical + ω η, η standard normal.

    Parameters
    ----------
    deviation
        The standard deviation ω between groups, in the parameter's units: where training starts. `Laplace` estimates
        it; other phases keep it.
    free
        Whether it may be estimated.

    Examples
    --------
    >>> import unideq as ude
    >>> ude.Parameter(37.0, per="subject", spread=ude.Normal(0.4), units="°C")
    Parameter(37.0, units='°C', per='subject', spread=Normal(deviation=0.4, free=True))
    """

    kind: ClassVar[str] = "normal"
    deviation: float
    free: bool = True

    def value(self, typical: Any, deviation: Any, eta: Any) -> Any:
        return typical + deviation * eta

    def eta(self, typical: Any, deviation: Any, value: Any) -> Any:
        return (value - typical) / deviation

    def slope(self, typical: Any, deviation: Any, eta: Any) -> Any:
        return deviation + 0.0 * eta


@stored
@known_arguments
@dataclass(frozen=True)
class LogNormal(Spread):
    """Log-normal around a typical value, its median: typical · exp(ω η), η standard normal.

    Parameters
    ----------
    deviation
        The standard deviation ω of the logarithm between groups, about the coefficient of variation: where training
        starts. `Laplace` estimates it; other phases keep it.
    free
        Whether it may be estimated.

    Examples
    --------
    >>> import unideq as ude
    >>> ude.Parameter(0.1, positive=True, per="subject", spread=ude.LogNormal(0.3))
    Parameter(0.1, lower=0.0, per='subject', spread=LogNormal(deviation=0.3, free=True))
    """

    kind: ClassVar[str] = "log_normal"
    positive: ClassVar[bool] = True
    deviation: float
    free: bool = True

    def value(self, typical: Any, deviation: Any, eta: Any) -> Any:
        return typical * np.exp(deviation * eta)

    def eta(self, typical: Any, deviation: Any, value: Any) -> Any:
        return np.log(value / typical) / deviation

    def slope(self, typical: Any, deviation: Any, eta: Any) -> Any:
        return deviation * self.value(typical, deviation, eta)
