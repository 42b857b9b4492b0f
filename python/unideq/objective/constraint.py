"""`Constraint`: what a solution must keep to, by the augmented Lagrangian: multipliers in θ, moved between rounds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..checks import known_arguments, number, settle, whole
from ..errors import OptionError
from ..graph import Expression
from ..model import Entry
from .cost import Cost
from .losses import mean_over

__all__ = ["Constraint", "constraints_in"]

ENOUGH, GROWTH, MOST = 0.25, 5.0, 1e8
"""A round that leaves more than this share of the violation is followed by one with a penalty so many times as large,
up to so many times the first."""
NONE_YET = 1e30


@known_arguments
@dataclass(frozen=True)
class Constraint(Cost):
    """What a solution must keep to: f(t, state, p, net, forcing) below or above a bound, or equal to a number.

    An augmented Lagrangian (Hestenes 1969; Powell 1969; Rockafellar 1973): every phase is divided into rounds, and
    after each of them the multipliers, one for each trajectory and time, grow with what is still violated. So a
    constraint is kept, where a penalty of any weight is weighed against the goal.

    Parameters
    ----------
    function
        f, traced from NumPy as right-hand sides are; it may leave out its last arguments.
    weight
        Of the quadratic penalty in the first round, > 0: about the goal's size over the square of a violation that
        matters. It grows where the violation doesn't fall.
    over
        `times`: at each time of the data (between them nothing is asked). `end`: at a trajectory's last time.
        `integral`: ∫ f dt from its start to its last time, as a budget.
    below, above, equals
        The bound, in f's units: one of them.
    tolerance
        Largest violation that counts as none, in f's units; what is left is told.
    rounds
        Into how many rounds each phase is divided.

    Raises
    ------
    OptionError
        If there isn't one bound, or a setting is out of range.

    Examples
    --------
    >>> import unideq as ude
    >>> ude.Constraint(lambda t, state: state.speed, below=3.0).tolerance
    0.0001
    >>> ude.Constraint(lambda t, state: state.height, equals=0.0, over="end").over
    'end'
    """

    weight: float = 10.0
    below: float | None = None
    above: float | None = None
    equals: float | None = None
    tolerance: float = 1e-4
    rounds: int = 10

    def __post_init__(self) -> None:
        super().__post_init__()
        settle(self, number, "below", "above", "equals", none=True)
        settle(self, number, "tolerance", above=0)
        settle(self, whole, "rounds", least=1)
        if sum(b is not None for b in (self.below, self.above, self.equals)) != 1:
            raise OptionError(
                "`Constraint` needs one of `below`, `above` and `equals`. Between two bounds are two constraints: "
                '`cost={"low": ude.Constraint(f, above=0.0), "high": ude.Constraint(f, below=1.0)}`.'
            )

    @property
    def factor(self) -> float:
        return 1.0

    @property
    def words(self) -> str:
        """`≤ 3 at all times`."""
        bound = next(
            f"{sign} {b:g}" for sign, b in (("≤", self.below), ("≥", self.above), ("=", self.equals)) if b is not None
        )
        place = {"times": "at all times", "integral": "as an integral", "end": "at the end"}[self.over]
        return f"{bound} {place}"

    def excess(self, value: Any) -> Any:
        """What is violated: more than zero, or, of an equality, anything but zero."""
        if self.above is not None:
            return self.above - value
        return value - (self.equals if self.below is None else self.below)

    def chosen(self, values: Any, axis: int) -> Any:
        """What counts of values whose `axis` is time: all, or the last."""
        return values if self.over == "times" else values[(slice(None),) * axis + (-1,)]

    def term(
        self,
        values: Expression,
        counted: np.ndarray | None,
        last: np.ndarray | None,
        multipliers: Sequence[Expression] = (),
    ) -> Expression:
        """The mean of λ g + μ g² / 2, where that counts: inequalities do from g > −λ/μ on."""
        found: Any = self.chosen(values, 1)
        multiplier, penalty = multipliers
        pushed: Any = multiplier + penalty * self.excess(found)
        if self.equals is None:
            pushed = np.maximum(pushed, 0.0)
        cost: Any = (pushed**2 - multiplier**2) / (2.0 * penalty)
        return mean_over(cost, self._counted(found.shape, counted))

    def _counted(self, shape: tuple[int, ...], counted: np.ndarray | None) -> np.ndarray:
        """Which values (rows, times, …), or (rows, …), are real."""
        mask = np.ones(shape, dtype=bool)
        if counted is not None and self.over == "times":
            mask &= counted.reshape(counted.shape + (1,) * (len(shape) - counted.ndim))
        return mask

    def violation(self, values: np.ndarray, counted: np.ndarray) -> np.ndarray:
        """The largest one of each seed (S,), of values (S, rows, times, …)."""
        excess = np.asarray(self.excess(self.chosen(values, 2)))
        far = np.abs(excess) if self.equals is not None else np.maximum(excess, 0.0)
        return np.max(np.where(self._counted(far.shape[1:], counted), far, 0.0).reshape(len(far), -1), axis=1)

    def entries(self, name: str, rows: int, times: int) -> list[Entry]:
        """Where θ has multipliers, the penalty, and the violation after the last round."""
        assert self.graph is not None
        shape = self.graph.outputs["value"].shape
        own = {"times": (rows, times, *shape), "end": (rows, *shape), "integral": (rows,)}[self.over]
        return [
            Entry(f"multiplier.{name}", own, "multiplier", free=False, description=f"multipliers of {name}"),
            *(Entry(f"{part}.{name}", (), "penalty", free=False) for part in ("penalty", "violation")),
        ]

    def begin(self, name: str) -> dict[str, float]:
        """Their first values."""
        return {f"multiplier.{name}": 0.0, f"penalty.{name}": self.weight, f"violation.{name}": NONE_YET}

    def moved(
        self, name: str, known: Mapping[str, np.ndarray], values: np.ndarray, counted: np.ndarray
    ) -> dict[str, Any]:
        """Those (S, …) after a round whose solutions have these values (S, rows, times, …)."""
        multiplier, penalty, before = (known[f"{part}.{name}"] for part in ("multiplier", "penalty", "violation"))
        left = self.violation(values, counted)
        solved = np.isfinite(left)
        excess = self.excess(self.chosen(values, 2))
        pushed = multiplier + penalty.reshape(-1, *(1,) * (excess.ndim - 1)) * excess
        pushed = pushed if self.equals is not None else np.maximum(pushed, 0.0)
        slow = solved & (left > ENOUGH * before) & (left > self.tolerance)
        return {
            f"multiplier.{name}": np.where(solved.reshape(-1, *(1,) * (excess.ndim - 1)), pushed, multiplier),
            f"penalty.{name}": np.where(slow, np.minimum(GROWTH * penalty, MOST * self.weight), penalty),
            f"violation.{name}": np.where(solved, left, before),
        }

    def to_json(self) -> dict[str, Any]:
        bounds = {n: getattr(self, n) for n in ("below", "above", "equals") if getattr(self, n) is not None}
        return {**super().to_json(), "constraint": {**bounds, "tolerance": self.tolerance, "rounds": self.rounds}}


def constraints_in(costs: Mapping[str, Cost]) -> dict[str, Constraint]:
    """Those of the costs that are constraints."""
    return {n: c for n, c in costs.items() if isinstance(c, Constraint)}
