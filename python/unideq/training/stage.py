"""What the settings of all fits have in common: phases and seeds checked, stages, and a run's fingerprint."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from ..checks import instance, is_whole, refused, sequence
from ..errors import OptionError, unknown
from ..objective import Objective, Unrolled
from ..optimise import Phase, Schedule
from ..stored import members

__all__ = [
    "Stage",
    "checked_phases",
    "checked_seeds",
    "fingerprint_of",
]


@dataclass(frozen=True)
class Stage:
    """One uninterrupted run of one optimiser on one objective."""

    phase: Phase
    objective: Objective
    iterations: int

    @property
    def label(self) -> str:
        """In words, for progress bars and figures: `Adam on Trajectory`, `Adam on Unrolled(4)`."""
        steps = f"({self.objective.steps})" if isinstance(self.objective, Unrolled) else ""
        if self.phase.on_host:
            return type(self.phase).__name__
        return f"{type(self.phase).__name__} on {type(self.objective).__name__}{steps}"


def checked_phases(given: Any) -> tuple[Phase, ...]:
    """One phase or several as a tuple."""
    if isinstance(given, (list, tuple)) and not given:
        raise OptionError("`phases` is empty: give at least one, e.g. `[ude.Adam(1e-2, 1000)]`.")
    needs = "a phase or a list of them, such as `[ude.Adam(1e-2, 1000), ude.BFGS(500)]`"
    chosen = tuple(given) if isinstance(given, (list, tuple)) else (given,)
    for phase in chosen:
        if isinstance(phase, str):
            names = [cls.__name__ for cls in members(Phase).values()]
            found = next((name for name in names if name.lower() == phase.lower()), None)
            raise (
                unknown("optimiser", phase, names)
                if found is None
                else refused(phase, "phases", "", needs, hint=f"Write `ude.{found}(...)`.")
            )
        instance(phase, Phase, "phases", needs=needs)
        rate = getattr(phase, "learning_rate", None)
        last = rate.last_change if isinstance(rate, Schedule) else 0
        if last >= phase.iterations:
            schedule = type(rate).__name__
            raise OptionError(
                f"The `{schedule}` of `{type(phase).__name__}` changes the learning rate up to iteration {last}, and "
                f"the phase has {phase.iterations}. Give it more iterations, or the schedule fewer."
            )
    return chosen


def checked_seeds(given: Any) -> tuple[int, ...]:
    """The seeds that a number of them or a list stands for."""
    needs = "a number of seeds >= 1, or a list of different ones >= 0"
    if is_whole(given, 1):
        return tuple(range(int(given)))
    members = sequence(given, "seeds", needs=needs, least=1)
    if len(set(map(repr, members))) < len(members) or not all(is_whole(s, 0) and s < MOST for s in members):
        raise refused(given, "seeds", "", needs)
    return tuple(int(s) for s in members)


MOST = 2**63
"""Seeds are below this: files keep them as 64-bit integers."""


def fingerprint_of(*parts: Any) -> str:
    """Short hash of all that decides a run."""
    text = json.dumps(list(parts), sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
