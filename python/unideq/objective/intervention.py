"""`Intervention`: other inputs than a trajectory had, by what is done to them; and the rows that solves then read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np

from ..checks import instance, known_arguments, mapping, number, refused, sequence
from ..errors import DataError, OptionError, unknown
from ..graph.operations.interpolation import COLUMNS
from ..model import Model
from ..model.names import normal_keys
from ..model.own_forcing import stacked_rows
from .own_events import infusions

__all__ = ["NOTHING", "Intervention", "altered"]

NEEDS = 'a dict input → what is added, e.g. `{"x": 1.0}`, or a `ude.Intervention(...)`'


@known_arguments
@dataclass(frozen=True)
class Intervention:
    """What is done to the inputs of a trajectory: its own forcings and its conditions.

    Parameters
    ----------
    add
        Input → number that is added to what the trajectory has, in the input's units.
    set
        Input → number that it has instead.
    during
        (first, last): model times within which forcings are changed; outside they are what they were. Steps have their
        stops there. None: all the time. A condition is one number, and has no times.

    Raises
    ------
    OptionError
        If nothing is a number, the times don't increase, or an input is added to and set.

    Examples
    --------
    >>> import unideq as ude
    >>> ude.Intervention(add={"feed": 1.0}, during=(2.0, 4.0))
    Intervention(feed + 1 during 2 … 4)
    >>> ude.Intervention(set={"temperature": 37.0})
    Intervention(temperature = 37)
    """

    add: Mapping[str, float] = field(default_factory=dict)
    set: Mapping[str, float] = field(default_factory=dict)
    during: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        own = "Intervention"
        for name in ("add", "set"):
            given = mapping(getattr(self, name), name, own, needs="a dict input → number", none=True)
            values = {n: float(number(v, f"{name}: {n}", own)) for n, v in normal_keys(given).items()}
            object.__setattr__(self, name, values)
        both = [n for n in self.add if n in self.set]
        if both:
            raise OptionError(f"`Intervention` adds to `{both[0]}` and sets it. Give one of the two.")
        if self.during is None:
            return
        times = sequence(self.during, "during", own, needs="(first, last), two model times", least=2)
        first, *more = (float(number(t, "during", own, hint="Give model times, numbers.")) for t in times)
        if len(more) != 1 or more[0] <= first:
            raise refused(self.during, "during", own, "(first, last), two times that increase")
        object.__setattr__(self, "during", (first, more[0]))

    @classmethod
    def of(cls, value: Any, name: str, of: str = "") -> Self:
        """A dict (what is added), or an `Intervention`."""
        if isinstance(value, Mapping):
            return cls(add=value)
        return instance(value, cls, name, of, needs=NEEDS)

    @property
    def inputs(self) -> tuple[str, ...]:
        """What it changes."""
        return (*self.add, *self.set)

    @property
    def key(self) -> tuple[Any, ...]:
        """Equal for those that do the same."""
        parts = (tuple(sorted(d.items())) for d in (self.add, self.set))
        return *parts, self.during

    def check(self, model: Model, where: str) -> None:
        """Complain about inputs that a model doesn't have; `where`: who asks.

        Raises
        ------
        OptionError
            Names the inputs that there are.
        """
        infused = infusions(model.triggers)
        forcings = [n for n in model.inputs if n not in infused]
        conditions = [n for n, c in model.conditions.items() if c.per is None]
        for name in self.inputs:
            if name in model.forcing.outputs:
                raise OptionError(
                    f"{where} changes `{name}`, which is part of the model, one for all. Let trajectories have it of "
                    f"their own: `forcings=[{name!r}]`, with the values in the data."
                )
            if name in conditions and self.during is not None:
                raise OptionError(
                    f"{where} changes `{name}` for a time, and a condition is one number of a trajectory. Leave out "
                    "`during`, or make it a forcing."
                )
            if name in forcings or name in conditions:
                continue
            kind = (
                "a parameter, which isn't an input: make it a `ude.Condition()`"
                if name in (*model.parameters, *model.grouped)
                else "a state: its initial value isn't an input"
                if name in model.states.names
                else "an infusion of the events, whose tables aren't changed"
                if name in infused
                else None
            )
            if kind is not None:
                raise OptionError(f"{where} changes `{name}`, {kind}.")
            if not (forcings or conditions):
                raise OptionError(
                    f"{where} changes `{name}`, and the model reads no input of a trajectory's own: no "
                    f"`forcings=[{name!r}]`, no `ude.Condition()`."
                )
            raise OptionError(f"{unknown('input', name, [*forcings, *conditions])} Changed by {where}.")

    def check_within(self, label: Any, start: float, end: float, where: str) -> None:
        """Complain where it changes nothing in a trajectory solved from `start` to `end`."""
        if self.during is not None and (self.during[0] >= end or self.during[1] <= start):
            raise DataError(
                f"{where} happens during {self.during[0]:g} … {self.during[1]:g}, and trajectory {label!r} is solved "
                f"from {start:g} to {end:g}: it would change nothing. Give other times, or none."
            )

    def changed(self, name: str, columns: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """A forcing's pieces (breaks, anchors, coefficients of one row), changed."""
        breaks, anchors, coefficients = (np.array(columns[key], dtype=float) for key in COLUMNS)
        if self.during is None:
            inside = np.ones(len(anchors), dtype=bool)
        else:
            for at in self.during:
                place = int(np.searchsorted(breaks, at))
                if place == len(breaks) or breaks[place] != at:
                    breaks = np.insert(breaks, place, at)
                    anchors = np.insert(anchors, place, anchors[place])
                    coefficients = np.insert(coefficients, place, coefficients[:, place], axis=1)
            begins = np.concatenate([[-np.inf], breaks])
            inside = (begins >= self.during[0]) & (begins < self.during[1])
        if name in self.set:
            coefficients[:, inside] = 0.0
        coefficients[0, inside] += self.set.get(name, self.add.get(name, 0.0))
        return {"breaks": breaks, "anchors": anchors, "coefficients": coefficients}

    def to_json(self) -> dict[str, Any]:
        """The arguments that make it again, as plain data."""
        during = None if self.during is None else list(self.during)
        return {"add": dict(self.add), "set": dict(self.set), "during": during}

    def __str__(self) -> str:
        done = [f"{n} {'-' if v < 0 else '+'} {abs(v):g}" for n, v in self.add.items()]
        done += [f"{n} = {v:g}" for n, v in self.set.items()]
        when = "" if self.during is None or not done else f" during {self.during[0]:g} … {self.during[1]:g}"
        return (", ".join(done) or "nothing done") + when

    def __repr__(self) -> str:
        return f"Intervention({self})"


