"""A named number (or array) of a model: free or fixed, with bounds and units."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ..checks import array as checked_array
from ..checks import flag, known_arguments, number, refused, sequence, settle, text
from ..errors import ModelError
from .spread import Spread

__all__ = ["Parameter"]


@known_arguments
@dataclass(frozen=True, eq=False)
class Parameter:
    """A physical parameter.

    Parameters
    ----------
    value
        Initial value: a number or an array, in `units`.
    positive
        Short for `lower=0`.
    lower, upper
        Bounds (exclusive). Bounded parameters are stored unconstrained (softplus for one bound, logit for two) and
        reported constrained.
    free
        Whether training may change it.
    units, description
        For labels and reports.
    per
        One value a group of trajectories: `trajectory`, or a coordinate of the data along it (`subject`, `site`), each
        of whose distinct labels is a group; several coordinates, `("site", "year")`, for one value a combination that
        occurs. The value is then one number, where all groups start. None: one for all.
    spread
        How the groups' values spread around a typical one, `LogNormal(0.3)` or `Normal(0.5)`: the value is then where
        the typical one starts, and each group deviates from it as far as its measurements ask for.

    Raises
    ------
    ModelError
        If the value isn't finite or lies outside the bounds.

    Examples
    --------
    >>> import unideq as ude
    >>> ude.Parameter(0.5, positive=True, units="1/yr")
    Parameter(0.5, lower=0.0, units='1/yr')
    """

    value: Any
    positive: bool = False
    lower: float | None = None
    upper: float | None = None
    free: bool = True
    units: str = ""
    description: str = ""
    per: str | tuple[str, ...] | None = None
    spread: Spread | None = None
    array: np.ndarray = field(init=False, repr=False)

    def __post_init__(self) -> None:
        array = checked_array(self.value, "value", "Parameter", finite=False, error=ModelError).copy()
        if not array.size:
            raise refused(self.value, "value", "Parameter", "one number at least", error=ModelError)
        object.__setattr__(self, "array", array)
        settle(self, flag, "positive", "free", error=ModelError)
        settle(self, text, "units", "description", error=ModelError)
        lower, upper = _bound("lower", self.lower), _bound("upper", self.upper)
        if self.positive:
            lower = 0.0 if lower is None else max(lower, 0.0)
        object.__setattr__(self, "lower", lower)
        object.__setattr__(self, "upper", upper)
        if not np.isfinite(array).all():
            raise ModelError(f"A parameter needs a finite initial value, not {self.value!r}.")
        if self.lower is not None and self.upper is not None and not self.lower < self.upper:
            raise ModelError(f"A parameter's lower bound {self.lower} isn't below its upper bound {self.upper}.")
        if self.lower is not None and (array <= self.lower).any():
            what = "positive" if self.lower == 0 else f"above its lower bound {self.lower}"
            raise ModelError(f"The initial value {array.tolist()!r} isn't {what}. Give a value inside the bounds.")
        if self.upper is not None and (array >= self.upper).any():
            raise ModelError(
                f"The initial value {array.tolist()!r} isn't below its upper bound {self.upper}. "
                "Give a value inside the bounds."
            )
        object.__setattr__(self, "spread", Spread.of(self.spread))
        if self.per is None:
            if self.spread is not None:
                raise ModelError(f'A `spread` is over groups: say which, `per="trajectory"`, with {self.spread!r}.')
            return
        object.__setattr__(self, "per", _coordinates(self.per))
        if not self.per or array.ndim:
            needs = "the name of a coordinate along `trajectory`, or `trajectory`" if array.ndim == 0 else "a number"
            raise ModelError(
                f"A parameter with `per={self.per!r}` needs {needs}: one number a group. For several numbers write "
                "several parameters."
            )
        self._check_spread()

    def _check_spread(self) -> None:
        """A distribution reaches all values that it could take, and no bound."""
        if self.spread is None:
            return
        name = type(self.spread).__name__
        if self.upper is not None or self.lower not in (None, 0.0):
            raise ModelError(f"`{name}` values have no bounds such as {self.lower} and {self.upper}. Leave them out.")
        if self.spread.positive and self.lower is None:
            raise ModelError(f"`{name}` values are positive. Write `positive=True`.")
        if not self.spread.positive and self.lower is not None:
            raise ModelError(
                f"`{name}` values may be negative: leave out `positive=True`, or write `ude.LogNormal(...)`."
            )

    def __repr__(self) -> str:
        parts = [repr(self.array.tolist())]
        parts += [f"{k}={getattr(self, k)!r}" for k in ("lower", "upper") if getattr(self, k) is not None]
        parts += [] if self.free else ["free=False"]
        parts += [f"{k}={getattr(self, k)!r}" for k in ("units", "description", "per", "spread") if getattr(self, k)]
        return f"Parameter({', '.join(parts)})"

    def moved(self, value: Any) -> Parameter:
        """The same parameter at another value; itself where the values are equal up to rounding.

        Raises
        ------
        ModelError
            If the value has another shape or lies outside the bounds.
        """
        try:
            array = np.broadcast_to(np.asarray(value, dtype=float), self.array.shape)
        except ValueError:
            raise ModelError(f"its shape is {self.array.shape}, not {np.shape(value)}.") from None
        if np.allclose(array, self.array, rtol=1e-14, atol=0.0):
            return self
        return replace(self, value=array, positive=False)

    def kept(self, free: bool) -> Parameter:
        """The same parameter, which training may change or not."""
        return replace(self, value=self.array, positive=False, free=free)

    def to_json(self) -> dict[str, Any]:
        """The arguments that make it again, as plain data."""
        return {
            "value": self.array.tolist(),
            "lower": self.lower,
            "upper": self.upper,
            "free": self.free,
            "units": self.units,
            "description": self.description,
            **({} if self.per is None else {"per": self.per}),
            **({} if self.spread is None else {"spread": self.spread.to_json()}),
        }


def _coordinates(per: Any) -> str | tuple[str, ...]:
    """`Parameter.per`: a name, or several."""
    if not isinstance(per, (list, tuple)):
        return text(per, "per", "Parameter", error=ModelError)
    needs = 'the name of a coordinate, or several, `("site", "year")`'
    names = sequence(per, "per", "Parameter", needs=needs, error=ModelError)
    for name in names:
        text(name, "per", "Parameter", empty=False, error=ModelError)
    if len(names) < 2 or len(set(names)) < len(names) or "trajectory" in names:
        raise refused(per, "per", "Parameter", needs, error=ModelError)
    return names


def _bound(label: str, value: Any) -> float | None:
    """A finite bound, or None where there is none (infinity included)."""
    if value is None:
        return None
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        found = float(value)
    else:
        found = float(number(value, label, "Parameter", none=True, error=ModelError))
    if np.isnan(found) or found == (np.inf if label == "lower" else -np.inf):
        raise ModelError(f"A parameter's {label} bound can't be {value!r}.")
    return found if np.isfinite(found) else None
