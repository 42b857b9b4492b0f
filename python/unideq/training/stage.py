"""What the settings of all fits have in common: phases and seeds checked, stages, and a run's fingerprint."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import OptionError, unknown
from ..objective import ObjectiveSpecification, Unrolled, objective_from_json
from .phase import PHASES, Phase, phase_from_settings

__all__ = [
    "Stage",
    "check_report_every",
    "checked_phases",
    "checked_seeds",
    "fingerprint_of",
    "phases_from_json",
    "phases_to_json",
]


@dataclass(frozen=True)
class Stage:
    """One uninterrupted run of one optimiser on one objective."""

    phase: Phase
    objective: ObjectiveSpecification
    iterations: int

    @property
    def label(self) -> str:
        """In words, for progress bars and figures: `Adam on Trajectory`, `Adam on Unrolled(4)`."""
        steps = f"({self.objective.steps})" if isinstance(self.objective, Unrolled) else ""
        return f"{type(self.phase).__name__} on {type(self.objective).__name__}{steps}"


def checked_phases(given: Any) -> tuple[Phase, ...]:
    """One phase or several as a tuple."""
    chosen: tuple[Any, ...] = (given,) if isinstance(given, (Phase, str)) else tuple(given)
    for p in chosen:
        if isinstance(p, str):
            raise unknown("optimiser", p, PHASES)
        if not isinstance(p, Phase):
            raise OptionError(f"`phases` needs e.g. `[Adam(1e-2, 1000), BFGS(500)]`, not {p!r}.")
    if not chosen:
        raise OptionError("`phases` is empty: give at least one, e.g. `[Adam(1e-2, 1000)]`.")
    return chosen


def checked_seeds(given: Any) -> tuple[int, ...]:
    """The seeds that a number of them or a list stands for."""
    numbers: Any = range(given) if isinstance(given, (int, np.integer)) and not isinstance(given, bool) else given
    try:
        members = tuple(int(s) for s in numbers)
    except TypeError:
        raise OptionError(f"`seeds` needs a number of seeds or a list of them, not {given!r}.") from None
    if not members or len(set(members)) < len(members) or min(members) < 0:
        raise OptionError(f"`seeds` needs at least one seed, all different and not negative, not {given!r}.")
    return members


def check_report_every(given: int) -> None:
    """Raise an `OptionError` where there is no such number of iterations."""
    if given < 1:
        raise OptionError(f"`report_every` needs a number of iterations >= 1, not {given!r}.")


def phases_to_json(phases: Sequence[Phase]) -> list[dict[str, Any]]:
    """Plain values, the phases' own objectives among them."""
    return [{**p.settings(), "objective": None if p.objective is None else p.objective.to_json()} for p in phases]


def phases_from_json(data: Sequence[Mapping[str, Any]]) -> tuple[Phase, ...]:
    """Inverse of `phases_to_json`."""
    return tuple(phase_from_settings({**p, "objective": objective_from_json(p["objective"])}) for p in data)


def fingerprint_of(*parts: Any) -> str:
    """Short hash of all that decides a run."""
    text = json.dumps(list(parts), sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
