"""What every objective specification offers: further entries in θ, and the program that engines run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any, ClassVar, TypeVar

import numpy as np

from ..errors import FileFormatError, OptionError, unknown
from ..model import Entry, Stepper
from .problem import Problem
from .program import Batches, Objective

__all__ = ["ObjectiveSpecification", "objective_from_json", "register_objective"]

Evaluate = Callable[..., Mapping[str, np.ndarray]]
"""`Engine.evaluate`."""
_KINDS: dict[str, type[ObjectiveSpecification]] = {}
Kind = TypeVar("Kind", bound="type[ObjectiveSpecification]")


class ObjectiveSpecification:
    """Base of `Trajectory`, `MultipleShooting`, `Collocation`, `Unrolled`: plain settings that build an `Objective`."""

    kind: ClassVar[str] = ""

    def entries(self, problem: Problem) -> list[Entry]:
        """Quantities that this objective adds to θ (segment starts)."""
        return []

    def guesses(self, problem: Problem) -> dict[str, np.ndarray]:
        """Initial values of those entries."""
        return {}

    def check(self, problem: Problem) -> None:
        """Complain about a problem that the objective isn't for, before anything is compiled."""
        if isinstance(problem.model, Stepper):
            raise OptionError(
                f"`{type(self).__name__}` is for models continuous in time, and the model is a `Stepper`. Use "
                "`Unrolled()` or `Trajectory()`, or fit the stepper's own model."
            )

    def build(self, problem: Problem) -> Objective:
        """The program; `problem.layout` holds all entries."""
        raise NotImplementedError

    def batches(self, problem: Problem, evaluate: Evaluate, salt: int = 0) -> Batches | None:
        """Fresh data for every iteration; None where all iterations see the same data.

        Parameters
        ----------
        evaluate
            `Engine.evaluate`, for data that follow the parameters.
        salt
            Number of the stage: each shuffles in its own order.
        """
        return None

    def to_json(self) -> dict[str, Any]:
        """The settings as plain data, `kind` included; see `objective_from_json`."""
        values = {f.name: _lists(getattr(self, f.name)) for f in fields(self)}  # type: ignore[arg-type]
        return {"kind": self.kind, **values}


def register_objective(cls: Kind) -> Kind:
    """Class decorator: makes an objective readable from files."""
    _KINDS[cls.kind] = cls
    return cls


def objective_from_json(data: Mapping[str, Any] | None) -> ObjectiveSpecification | None:
    """Inverse of `to_json`."""
    if data is None:
        return None
    values = dict(data)
    kind = values.pop("kind", None)
    if kind not in _KINDS:
        raise unknown("objective", kind, _KINDS, FileFormatError)
    try:
        return _KINDS[kind](**{k: _tuples(v) for k, v in values.items()})
    except (OptionError, TypeError) as error:
        raise FileFormatError(f"The description of a `{kind}` objective is damaged: {error}.") from None


def _lists(value: Any) -> Any:
    return [_lists(v) for v in value] if isinstance(value, tuple) else value


def _tuples(value: Any) -> Any:
    return tuple(_tuples(v) for v in value) if isinstance(value, list) else value
