"""`Holdout`: which measurements training doesn't see."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..checks import is_number, known_arguments, number, refused, settle, whole
from ..errors import DataError, OptionError, unknown
from ..times import Clock, is_dated, model_time

__all__ = ["Holdout"]


@known_arguments
@dataclass(frozen=True)
class Holdout:
    """What training doesn't see.

    Parameters
    ----------
    fraction
        The last part of every trajectory's times, e.g. 0.25.
    after
        Measurements at times later than this; a date (or a span since the first date) where the data have dates.
    trajectories
        Whole trajectories, by label or index.
    patience
        Stop training after this many iterations without a lower held-out error, and report the parameters that had the
        lowest; None: train on.
    """

    fraction: float | None = None
    after: Any = None
    trajectories: tuple[Any, ...] = ()
    patience: int | None = None

    def __post_init__(self) -> None:
        given: Any = self.trajectories
        if isinstance(given, Mapping):
            raise refused(given, "trajectories", "Holdout", "a label, or a tuple of them")
        several = isinstance(given, (tuple, list, set, range, np.ndarray))
        labels = tuple(v.item() if isinstance(v, np.generic) else v for v in (given if several else (given,)))
        object.__setattr__(self, "trajectories", labels)
        settle(self, whole, "patience", least=1, none=True)
        if self.after is not None and not is_dated(self.after):
            object.__setattr__(self, "after", model_time(self.after, "`Holdout(after=...)`"))
        if self.fraction is not None:
            if not (is_number(self.fraction) and 0 < self.fraction < 1):
                raise OptionError(f"`Holdout(fraction=...)` needs a number between 0 and 1, not {self.fraction!r}.")
            object.__setattr__(self, "fraction", float(self.fraction))
        if self.fraction is None and self.after is None and not self.trajectories:
            raise OptionError("`Holdout` needs `fraction=`, `after=` or `trajectories=`.")

    @classmethod
    def of(cls, value: Any) -> Holdout | None:
        """None, a `Holdout`, or a number meaning the last fraction of the times."""
        if value is None or isinstance(value, Holdout):
            return value
        if is_number(value):
            return cls(fraction=number(value, "holdout", above=0, below=1))
        raise OptionError(f"`holdout` needs a fraction or a `Holdout`, not {value!r}.")

    def at(self, clock: Clock) -> Holdout:
        """The same with `after` as a model time."""
        if self.after is None or not is_dated(self.after):
            return self
        return replace(self, after=model_time(self.after, "`Holdout(after=...)`", clock))

    def chosen(self, labels: Sequence[Any]) -> tuple[int, ...]:
        """Indices of the trajectories that are held out altogether.

        Raises
        ------
        DataError
            If there is no such trajectory.
        """
        chosen = []
        for wanted in self.trajectories:
            if wanted in labels:
                chosen.append(list(labels).index(wanted))
            elif isinstance(wanted, (int, np.integer)) and -len(labels) <= wanted < len(labels):
                chosen.append(int(wanted) % len(labels))
            else:
                raise unknown("trajectory", wanted, labels, DataError)
        return tuple(chosen)

    def of_times(self, times: np.ndarray) -> np.ndarray:
        """(K,) bool: which times of a trajectory that isn't held out altogether are."""
        out = np.zeros(len(times), dtype=bool)
        if self.after is not None:
            out |= times > self.after
        if self.fraction is not None:
            # At least one time, but never the only one.
            count = min(max(1, round(self.fraction * len(times))), len(times) - 1)
            out[len(times) - count :] = True
        return out

    def to_json(self) -> dict[str, Any]:
        """The arguments that say what is held out, as plain data."""
        return {"fraction": self.fraction, "after": self.after, "trajectories": list(self.trajectories)}