NOTHING = Intervention()
"""What a trajectory had."""


def altered(
    model: Model,
    constants: np.ndarray | None,
    tables: Mapping[str, Mapping[str, Any]],
    rows: Sequence[int],
    interventions: Sequence[Intervention],
) -> tuple[np.ndarray | None, dict[str, dict[str, Any]]]:
    """Constants (N, q) and tables of forcings, a row for each intervention on one of some trajectories.

    Parameters
    ----------
    constants, tables
        Of the trajectories: what graphs read as `c` (T, q), and forcing → its tables.
    rows
        Which trajectory each is done in (N,).
    interventions
        What is done (N,).
    """
    found = None if constants is None else constants[list(rows)].copy()
    for k, name in enumerate(model.conditions):
        for n, done in enumerate(interventions):
            if found is not None and name in done.inputs:
                found[n, k] = done.set.get(name, found[n, k] + done.add.get(name, 0.0))
    if found is not None and model.inputs:
        found[:, -1] = np.arange(len(rows))
    made = {}
    for name, table in tables.items():
        parts = []
        for row, done in zip(rows, interventions, strict=True):
            own = _trimmed({key: table[key][row] for key in COLUMNS})
            parts.append(done.changed(name, own) if name in done.inputs else own)
        made[name] = {**stacked_rows(parts), "label": table["label"]}
    return found, made


def _trimmed(columns: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The pieces of one row, without the repetitions at its end."""
    breaks = np.asarray(columns["breaks"])
    count = int(np.argmax(breaks == breaks[-1])) + 1
    return {
        "breaks": breaks[:count],
        "anchors": columns["anchors"][: count + 1],
        "coefficients": columns["coefficients"][:, : count + 1],
    }
