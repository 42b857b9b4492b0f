"""Schedules: how the learning rate of a phase changes over its iterations.

`at(i, total)` is written in NumPy and is part of the optimiser's turn, which every engine compiles: there, i (from 0),
the number of iterations of the phase, and a schedule's own numbers are symbols.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..checks import known_arguments, number, refused, sequence, settle, whole
from ..stored import Stored, stored

__all__ = ["CosineDecay", "ExponentialDecay", "PiecewiseConstant", "Schedule", "Warmup"]


class Schedule(Stored):
    """Base of all schedules: a frozen dataclass of numbers with an `at`; defining one makes it readable from files."""

    family: ClassVar[str] = "schedule"
    tag: ClassVar[str] = "schedule"

    def __init_subclass__(cls) -> None:
        stored(cls)

    def at(self, i: Any, total: Any) -> Any:
        """The learning rate of iteration i (from 0) of a phase of `total` iterations."""
        raise NotImplementedError

    @property
    def last_change(self) -> int:
        """The last iteration at which it says something of its own: a phase needs to last longer."""
        return 0


@known_arguments
@dataclass(frozen=True)
class ExponentialDecay(Schedule):
    """learning rate · rateⁿ with n = iteration / every (continuous).

    Raises
    ------
    OptionError
        If `learning_rate` or `rate` isn't positive, or `every` isn't a whole number >= 1.
    """

    learning_rate: float
    rate: float
    every: int = 1

    def __post_init__(self) -> None:
        settle(self, number, "learning_rate", "rate", above=0)
        settle(self, whole, "every", least=1)

    def at(self, i: Any, total: Any) -> Any:
        """The learning rate of iteration i; see `Schedule.at`."""
        return self.learning_rate * self.rate ** (i / self.every)


@known_arguments
@dataclass(frozen=True)
class CosineDecay(Schedule):
    """From learning_rate down to learning_rate · final over the phase, along half a cosine.

    Raises
    ------
    OptionError
        If `learning_rate` isn't positive, or `final` not between 0 and 1.
    """

    learning_rate: float
    final: float = 0.01

    def __post_init__(self) -> None:
        settle(self, number, "learning_rate", above=0)
        settle(self, number, "final", least=0, most=1)

    def at(self, i: Any, total: Any) -> Any:
        """The learning rate of iteration i; see `Schedule.at`."""
        return _half_cosine(self.learning_rate, self.final, i / np.maximum(total - 1, 1))


@known_arguments
@dataclass(frozen=True)
class PiecewiseConstant(Schedule):
    """`learning_rate` first, then multiplied by `factors[i]` from iteration `boundaries[i]` on (cumulative).

    Raises
    ------
    OptionError
        If `learning_rate` or a factor isn't positive, there aren't as many factors as boundaries, or the boundaries
        don't rise.
    """

    learning_rate: float
    boundaries: tuple[int, ...]
    factors: tuple[float, ...]

    def __post_init__(self) -> None:
        settle(self, number, "learning_rate", above=0)
        for name, word, limits in (("boundaries", whole, {"least": 1}), ("factors", number, {"above": 0})):
            each = {"each": lambda v, w=word, n=name, k=limits: w(v, n, "PiecewiseConstant", **k)}
            settle(self, sequence, name, needs=f"a tuple such as `{_SUCH_AS[name]}`", least=1, **each)
        if any(b <= a for a, b in zip(self.boundaries, self.boundaries[1:], strict=False)):
            raise refused(self.boundaries, "boundaries", "PiecewiseConstant", "iterations that rise")
        if len(self.boundaries) != len(self.factors):
            needs = f"{len(self.boundaries)} numbers, one for each of its `boundaries`"
            raise refused(self.factors, "factors", "PiecewiseConstant", needs)

    def at(self, i: Any, total: Any) -> Any:
        """The learning rate of iteration i; see `Schedule.at`."""
        rate = self.learning_rate
        for k in range(len(self.boundaries)):
            rate = rate * np.where(i >= self.boundaries[k], self.factors[k], 1.0)
        return rate

    @property
    def last_change(self) -> int:
        """The last of the boundaries."""
        return self.boundaries[-1]


_SUCH_AS = {"boundaries": "(300, 600)", "factors": "(0.3, 0.3)"}


@known_arguments
@dataclass(frozen=True)
class Warmup(Schedule):
    """Linear rise from 0 to learning_rate over `iterations`, then half a cosine down to learning_rate · final.

    Raises
    ------
    OptionError
        If `learning_rate` isn't positive, `iterations` isn't a whole number >= 1, or `final` not between 0 and 1.
    """

    learning_rate: float
    iterations: int
    final: float = 0.01

    def __post_init__(self) -> None:
        settle(self, number, "learning_rate", above=0)
        settle(self, whole, "iterations", least=1)
        settle(self, number, "final", least=0, most=1)

    def at(self, i: Any, total: Any) -> Any:
        """The learning rate of iteration i; see `Schedule.at`."""
        # The first update already moves: the rise goes through (i + 1) / (rise + 1).
        top, rise = self.learning_rate, self.iterations
        falling = _half_cosine(top, self.final, (i - rise) / np.maximum(total - 1 - rise, 1))
        return np.where(i < rise, top * (i + 1) / (rise + 1), falling)

    @property
    def last_change(self) -> int:
        """The end of the rise."""
        return self.iterations


def _half_cosine(top: Any, final: Any, done: Any) -> Any:
    return top * (final + (1.0 - final) * 0.5 * (1.0 + np.cos(np.pi * np.clip(done, 0.0, 1.0))))
