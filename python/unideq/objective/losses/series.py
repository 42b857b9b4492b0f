"""A loss of whole series: a function of all of a trajectory's values of one variable, traced from NumPy."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np

from ...checks import function, known_arguments, settle
from ...errors import DataError, ModelError, OptionError
from ...graph import Expression, Graph, batched, constant, rebuild, variable
from ...graph.serialise import from_json, to_json
from ...model.trace import call, fitted
from ...stored import stored
from .loss import Loss, Measurements

__all__ = ["SeriesLoss"]

NEEDS = "a function of (t, predicted, observed)"


@stored
@known_arguments
@dataclass(frozen=True)
class SeriesLoss(Loss):
    """f(t, predicted, observed) of a trajectory's whole series, averaged over the trajectories.

    For what no single value shows: a peak's height or time, a period, an area, any summary statistic.

    Parameters
    ----------
    function
        f, traced from NumPy: of the K times at which the trajectory was measured, (K,), and the predicted and observed
        values there, (K, *shape), both divided by the variable's scale. It returns one number. What it reads of
        `observed` must have been measured at all of the times.
    scale, weights
        As in `SquaredError`.

    Examples
    --------
    >>> import numpy as np, unideq as ude
    >>> ude.SeriesLoss(lambda t, predicted, observed: (np.max(predicted) - np.max(observed)) ** 2)
    SeriesLoss(f(t, predicted, observed))
    """

    kind: ClassVar[str] = "series"
    function: Callable[[Any, Any, Any], Any] | None = field(repr=False, compare=False)
    scale: Mapping[str, float] = field(default_factory=dict)
    weights: Mapping[str, float] = field(default_factory=dict)
    graphs: Mapping[str, Graph] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.graphs:
            settle(self, function, "function", needs=NEEDS, takes=3)

    @property
    def whole(self) -> bool:
        return True

    def traced(self, shapes: Mapping[str, Sequence[tuple[int, ...]]]) -> SeriesLoss:
        known = dict(self.graphs)
        for shape in {s for several in shapes.values() for s in several}:
            if _key(shape) not in known and self.function is not None:
                known[_key(shape)] = _trace(self.function, shape)
        return replace(self, graphs={key: known[key] for key in sorted(known)})

    def mean_cost(
        self, predicted: Expression, measured: Measurements, scale: float, noise: Expression | None
    ) -> Expression:
        total: Any = 0.0
        counts = [len(t) for t in measured.times]
        for count in sorted(set(counts)):
            rows = [i for i, n in enumerate(counts) if n == count]
            graph = self._graph((count, *predicted.shape[2:]))
            observed = measured.values[rows, :count]
            if np.isnan(observed).any() and any(node is graph.input("observed") for node in graph.nodes):
                row, at = np.argwhere(np.isnan(observed))[0][:2]
                raise DataError(
                    f"`SeriesLoss` sees whole series, and `{measured.variable}` wasn't measured at time "
                    f"{measured.times[rows[row]][at]:g} of its trajectory {measured.labels[rows[row]]!r}, where others "
                    "were. Interpolate it, or give trajectories whose times are its own."
                )
            many = batched(graph, ["t", "predicted", "observed"], len(rows))
            given = {
                "t": constant(np.stack([measured.times[i] for i in rows])),
                "predicted": predicted[rows][:, :count] * (1.0 / scale),
                "observed": constant(observed / scale),
            }
            (values,) = rebuild([many.outputs["value"]], {i: given[i.name] for i in many.inputs})
            total = total + np.sum(values)
        return total * (1.0 / len(counts))

    def _graph(self, shape: tuple[int, ...]) -> Graph:
        if _key(shape) not in self.graphs:
            raise OptionError(
                f"`SeriesLoss` is a function of whole series, and wasn't traced for {shape[0]} times. Fit the whole "
                "trajectories, with `ude.Trajectory()`."
            )
        return self.graphs[_key(shape)]

    def __repr__(self) -> str:
        return "SeriesLoss(f(t, predicted, observed))"

    def stored_values(self) -> dict[str, Any]:
        own = {n: v for n, v in super().stored_values().items() if n != "function"}
        return {**own, "graphs": {key: to_json(graph) for key, graph in self.graphs.items()}}

    @classmethod
    def from_values(cls, values: dict[str, Any]) -> SeriesLoss:
        return cls(None, **{**values, "graphs": {key: from_json(graph) for key, graph in values["graphs"].items()}})


def _key(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))


def _trace(function: Callable[[Any, Any, Any], Any], shape: tuple[int, ...]) -> Graph:
    t, predicted, observed = variable("t", shape[:1]), variable("predicted", shape), variable("observed", shape)
    what = "the loss of a series"
    result = call(function, {"t": t, "predicted": predicted, "observed": observed}, what)
    try:
        graph = Graph((t, predicted, observed), {"value": fitted(result, (), f"The value of {what}")})
    except ModelError as error:
        raise OptionError(f"{error} A loss of a series is one number a trajectory.") from error
    if not any(node is predicted for node in graph.nodes):
        raise OptionError("The loss of a series doesn't depend on its second argument, the predicted values.")
    return graph
