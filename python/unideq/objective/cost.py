"""`Cost`: a goal that needs no measurements: what of a solution shall be small, along it or at its end."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..checks import choice, function, instance, known_arguments, mapping, number, settle
from ..errors import FileFormatError, OptionError
from ..graph import Expression, Graph, from_json, to_json
from .losses import mean_over

if TYPE_CHECKING:
    from ..model import Model

__all__ = ["Cost", "cost_terms", "costs_of"]

OVER = ("times", "integral", "end")
TAKES = "a function of (t, state, p, net, forcing)"


@known_arguments
@dataclass(frozen=True)
class Cost:
    """A term of what is minimised, from a function of the solution: effort, distance from a target, a broken wish.

    `weight` times f(t, state, p, net, forcing), averaged over the trajectories and over the elements of what f returns.

    Parameters
    ----------
    function
        f, traced from NumPy as right-hand sides are; it may leave out its last arguments.
    weight
        Factor in the total, > 0.
    over
        `times`: the mean over the times of the data (of `Collocation` over its points, of a stepper over the states it
        visits). `integral`: ∫ f dt from a trajectory's start to its last time, as exact as the solution: the solver
        integrates it along with the states, under the same control of its error. `end`: f at a trajectory's last time.

    Examples
    --------
    >>> import numpy as np, unideq as ude
    >>> ude.Cost(lambda t, state, p, net: net.control(state.x) ** 2, weight=0.1, over="integral").over
    'integral'
    >>> ude.Cost(lambda t, state, p, net: np.minimum(net.uptake(state.x), 0.0) ** 2, weight=10.0).weight
    10.0
    """

    function: Callable[..., Any] | None
    weight: float = 1.0
    over: str = "times"
    graph: Graph | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        settle(self, number, "weight", above=0)
        settle(self, choice, "over", choices=OVER)
        if self.graph is None:
            settle(self, function, "function", needs=TAKES)

    def traced(self, model: Model) -> Cost:
        """The same with its graph (t, u, θ) → `value`."""
        if self.graph is not None:
            return self
        assert self.function is not None
        return replace(self, function=None, graph=model.trace(self.function, "cost"))

    @property
    def factor(self) -> float:
        """Of its term in the total."""
        return self.weight

    @property
    def words(self) -> str:
        """`mean, weight 2`."""
        place = {"times": "mean", "integral": "integral", "end": "at the end"}[self.over]
        return f"{place}, weight {self.weight:g}"

    def term(self, values: Expression, counted: np.ndarray | None, last: np.ndarray | None) -> Expression:
        """Of its values (rows, times, …); see `cost_terms`."""
        found: Any = values
        ends = np.ones(found.shape[0], dtype=bool) if last is None else last
        if self.over == "times":
            mask = np.ones(found.shape, dtype=bool)
            if counted is not None:
                mask &= counted.reshape(counted.shape + (1,) * (found.ndim - counted.ndim))
            return mean_over(found, mask)
        if self.over == "integral":
            return np.sum(found[:, -1]) * (1.0 / float(ends.sum()))
        at_end = found[:, -1]
        mask = np.broadcast_to(ends.reshape(-1, *(1,) * (at_end.ndim - 1)), at_end.shape)
        return mean_over(at_end, mask)

    def to_json(self) -> dict[str, Any]:
        """Weight, place and traced graph; see `costs_of`."""
        if self.graph is None:
            raise OptionError("Only a traced cost can be written: call `cost.traced(model)` first.")
        return {"weight": self.weight, "over": self.over, "graph": to_json(self.graph)}


def costs_of(value: Any) -> dict[str, Cost]:
    """None, a function, a `Cost`, or a dict name → function or `Cost`; or their JSON."""
    from .constraint import Constraint

    if value is None:
        return {}
    if isinstance(value, Mapping):
        result = {}
        for name, item in mapping(value, "cost", needs="a dict name → function or `Cost`").items():
            if isinstance(item, Mapping):
                if not {"weight", "graph"} <= set(item):
                    raise FileFormatError(f"The description of the cost `{name}` is damaged.")
                kind = Constraint if "constraint" in item else Cost
                given = item["weight"], item.get("over", OVER[0]), from_json(item["graph"])
                result[name] = kind(None, *given, **item.get("constraint", {}))
            else:
                result[name] = item if isinstance(item, Cost) else Cost(item)
        return result
    if isinstance(value, Cost):
        return {"cost": value}
    if isinstance(value, type) or not callable(value):
        instance(value, Cost, "cost", needs=f"{TAKES} or a `ude.Cost`")
    return {"cost": Cost(value)}


def cost_terms(
    costs: Mapping[str, Cost],
    values: Mapping[str, Expression],
    counted: np.ndarray | None = None,
    last: np.ndarray | None = None,
    multipliers: Mapping[str, Sequence[Expression]] | None = None,
) -> dict[str, Expression]:
    """The terms of costs.

    Parameters
    ----------
    values
        Cost → its values (rows, times, …); of integrals, those since the row's start.
    counted
        (rows, times) bool: which of the times count in a mean; default: all.
    last
        (rows,) bool: which rows end a trajectory; default: all.
    multipliers
        Constraint → its multipliers, and its penalty.
    """
    found = multipliers or {}
    return {n: costs[n].term(array, counted, last, *((found[n],) if n in found else ())) for n, array in values.items()}
