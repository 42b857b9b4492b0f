"""Named states and where each lies in the flat state vector u (n,)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..checks import array, flag, is_whole, known_arguments, mapping, number, sequence, settle, text
from ..errors import ModelError, unknown
from ..graph import Expression
from .names import check_name, normal, normal_keys

__all__ = ["State", "StateTable"]


@known_arguments
@dataclass(frozen=True)
class State:
    """One state variable.

    Parameters
    ----------
    name
        A Python identifier; filled in from the key where states are given as a dict.
    shape
        `()` for a scalar, or e.g. `100` or `(100,)` for an array.
    positive
        Whether estimated initial values and segment starts must stay above zero.
    units, description
        For labels.
    scale
        Size of the state's values, in its units, where data and initial values don't tell it: solvers' absolute
        tolerances follow it where it is below one. None: by the largest value known.
    algebraic
        Whether an equation without a derivative decides it: the right-hand side returns for it what shall be zero. Its
        initial value follows from the others' (one that is given is where the search begins).
    """

    name: str = ""
    shape: tuple[int, ...] = ()
    positive: bool = False
    units: str = ""
    description: str = ""
    scale: float | None = None
    algebraic: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", normal(self.name))
        given: Any = self.shape
        listed = tuple(given) if isinstance(given, (tuple, list, np.ndarray)) and np.ndim(given) else (given,)
        shape: tuple[Any, ...] = () if isinstance(given, (tuple, list)) and not given else listed
        if not all(is_whole(n, 1) for n in shape):
            raise ModelError(
                f"State `{self.name}` can't have shape {given!r}. Write `()` for a scalar, or e.g. `100` or `(10, 10)`."
            )
        object.__setattr__(self, "shape", tuple(int(n) for n in shape))
        settle(self, flag, "positive", "algebraic", error=ModelError)
        settle(self, text, "units", "description", error=ModelError)
        scale = number(self.scale, "scale", f"state `{self.name}`", above=0, none=True, error=ModelError)
        object.__setattr__(self, "scale", scale)

    @property
    def size(self) -> int:
        """Number of values."""
        return int(np.prod(self.shape, dtype=int))


class StateTable:
    """All states of a model, in order."""

    def __init__(self, states: Any) -> None:
        self.states = tuple(_collect(states))
        names = [s.name for s in self.states]
        if not names:
            raise ModelError('A model needs at least one state: `states=["x"]`.')
        for name in names:
            check_name("State", name)
        if len(set(names)) != len(names):
            raise ModelError(f"Two states share the name {sorted(n for n in names if names.count(n) > 1)[0]!r}.")
        starts = np.cumsum([0, *(s.size for s in self.states)])
        self.windows = {s.name: slice(int(a), int(a) + s.size) for s, a in zip(self.states, starts, strict=False)}
        self.size = int(starts[-1])

    @property
    def names(self) -> tuple[str, ...]:
        """The states' names, in the order in which u holds them."""
        return tuple(s.name for s in self.states)

    @property
    def algebraic(self) -> tuple[int, ...]:
        """The components of u that are algebraic."""
        return tuple(k for s in self.states if s.algebraic for k in range(self.size)[self.windows[s.name]])

    @property
    def component_names(self) -> list[str]:
        """What each component of u (n,) is called: `x`, `y[0]`."""
        return [s.name if s.size == 1 else f"{s.name}[{k}]" for s in self.states for k in range(s.size)]

    def __iter__(self) -> Any:
        return iter(self.states)

    def __len__(self) -> int:
        return len(self.states)

    def __getitem__(self, name: str) -> State:
        name = normal(name)
        for state in self.states:
            if state.name == name:
                return state
        raise unknown("state", name, self.names, ModelError)

    def split(self, u: Any) -> dict[str, Any]:
        """u (…, n) → name → (…, *shape); arrays or expressions."""
        if isinstance(u, Expression):
            return {s.name: u[..., self.windows[s.name]].reshape((*u.shape[:-1], *s.shape)) for s in self.states}
        u = np.asarray(u)
        return {s.name: u[..., self.windows[s.name]].reshape((*u.shape[:-1], *s.shape)) for s in self.states}

    def join(self, values: Mapping[str, Any], lead: tuple[int, ...] = ()) -> np.ndarray:
        """name → (*lead, *shape) arrays → u (*lead, n)."""
        values = normal_keys(mapping(values, "state", needs="a dict state → value", error=ModelError))
        for name in values:
            if name not in self.windows:
                raise unknown("state", name, self.names, ModelError)
        missing = [n for n in self.names if n not in values]
        if missing:
            raise ModelError(f"No value for state {', '.join(f'`{m}`' for m in missing)}.")
        u = np.empty((*lead, self.size))
        for s in self.states:
            found = array(values[s.name], s.name, "state", finite=False, error=ModelError)
            try:
                found = np.broadcast_to(found, (*lead, *s.shape))
            except ValueError:
                raise ModelError(f"State `{s.name}` needs shape {(*lead, *s.shape)}, not {found.shape}.") from None
            u[..., self.windows[s.name]] = found.reshape((*lead, s.size))
        return u


_ORDER = "Their order is the order of the equations."


def _collect(states: Any) -> Iterable[State]:
    if isinstance(states, (set, frozenset)):
        raise ModelError(
            f"`states` is a set, whose order differs from one Python to the next. Write a list: "
            f"`states={sorted(map(str, states))}`."
        )
    if isinstance(states, str):
        raise ModelError(f"`states` needs a list of names: write `states=[{states!r}]`.")
    if isinstance(states, Mapping):
        for name, value in states.items():
            if isinstance(value, State):
                yield replace(value, name=name)
            else:
                yield State(name, value)
        return
    for value in sequence(
        states, "states", needs="a list of names or a dict name → shape", error=ModelError, hint=_ORDER
    ):
        yield value if isinstance(value, State) else State(value)
