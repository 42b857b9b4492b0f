"""Extra terms: the size of the network weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..checks import instance, is_number, known_arguments, number, sequence, settle, text
from ..errors import OptionError, unknown
from ..graph import Expression
from ..model.layout import Layout
from ..stored import Stored, from_json, stored

__all__ = ["L1", "L2", "Regulariser", "regulariser_of"]


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
