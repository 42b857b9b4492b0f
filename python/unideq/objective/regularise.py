"""Extra terms: size of the network weights, and wishes about the learned term along the solution."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ..checks import function, instance, is_number, known_arguments, mapping, number, sequence, settle, text
from ..errors import FileFormatError, OptionError, unknown
from ..graph import Expression, Graph, to_json
from ..graph import from_json as graph_from_json
from ..model.layout import Layout
from ..stored import Stored, from_json, stored

if TYPE_CHECKING:
    from ..model import Model

__all__ = ["L1", "L2", "Penalty", "Regulariser", "penalties_of", "regulariser_of"]


class Regulariser(Stored):
    """Base of `L1` and `L2`."""

    family: ClassVar[str] = "regulariser"
    weight: float
    networks: tuple[str, ...]

    def __post_init__(self) -> None:
        settle(self, number, "weight", above=0)
        of, listed = type(self).__name__, (self.networks,) if isinstance(self.networks, str) else self.networks
        needs = "the name of a network, or a tuple of them"
        networks = sequence(listed, "networks", of, needs=needs, each=lambda n: text(n, "networks", of))
        object.__setattr__(self, "networks", networks)

    def expression(self, layout: Layout, theta: Expression) -> Expression:
        """The sum over the weights, without the factor."""
        raise NotImplementedError

    def check(self, layout: Layout) -> None:
        """Complain about networks that the model doesn't have."""
        known = tuple(dict.fromkeys(e.name.split(".")[0] for e in layout.of_kind("network")))
        if not known:
            raise OptionError("There is no network whose weights could be regularised. Drop `regularise=`.")
        for name in self.networks:
            if name not in known:
                raise unknown("network to regularise", name, known)


@stored
@known_arguments
@dataclass(frozen=True)
class L2(Regulariser):
    """`weight` · Σ w² over the weights (biases too) of all networks, or of those named."""

    weight: float = 1e-4
    networks: tuple[str, ...] = ()

    def expression(self, layout: Layout, theta: Expression) -> Expression:
        return _total(layout, theta, self.networks, lambda w: w * w)


@stored
@known_arguments
@dataclass(frozen=True)
class L1(Regulariser):
    """`weight` · Σ |w| over the weights (biases too) of all networks, or of those named."""

    weight: float = 1e-4
    networks: tuple[str, ...] = ()

    def expression(self, layout: Layout, theta: Expression) -> Expression:
        return _total(layout, theta, self.networks, abs)


def _total(
    layout: Layout, theta: Expression, networks: tuple[str, ...], cost: Callable[[Expression], Any]
) -> Expression:
    chosen = [e for e in layout.of_kind("network") if not networks or e.name.split(".")[0] in networks]
    total: Any = 0.0
    for entry in chosen:
        total = total + np.sum(cost(layout.view(theta, entry.name)))
    return total


def regulariser_of(value: Any) -> Any:
    """None, a number (meaning `L2(number)`), an `L1` or an `L2`, or its JSON."""
    if value is None or isinstance(value, Regulariser):
        return value
    if isinstance(value, Mapping) and "kind" in value:
        return from_json(Regulariser, value)
    needs = "`ude.L2(weight)`, `ude.L1(weight)` or a number > 0"
    if not is_number(value):
        return instance(value, Regulariser, "regularise", needs=needs)
    return L2(float(number(value, "regularise", above=0)))


@known_arguments
@dataclass(frozen=True)
class Penalty:
    """`weight` · mean of f(t, state, p, net, forcing) along the solution: what the learned term should not do.

    The mean runs over the measured times of all trajectories (of `Collocation`: over its points).

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
        settle(self, number, "weight", above=0)
        if self.graph is None:
            settle(self, function, "function", needs="a function of (t, state, p, net)")

    def traced(self, model: Model) -> Penalty:
        """The same with its graph (t, u, θ) → `value`."""
        if self.graph is not None:
            return self
        assert self.function is not None
        return Penalty(None, self.weight, model.trace(self.function, "penalty"))

    def to_json(self) -> dict[str, Any]:
        """The weight and the traced graph; see `penalties_of`."""
        if self.graph is None:
            raise OptionError("Only a traced penalty can be written: call `penalty.traced(model)` first.")
        return {"weight": self.weight, "graph": to_json(self.graph)}


def penalties_of(value: Any) -> dict[str, Penalty]:
    """None, a function, a `Penalty`, or a dict name → function or `Penalty`; or their JSON."""
    if value is None:
        return {}
    if isinstance(value, Mapping):
        result = {}
        for name, item in mapping(value, "penalty", needs="a dict name → function or `Penalty`").items():
            if isinstance(item, Mapping):
                if not {"weight", "graph"} <= set(item):
                    raise FileFormatError(f"The description of the penalty `{name}` is damaged.")
                result[name] = Penalty(None, item["weight"], graph_from_json(item["graph"]))
            else:
                result[name] = item if isinstance(item, Penalty) else Penalty(item)
        return result
    if isinstance(value, Penalty):
        return {"penalty": value}
    if isinstance(value, type) or not callable(value):
        instance(value, Penalty, "penalty", needs="a function of (t, state, p, net) or a `ude.Penalty`")
    return {"penalty": Penalty(value)}
