"""Initial values as a model states them: known, estimated, read from the data, or the steady state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..checks import array as checked_array
from ..checks import known_arguments, mapping
from ..errors import ModelError
from .names import named_items, normal_keys
from .parameter import Parameter
from .state import State, StateTable

__all__ = ["Steady", "check_initial", "initial_from_json", "initial_to_json"]

STEADY = "steady"


@known_arguments
@dataclass(frozen=True, eq=False)
class Steady:
    """An initial value that is part of the steady state of the trajectory's inputs at its start.

    `ODE(..., initial="steady")` is one for each state. The system is followed from the guess until it rests. The
    value of an algebraic state is always solved for; a number given for it is such a guess.

    Parameters
    ----------
    guess
        Where to begin: a number or an array, in the state's units; default: its `scale`, else 1. Of several steady
        states, one that the system comes to from there is found.
    inputs
        Forcing or condition → the value that it had while the system rested, a number or an array, in its units. Those
        left out are as at the trajectory's start. Of all states: say it once, `initial=ude.Steady(inputs={...})`.

    Raises
    ------
    ModelError
        If an input isn't finite numbers.

    Examples
    --------
    >>> import unideq as ude
    >>> fed = lambda t, state, p: {"x": p.dose - p.rate * state.x}
    >>> rest = ude.Steady(inputs={"dose": 1.0})
    >>> model = ude.ODE(fed, ["x"], {"dose": ude.Condition(), "rate": 0.5}, initial=rest)
    >>> float(model.solve([0.0, 1.0], conditions={"dose": 3.0})["x"][0])
    2.0
    """

    guess: Any = None
    inputs: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        what = "a dict forcing or condition → its value at rest"
        given = normal_keys(mapping(self.inputs, "inputs", "Steady", needs=what, none=True, error=ModelError))
        checked = {n: checked_array(v, f"inputs: {n}", "Steady", error=ModelError) for n, v in given.items()}
        object.__setattr__(self, "inputs", checked)

    def of(self, state: State) -> np.ndarray:
        """The guess (*shape)."""
        return np.array(
            np.broadcast_to(self.guess if self.guess is not None else state.scale or 1.0, state.shape), float
        )


Initial = Parameter | Steady | np.ndarray | str
"""A `Parameter` (estimated), an array (known), the name of a coordinate of the data (known, one a trajectory), or the
steady state's."""


def check_initial(initial: Mapping[str, Any] | Steady | str | None, states: StateTable) -> dict[str, Initial]:
    """State → initial value, with shapes and signs that fit the states."""
    if isinstance(initial, Steady):
        initial = {s.name: initial for s in states}
    if isinstance(initial, str):
        if initial != STEADY:
            raise ModelError(f'`initial` needs a dict state → value, or `"{STEADY}"`, not {initial!r}.')
        return {s.name: Steady() for s in states}
    checked: dict[str, Initial] = {}
    for name, value in named_items("initial", "State", initial):
        state = states[name]
        if isinstance(value, str):
            checked[name] = value
            continue
        if isinstance(value, Steady):
            guess = 1.0 if value.guess is None else value.guess
            array = checked_array(guess, f"the guess of the steady {name}", error=ModelError)
            value = Steady(None if value.guess is None else array, value.inputs)
        elif isinstance(value, Parameter):
            if value.per is not None:
                raise ModelError(
                    f"The initial value of `{name}` is estimated for each trajectory by itself. Leave "
                    f"`per={value.per!r}` out."
                )
            array = value.array
        else:
            what = f"initial value of {name}"
            hint = "Or give a `Parameter`, or the name of a coordinate of the data."
            array = checked_array(value, what, finite=False, error=ModelError, hint=hint)
        if array.shape not in ((), state.shape):
            raise ModelError(f"The initial value of `{name}` has shape {array.shape}, not {state.shape}.")
        if not np.isfinite(array).all():
            raise ModelError(f"The initial value of `{name}` isn't finite.")
        # A known value may be zero; an estimated one is stored as a softplus, which can't.
        if state.positive and ((array <= 0) if isinstance(value, Parameter) else (array < 0)).any():
            raise ModelError(f"The initial value of `{name}` is {array}, but the state is declared positive.")
        checked[name] = value if isinstance(value, (Parameter, Steady)) else array
    decided = [s.name for s in states if s.algebraic]
    for name in decided:
        value = checked.get(name)
        if isinstance(value, (Parameter, str)):
            what = "is read from the data" if isinstance(value, str) else "is estimated"
            raise ModelError(
                f"The initial value of `{name}` {what}, but the state is algebraic: it follows from the others. "
                "Leave it out, or give a number where the search for it begins."
            )
        checked[name] = value if isinstance(value, Steady) else Steady(value)
    steady = [n for n, v in checked.items() if isinstance(v, Steady) and n not in decided]
    other = [n for n in states.names if n not in (*steady, *decided)]
    if steady and other:
        raise ModelError(
            f"`{steady[0]}` begins at its steady state and `{other[0]}` doesn't: a steady state is one of all states. "
            'Write `initial="steady"`, or a `ude.Steady(guess)` for each state.'
        )
    said = {n: checked[n].inputs or {} for n in steady}  # type: ignore[union-attr]
    for name, inputs in said.items():
        for input, value in inputs.items():
            if any(input in other and not np.array_equal(other[input], value) for other in said.values()):
                raise ModelError(
                    f"`{input}` has several values at rest, where the system has one: of `{name}` it is {value}. Say "
                    "it once."
                )
    return checked


def initial_to_json(initial: Mapping[str, Initial]) -> dict[str, Any]:
    """Plain data for `initial_from_json`."""
    return {name: _plain(value) for name, value in initial.items()}


def _plain(value: Initial) -> dict[str, Any]:
    if isinstance(value, Parameter):
        return value.to_json()
    if isinstance(value, Steady):
        inputs = {n: np.asarray(v).tolist() for n, v in (value.inputs or {}).items()}
        guess = None if value.guess is None else np.asarray(value.guess).tolist()
        return {STEADY: guess, **({"inputs": inputs} if inputs else {})}
    return {"known": value if isinstance(value, str) else value.tolist()}


def initial_from_json(data: Mapping[str, Any]) -> dict[str, Initial]:
    """Inverse of `initial_to_json`."""
    result: dict[str, Initial] = {}
    for name, item in data.items():
        if "known" in item:
            known = item["known"]
            result[name] = known if isinstance(known, str) else np.asarray(known, dtype=float)
        elif STEADY in item:
            result[name] = Steady(item[STEADY], item.get("inputs"))
        else:
            result[name] = Parameter(**item)
    return result
