"""Schedules: how the learning rate of a phase changes over its iterations."""

from __future__ import annotations

from dataclasses import dataclass

from ..checks import known_arguments, number, refused, sequence, settle, whole

__all__ = ["SCHEDULES", "CosineDecay", "ExponentialDecay", "PiecewiseConstant", "Schedule", "Warmup", "last_change"]


@known_arguments
@dataclass(frozen=True)
class ExponentialDecay:
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


@known_arguments
@dataclass(frozen=True)
class CosineDecay:
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


@known_arguments
@dataclass(frozen=True)
class PiecewiseConstant:
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


_SUCH_AS = {"boundaries": "(300, 600)", "factors": "(0.3, 0.3)"}


@known_arguments
@dataclass(frozen=True)
class Warmup:
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


Schedule = ExponentialDecay | CosineDecay | PiecewiseConstant | Warmup
SCHEDULES = {c.__name__: c for c in (ExponentialDecay, CosineDecay, PiecewiseConstant, Warmup)}
"""Name in files → class."""


def last_change(schedule: object) -> int:
    """The last iteration at which a schedule says something of its own: a phase needs to last longer."""
    if isinstance(schedule, Warmup):
        return schedule.iterations
    return schedule.boundaries[-1] if isinstance(schedule, PiecewiseConstant) else 0
