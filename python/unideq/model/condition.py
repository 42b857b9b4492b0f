"""A known number of each trajectory (a domain length, a forcing's strength): read like a parameter, never trained."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..checks import array, known_arguments, mapping, number, settle, text
from ..errors import DataError, ModelError, unknown
from .names import normal_keys

__all__ = ["Condition", "combined", "condition_values", "with_combinations"]


@known_arguments
@dataclass(frozen=True)
class Condition:
    """A number that differs between trajectories and is known for each.

    Give it in `parameters=`; equations read it as `p.NAME`. Its values come from the data's coordinate or variable of
    that name along `trajectory`, or from `conditions=` of a solve or rollout; `default` stands where there are none.

    Parameters
    ----------
    default
        The number where a trajectory states none, in `units`; None: every trajectory must state its own.
    units, description
        For labels and reports.

    Raises
    ------
    ModelError
        If the default isn't one finite number.

    Examples
    --------
    >>> import unideq as ude
    >>> ude.Condition(1.0, units="m")
    Condition(default=1.0, units='m', description='')
    """

    default: float | None = None
    units: str = ""
    description: str = ""

    def __post_init__(self) -> None:
        settle(self, number, "default", none=True, error=ModelError)
        if self.default is not None:
            object.__setattr__(self, "default", float(self.default))
        settle(self, text, "units", "description", error=ModelError)

    @property
    def typical(self) -> float:
        """A number to look at equations with, where no trajectory says one."""
        return 1.0 if self.default is None else self.default

    @property
    def per(self) -> str | None:
        """The coordinate whose labels say the number, where it is a parameter by group."""
        return None

    @property
    def parts(self) -> tuple[str, ...]:
        """The coordinates whose combinations `per` labels; empty where it is one of its own."""
        return ()

    def of_labels(self, name: str, labels: Any) -> np.ndarray:
        """The numbers of groups, where it is a parameter by group."""
        raise NotImplementedError

    def check(self, name: str, values: np.ndarray) -> None:
        """Raise a `DataError` where the numbers can't be."""

    def missing(self, name: str) -> str:
        """What to say where there is no number."""
        return (
            f"Condition `{name}` has no default, and no value is given. Give it, e.g. `conditions={{{name!r}: 1.0}}`."
        )

    def __str__(self) -> str:
        shown = "one a trajectory" if self.default is None else f"{self.default:g}"
        return shown + (f" [{self.units}]" if self.units else "")

    def to_json(self) -> dict[str, Any]:
        """The arguments that make it again, as plain data."""
        return dict(self.__dict__)


def combined(labels: Iterable[Any]) -> str:
    """The label of a combination: `north 2020`."""
    return " ".join(f"{n:g}" if isinstance(n, float) else str(n) for n in labels)


def with_combinations(conditions: Mapping[str, Condition], stated: Mapping[str, Any]) -> dict[str, Any]:
    """Conditions as a user stated them, with the labels of combinations in place of those that they are made of.

    Raises
    ------
    DataError
        If one of these is missing.
    """
    found, used = dict(stated), set()
    for condition in conditions.values():
        parts = condition.parts
        said = [n for n in parts if n in stated]
        if not said or condition.per in stated:
            continue
        if len(said) < len(parts):
            missing = next(n for n in parts if n not in stated)
            raise DataError(f"`{said[0]}` alone labels no group: say `{missing}`, too, in `conditions`.")
        rows = np.broadcast_arrays(*(np.asarray(stated[n]) for n in parts))
        labels = [combined(row) for row in zip(*(r.reshape(-1).tolist() for r in rows), strict=True)]
        found[str(condition.per)] = np.reshape(labels, rows[0].shape)
        used |= set(parts)
    wanted = {*conditions, *(c.per for c in conditions.values())}
    return {n: v for n, v in found.items() if n not in used or n in wanted}


def condition_values(
    conditions: Mapping[str, Condition], values: Mapping[str, Any] | None, count: int | None = None
) -> dict[str, np.ndarray]:
    """Condition → values (B,), defaults filled in.

    Parameters
    ----------
    conditions
        The model's.
    values
        Condition → a number for all trajectories, or one a trajectory (B,). Coordinate → a label or labels (B,), whose
        values parameters by group take.
    count
        B; default: as many as the longest of the values.

    Raises
    ------
    DataError
        If a name is no condition, a value isn't finite or has another length, or there is none.
    """
    given: dict[str, np.ndarray] = {}
    named = normal_keys(mapping(values, "conditions", none=True, error=DataError))
    stated = with_combinations(conditions, named)
    labels = {c.per: stated[c.per] for c in conditions.values() if c.per in stated and c.per not in conditions}
    for name, condition in conditions.items():
        if condition.per in labels and name not in stated:
            stated[name] = condition.of_labels(name, labels[condition.per])
    for name, value in stated.items():
        if name in labels:
            continue
        if name not in conditions:
            raise unknown("condition", name, conditions, DataError)
        found = array(value, name, "conditions", error=DataError)
        if found.ndim > 1:
            raise DataError(f"Condition `{name}` needs one number a trajectory, not an array of shape {found.shape}.")
        if not found.size:
            raise DataError(f"Condition `{name}` is of no trajectory: it is empty.")
        conditions[name].check(name, found)
        given[name] = found
    if count is None:
        count = max((len(a) for a in given.values() if a.ndim), default=1)
    result = {}
    for name, condition in conditions.items():
        if name not in given and condition.default is None:
            raise DataError(condition.missing(name))
        found = given.get(name, np.asarray(condition.default))
        if found.ndim and len(found) not in (1, count):
            raise DataError(f"Condition `{name}` has {len(found)} values for {count} trajectories.")
        result[name] = np.broadcast_to(found, (count,)).astype(float)
    return result
