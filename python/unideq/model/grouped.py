"""A parameter with one value a group of trajectories: equations read it as they read a condition, training finds it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np

from ..errors import DataError, ModelError
from .condition import Condition
from .layout import Entry
from .parameter import Parameter

__all__ = ["Grouped", "check_groups", "grouped", "listing", "unknown_group"]


@dataclass(frozen=True)
class Grouped(Condition):
    """What `Parameter(..., per="subject")` is within a model: a number of each trajectory, which isn't known.

    Attributes
    ----------
    parameter
        Its guess, bounds, and whether it is trained.
    known
        Label of a group → its value, in a trained model.
    settled
        Whether typical value and spread keep their values: only the groups' own are found.
    """

    parameter: Parameter = field(default_factory=lambda: Parameter(1.0))
    known: Mapping[Any, float] = field(default_factory=dict)
    settled: bool = False

    @classmethod
    def of(cls, parameter: Parameter, known: Mapping[Any, float] | None = None, settled: bool = False) -> Self:
        """That of a declared parameter; trained ones know the values of their groups.

        New groups have the typical value, where there is a spread.
        """
        guess = None if known and parameter.spread is None else float(parameter.array)
        return cls(guess, parameter.units, parameter.description, parameter, dict(known or {}), settled)

    @property
    def per(self) -> str:
        """What the groups are labelled by: `trajectory`, a coordinate along it, or one that several make."""
        return "_".join(self.parts) or str(self.parameter.per)

    @property
    def parts(self) -> tuple[str, ...]:
        per = self.parameter.per
        return per if isinstance(per, tuple) else ()

    @property
    def typical(self) -> float:
        return float(np.median(list(self.known.values()))) if self.default is None else self.default

    def of_label(self, name: str, label: Any) -> float:
        """The value of a group; where the model isn't trained, the guess.

        Raises
        ------
        DataError
            If a trained model doesn't know the group.
        """
        if label in self.known:
            return float(self.known[label])
        if self.default is None:
            raise unknown_group(name, self.per, label, self.known)
        return self.default

    def of_labels(self, name: str, labels: Any) -> np.ndarray:
        found = np.asarray(labels)
        if not self.known:
            raise DataError(
                f"`{self.per}` says whose `{name}` to take, and the model isn't trained: it knows no group's. Give the "
                f"value, `conditions={{{name!r}: {self.typical:.3g}}}`."
            )
        return np.reshape([self.of_label(name, label) for label in found.reshape(-1).tolist()], found.shape)

    def check(self, name: str, values: np.ndarray) -> None:
        try:
            for value in values.reshape(-1):
                self.parameter.moved(value)
        except ModelError as error:
            raise DataError(f"`{name}`: {error}") from None

    def missing(self, name: str) -> str:
        """What to say where nobody says which group, or which value."""
        first = next(iter(self.known))
        return (
            f"`{name}` is one value a `{self.per}`, and it isn't said whose. Write "
            f"`conditions={{{self.per!r}: {first!r}}}` ({listing(self.known)}), or give the value, "
            f"`conditions={{{name!r}: {self.typical:.3g}}}`."
        )

    def entries(self, name: str, groups: int) -> list[Entry]:
        """Its views in θ: one value a group; or the typical value, the spread, and one deviation a group."""
        entry, spread, free = Entry.of_parameter(name, self.parameter, "group"), self.parameter.spread, not self.settled
        if spread is None:
            return [replace(entry, shape=(groups,))]
        free = free and self.parameter.free
        width, units = spread.deviation, "" if spread.positive else self.units
        words = f"deviations of {name} from the typical value, in spreads"
        return [
            replace(entry, name=f"typical.{name}", kind="parameter", free=free),
            Entry(f"spread.{name}", (), "spread", free and spread.free, 0.0, None, width, units, f"spread of {name}"),
            Entry(f"deviation.{name}", (groups,), "deviation", self.parameter.free, description=words),
        ]

    def guesses(self, name: str, labels: Sequence[Any]) -> dict[str, Any]:
        """Where those start, of groups with these labels: at what is known of them, else at the guess."""
        spread, value = self.parameter.spread, self.parameter.array
        own = np.array([self.known.get(label, float(value)) for label in labels])
        if spread is None:
            return {name: own}
        return {
            f"typical.{name}": value,
            f"spread.{name}": spread.deviation,
            f"deviation.{name}": spread.eta(float(value), spread.deviation, own),
        }

    def carrying(self, name: str, other: Grouped) -> Self:
        """The same with what another model's knows: values by label, typical value and spread.

        Raises
        ------
        ModelError
            If a value lies outside the bounds.
        """
        parameter, theirs = self.parameter, other.parameter
        try:
            if theirs.spread is not None:
                parameter = parameter.moved(theirs.array)
                if type(theirs.spread) is type(parameter.spread):
                    parameter = replace(parameter, spread=theirs.spread)
            self.check(name, np.array(list(other.known.values())))
        except (ModelError, DataError) as error:
            raise ModelError(f"Parameter `{name}`: {error}") from None
        return self.of(parameter, other.known, self.settled)

    def __str__(self) -> str:
        return f"{self.parameter!r}" + (f", {len(self.known)} groups trained" if self.known else "")

    def to_json(self) -> dict[str, Any]:
        """The parameter, and the groups' values as two lists."""
        known = {"labels": list(self.known), "values": list(self.known.values())} if self.known else {}
        return {"parameter": self.parameter.to_json(), **known, **({"settled": True} if self.settled else {})}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Inverse of `to_json`."""
        known = dict(zip(data.get("labels", ()), data.get("values", ()), strict=True))
        return cls.of(Parameter(**data["parameter"]), known, data.get("settled", False))


def grouped(conditions: Mapping[str, Condition]) -> dict[str, Grouped]:
    """Those of a model's conditions that are parameters by group."""
    return {n: c for n, c in conditions.items() if isinstance(c, Grouped)}


def check_groups(conditions: Mapping[str, Condition], names: Iterable[str]) -> None:
    """No coordinate of groups may have the name of something else in the model, or of something in results."""
    taken = {*names, *conditions, "time", "seed", "segment", "start", "held_out"}
    for name, condition in grouped(conditions).items():
        if condition.per in taken:
            raise ModelError(
                f"`{name}` is a parameter per `{condition.per}`, which isn't a coordinate that can label groups: the "
                "model or its results call something else so. Rename one of them."
            )


def unknown_group(name: str, per: str, label: Any, labels: Sequence[Any] | Mapping[Any, Any]) -> DataError:
    """The error of a group that a trained parameter has no value for."""
    return DataError(
        f"`{name}` is one value a `{per}`, and none was trained for {label!r}: there are {listing(labels)}. Give its "
        f"value, `conditions={{{name!r}: ...}}`."
    )


def listing(labels: Sequence[Any] | Mapping[Any, Any]) -> str:
    """Some labels, for messages."""
    shown = [repr(label) for label in labels]
    return ", ".join(shown[:6]) + (" …" if len(shown) > 6 else "")
