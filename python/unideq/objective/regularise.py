"""Extra terms: size of the network weights, and wishes about the learned term along the solution."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import OptionError
from ..graph import Expression, Graph
from ..model.layout import Layout

if TYPE_CHECKING:
    from ..model import ODE

__all__ = ["L1", "L2", "Penalty", "penalties_of", "regulariser_of"]


@dataclass(frozen=True)
class L2:
    """`weight` · Σ w² over the weights of all networks, or of those named."""

    weight: float = 1e-4
    networks: tuple[str, ...] = ()

    def expression(self, layout: Layout, theta: Expression) -> Expression:
        return _total(layout, theta, self.networks, lambda w: w * w)


@dataclass(frozen=True)
class L1:
    """`weight` · Σ |w| over the weights of all networks, or of those named."""

    weight: float = 1e-4
    networks: tuple[str, ...] = ()

    def expression(self, layout: Layout, theta: Expression) -> Expression:
        return _total(layout, theta, self.networks, abs)


def _total(layout: Layout, theta: Expression, networks: tuple[str, ...], cost: Callable[[Expression], Any]) -> Expression:
    chosen = [e for e in layout.of_kind("network") if not networks or e.name.split(".")[0] in networks]
    if not chosen:
        raise OptionError("There is no network weight to regularise. Drop `regularise=` or name a network of the model.")
    total: Any = 0.0
    for entry in chosen:
        total = total + np.sum(cost(layout.view(theta, entry.name)))
    return total


def regulariser_of(value: Any) -> L1 | L2 | None:
    """None, a number (meaning `L2(number)`), an `L1` or an `L2`, or its JSON."""
    if value is None or isinstance(value, (L1, L2)):
        return value
    if isinstance(value, Mapping):
        return {"L1": L1, "L2": L2}[value["kind"]](value["weight"], tuple(value["networks"]))
    if isinstance(value, (int, float)) and value > 0:
        return L2(float(value))
    raise OptionError(f"`regularise` needs `L2(weight)`, `L1(weight)` or a positive number, not {value!r}.")


@dataclass(frozen=True)
class Penalty:
    """`weight` · mean of f(t, state, p, net) along the solution: what the learned term should not do.

    Examples
    --------
    >>> import numpy as np, unideq as ude
    >>> ude.Penalty(lambda t, state, p, net: np.minimum(net.uptake(state.x), 0.0) ** 2, weight=10.0).weight
    10.0
    """

    function: Callable[..., Any] | None
    weight: float = 1.0
    graph: Graph | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if not self.weight > 0:
            raise OptionError(f"`Penalty` needs a positive weight, not {self.weight!r}.")

    def traced(self, model: ODE) -> Penalty:
        """The same with its graph (t, u, θ) → `value`."""
        if self.graph is not None:
            return self
        assert self.function is not None
        return Penalty(None, self.weight, model.trace(self.function, "penalty"))


def penalties_of(value: Any) -> dict[str, Penalty]:
    """None, a function, a `Penalty`, or a dict name → function or `Penalty`; or their JSON."""
    if value is None:
        return {}
    if isinstance(value, Mapping):
        result = {}
        for name, item in value.items():
            if isinstance(item, Mapping):
                from ..graph.serialise import from_json

                result[name] = Penalty(None, item["weight"], from_json(item["graph"]))
            else:
                result[name] = penalties_of(item)["penalty"]
        return result
    if isinstance(value, Penalty):
        return {"penalty": value}
    if callable(value):
        return {"penalty": Penalty(value)}
    raise OptionError(f"`penalty` needs a function of (t, state, p, net) or a `Penalty`, not {value!r}.")
