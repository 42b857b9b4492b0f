"""Events as users declare them: a dose; any change of the state at a time, or where a function crosses zero."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..checks import choice, function, instance, known_arguments, number, sequence, settle, text
from ..errors import ModelError
from .names import normal

__all__ = ["Dose", "Event"]

DIRECTIONS = {"both": 0, "up": 1, "down": -1}
"""Which crossings of zero count → the sign of the slope there; 0: either."""


@known_arguments
@dataclass(frozen=True)
class Dose:
    """An amount that is added to a state at known times, at once (bolus) or over a while (infusion).

    Give it in `events=`. A word in place of numbers names a table in the data: a variable along `trajectory` and a
    dimension of its own, NaN behind a shorter row's end, or one number a trajectory.

    Parameters
    ----------
    state
        The state that it is added to, a scalar one.
    amount
        A number, one a time, or a word: a parameter (its gradient is found), a condition, else a table in the data.
    at
        A time, a list of times, or a table in the data.
    duration
        How long an infusion lasts, at the constant rate amount / duration: a number, one a time, or a table; 0 stands
        for a bolus. None: boluses.
    name
        In results; default: `STATE_dose`.

    Raises
    ------
    ModelError
        If a setting can't be used.

    Examples
    --------
    >>> import unideq as ude
    >>> ude.Dose("gut", amount="dose", at="dose_time").at
    'dose_time'
    """

    state: str
    amount: float | Sequence[float] | str
    at: float | Sequence[float] | str
    duration: float | Sequence[float] | str | None = None
    name: str = ""

    def __post_init__(self) -> None:
        settle(self, text, "state", error=ModelError, empty=False)
        settle(self, text, "name", error=ModelError)
        settle(self, told, "amount", "at")
        if self.duration is not None:
            settle(self, told, "duration")
            if not isinstance(self.duration, str) and (np.asarray(self.duration) < 0).any():
                raise ModelError(f"`duration` of `Dose` is {self.duration}: an infusion can't take negative time.")


@known_arguments
@dataclass(frozen=True)
class Event:
    """A change of the state at known times, or where a function of the state crosses zero.

    Give it in `events=`. Solvers stop there exactly, and gradients go through: where the moment depends on the state,
    its own sensitivity is part of them.

    Parameters
    ----------
    change
        `f(t, state, p, net, forcing)` (trailing arguments may be left out), written in NumPy; returns the values of the
        states just after the event, as a dict; states left out stay.
    at
        A time, a list of times, or the name of a table in the data.
    when
        `f(t, state, p, net, forcing)` → a number, whose crossings of zero are the event; instead of `at`.
    direction
        Of `when`: crossings `up`, `down`, or `both`.
    values
        Names of further tables beside `at`, one number an event: `change` reads them as `p.NAME`.
    name
        In results; default: the name of the function `change`.

    Raises
    ------
    ModelError
        If a setting can't be used, or not exactly one of `at` and `when` is given.

    Examples
    --------
    >>> import unideq as ude
    >>> bounce = lambda t, state, p: {"height": 0.0, "speed": -p.restitution * state.speed}
    >>> ude.Event(bounce, when=lambda t, state: state.height, direction="down", name="bounce").direction
    'down'
    """

    change: Callable[..., Any]
    at: float | Sequence[float] | str | None = None
    when: Callable[..., Any] | None = None
    direction: str = "both"
    values: Sequence[str] = ()
    name: str = ""

    def __post_init__(self) -> None:
        settle(self, function, "change", needs="a function f(t, state, p) → dict state → value", error=ModelError)
        settle(self, choice, "direction", choices=DIRECTIONS, error=ModelError)
        settle(self, text, "name", error=ModelError)
        listed = [self.values] if isinstance(self.values, str) else self.values
        names = sequence(listed, "values", "Event", needs="names of tables in the data", error=ModelError)
        settled = tuple(normal(text(n, "values", "Event", error=ModelError, empty=False)) for n in names)
        object.__setattr__(self, "values", settled)
        if (self.at is None) == (self.when is None):
            given = "neither" if self.at is None else "both"
            raise ModelError(
                f"`Event` needs `at`, known times, or `when`, a function that crosses zero; {given} is given."
            )
        if self.at is not None:
            settle(self, told, "at")
            if self.direction != "both":
                raise ModelError("`direction` of `Event` belongs to `when`: known times have none. Leave it out.")
        else:
            settle(self, function, "when", needs="a function f(t, state, p) → number", error=ModelError)
            if self.values:
                raise ModelError("`values` of `Event` are tables beside `at`: an event that is found has none.")


def told(value: Any, name: str, of: str = "") -> Any:
    """A number, a list of numbers (as a tuple), or the name of a table."""
    if isinstance(value, str):
        return normal(text(value, name, of, empty=False, error=ModelError))
    if isinstance(value, (list, tuple, np.ndarray)) and np.ndim(value) == 1:
        if not len(value):
            raise ModelError(f"`{name}` of `{of}` is an empty list. Leave the event out.")
        return tuple(float(number(v, name, of, error=ModelError)) for v in value)
    needs = "a number, a list of numbers, or the name of a table in the data"
    instance(value, (int, float, np.number), name, of, needs=needs, error=ModelError)
    return float(number(value, name, of, error=ModelError))
