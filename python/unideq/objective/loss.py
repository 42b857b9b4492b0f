"""Losses: what one measurement's misfit costs. Each is averaged over the measured values of a variable."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from ..checks import function as checked_function
from ..checks import instance, known_arguments, known_keys, mapping, number, settle, shown
from ..errors import OptionError, TraceError, unknown
from ..graph import Expression, Graph, apply, constant, rebuild, variable
from ..graph.numpy_reductions import one_value_at_a_time
from ..graph.serialise import from_json, to_json
from ..model.switches import found_switches, warn_of_jumps
from ..model.trace import call, fitted
from ..stored import Stored, members, stored
from ..stored import from_json as stored_from_json

__all__ = ["CustomLoss", "GaussianLikelihood", "Huber", "Loss", "SquaredError", "loss_of"]


class Loss(Stored):
    """Base of losses. `weights` (variable → factor) and `scale` (variable → size) are shared by all.

    The scale of a variable is the standard deviation of its measurements, gross outliers left out, unless given.
    """

    family: ClassVar[str] = "loss"
    scale: Mapping[str, float]
    weights: Mapping[str, float]

    def elementwise(
        self, predicted: Expression, observed: Expression, scale: float, noise: Expression | None
    ) -> Expression:
        """Cost of each value; `noise` is the estimated standard deviation, for losses that ask for one."""
        raise NotImplementedError

    @property
    def estimates_noise(self) -> bool:
        """Whether θ holds a standard deviation for every measured variable."""
        return False

    def __post_init__(self) -> None:
        for label in ("scale", "weights", "sigma"):
            if hasattr(self, label):
                settle(self, _by_variable, label)

    def check(self, names: tuple[str, ...]) -> None:
        """Complain about settings for variables that the data doesn't have."""
        for label in ("scale", "weights", "sigma"):
            known_keys(getattr(self, label, {}), names, f"data variable in `{label}`")


@stored
@known_arguments
@dataclass(frozen=True)
class SquaredError(Loss):
    """((predicted − observed) / scale)².

    Parameters
    ----------
    scale
        Variable → size, in its units; default: standard deviation of its measurements without gross outliers.
    weights
        Variable → factor on its term; default 1.
    """

    kind: ClassVar[str] = "squared_error"
    scale: Mapping[str, float] = field(default_factory=dict)
    weights: Mapping[str, float] = field(default_factory=dict)

    def elementwise(
        self, predicted: Expression, observed: Expression, scale: float, noise: Expression | None
    ) -> Expression:
        residual = (predicted - observed) * (1.0 / scale)
        return residual * residual


@stored
@known_arguments
@dataclass(frozen=True)
class Huber(Loss):
    """r²/2 for |r| ≤ delta, delta·(|r| − delta/2) beyond, with r = (predicted − observed) / scale.

    Outliers count less than in `SquaredError`.
    """

    kind: ClassVar[str] = "huber"
    delta: float = 0.5
    scale: Mapping[str, float] = field(default_factory=dict)
    weights: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__post_init__()
        settle(self, number, "delta", above=0)

    def elementwise(
        self, predicted: Expression, observed: Expression, scale: float, noise: Expression | None
    ) -> Expression:
        size = abs((predicted - observed) * (1.0 / scale))
        inner = apply("minimum", size, self.delta)
        return inner * (size - 0.5 * inner)


@stored
@known_arguments
@dataclass(frozen=True)
class GaussianLikelihood(Loss):
    """Negative log-likelihood r²/2 + log σ (constant dropped) with r = (predicted − observed) / σ.

    σ is estimated for every variable (reported as `noise.VARIABLE`), starting at `initial` times the scale,
    unless given in `sigma`.
    """

    kind: ClassVar[str] = "gaussian"
    sigma: Mapping[str, float] = field(default_factory=dict)
    initial: float = 0.2
    scale: Mapping[str, float] = field(default_factory=dict)
    weights: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__post_init__()
        settle(self, number, "initial", above=0)

    @property
    def estimates_noise(self) -> bool:
        """θ holds a standard deviation for every measured variable."""
        return True

    def elementwise(
        self, predicted: Expression, observed: Expression, scale: float, noise: Expression | None
    ) -> Expression:
        assert noise is not None
        residual = (predicted - observed) / noise
        return 0.5 * residual * residual + np.log(noise * (1.0 / scale))  # type: ignore[return-value]


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


def _by_variable(value: Any, name: str, of: str) -> dict[str, float]:
    """Variable → number > 0."""
    given = mapping(value, name, of, needs="a dict variable → number")
    return {n: number(v, name, of, above=0, hint=f"That is what `{n}` was given.") for n, v in given.items()}


def loss_of(value: Any) -> Loss:
    """None (squared error), a name, a `Loss`, a function of (predicted, observed), or a loss's JSON."""
    if value is None:
        return SquaredError()
    if isinstance(value, Loss):
        return value
    if isinstance(value, str):
        known = {n: kind for n, kind in members(Loss).items() if kind is not CustomLoss}
        if value not in known:
            raise unknown("loss", value, known)
        return known[value]()
    if isinstance(value, Mapping):
        if "kind" not in value:
            raise OptionError(
                f"`loss` is one for all variables, and a dict says more: {shown(value)}. Weigh variables against each "
                'other by `ude.Huber(weights={"x": 2.0})`, or scale them by its `scale`.'
            )
        return stored_from_json(Loss, value)
    needs = "a name, a loss such as `ude.Huber()`, or a function of (predicted, observed)"
    if isinstance(value, type) or not callable(value):
        instance(value, Loss, "loss", needs=needs)
    return CustomLoss.of(value)


def mean_over(values: Expression, mask: np.ndarray) -> Expression:
    """Mean of the elements that the mask keeps."""
    count = float(mask.sum())
    if mask.all():
        return np.sum(values) * (1.0 / count)  # type: ignore[call-overload, operator]
    return np.sum(np.where(constant(mask), values, 0.0)) * (1.0 / count)  # type: ignore[call-overload, operator]
