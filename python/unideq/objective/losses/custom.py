"""A loss of one's own: a function of (predicted, observed), traced from NumPy."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from ...checks import function as checked_function
from ...checks import known_arguments
from ...errors import OptionError, TraceError
from ...graph import Expression, Graph, rebuild, variable
from ...graph.numpy_reductions import one_value_at_a_time
from ...graph.serialise import from_json, to_json
from ...model.switches import found_switches, warn_of_jumps
from ...model.trace import call, fitted
from ...stored import stored
from .loss import Loss

__all__ = ["CustomLoss"]


@stored
@known_arguments
@dataclass(frozen=True)
class CustomLoss(Loss):
    """A user's function f(predicted, observed) of one value each, traced from NumPy.

    It is applied to values divided by the variable's scale, elementwise.

    Examples
    --------
    >>> import numpy as np, unideq as ude
    >>> ude.CustomLoss.of(lambda predicted, observed: np.log1p((predicted - observed) ** 2))
    CustomLoss(f(predicted, observed) with 3 operations)
    """

    kind: ClassVar[str] = "custom"
    graph: Graph = field(repr=False)
    scale: Mapping[str, float] = field(default_factory=dict)
    weights: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, function: Callable[[Any, Any], Any], **settings: Any) -> CustomLoss:
        """Trace the function."""
        checked_function(function, "loss", needs="a function of (predicted, observed)", takes=2)
        predicted, observed = variable("predicted"), variable("observed")
        try:
            with one_value_at_a_time():
                result = call(function, {"predicted": predicted, "observed": observed}, "the loss function")
        except TraceError as error:
            raise TraceError(
                f"{error} A loss sees one value at a time, f(predicted, observed), and the mean over all measurements "
                "is taken afterwards: write what a single misfit costs."
            ) from error
        graph = Graph((predicted, observed), {"value": fitted(result, (), "the loss function's value")})
        if not any(node is predicted for node in graph.nodes):
            raise OptionError("The loss function doesn't depend on its first argument, the predicted value.")
        found = found_switches(list(graph.outputs.values()), {predicted: "predicted"}, {})
        warn_of_jumps("The loss function", found)
        return cls(graph, **settings)

    def elementwise(
        self, predicted: Expression, observed: Expression, scale: float, noise: Expression | None
    ) -> Expression:
        a, b = self.graph.inputs
        one, two = predicted * (1.0 / scale), observed * (1.0 / scale)
        return rebuild([self.graph.outputs["value"]], {a: one, b: two})[0]

    def __repr__(self) -> str:
        return f"CustomLoss(f(predicted, observed) with {self.graph.operation_count} operations)"

    def stored_values(self) -> dict[str, Any]:
        return {**super().stored_values(), "graph": to_json(self.graph)}

    @classmethod
    def from_values(cls, values: dict[str, Any]) -> CustomLoss:
        return cls(**{**values, "graph": from_json(values["graph"])})
