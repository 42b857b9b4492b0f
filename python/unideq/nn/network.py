"""What a network is to a model: named weights, and an expansion into graph operations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, TypeVar

import numpy as np

from ..errors import FileFormatError, OptionError, unknown
from ..graph import Expression

__all__ = ["Network", "network_from_json", "register_network"]

_KINDS: dict[str, type[Network]] = {}
Kind = TypeVar("Kind", bound="type[Network]")


class Network:
    """Base of all network specifications: frozen, JSON-serialisable, engine-independent.

    A specification has `inputs` and `outputs` (feature counts), names its weights, draws their initial values and
    expands into graph operations.
    """

    kind: ClassVar[str] = ""
    acts_on: ClassVar[str] = "points"
    """`points`: each point's features by themselves. `grid`: whole fields, see `unideq.nn.GridNetwork`."""
    inputs: int
    outputs: int

    def weight_shapes(self) -> dict[str, tuple[int, ...]]:
        """Weight name (`layer_1.weight`, …) → shape."""
        raise NotImplementedError

    def fixed_weights(self) -> frozenset[str]:
        """Names of the weights that are drawn and stored but that training leaves as they are; none by default."""
        return frozenset()

    def draw(self, generator: np.random.Generator) -> dict[str, np.ndarray]:
        """Initial weights, by name."""
        raise NotImplementedError

    def expand(self, weights: Mapping[str, Expression], x: Expression) -> Expression:
        """The output (…, outputs) for input (…, inputs); on grids (…, outputs, *space) for (…, inputs, *space)."""
        raise NotImplementedError

    def to_json(self) -> dict[str, Any]:
        """Plain settings, `kind` included; see `network_from_json`."""
        raise NotImplementedError

    @property
    def size(self) -> int:
        """Number of weights."""
        return sum(int(np.prod(shape)) for shape in self.weight_shapes().values())


def register_network(cls: Kind) -> Kind:
    """Class decorator: makes a kind of network readable from files."""
    _KINDS[cls.kind] = cls
    return cls


def network_from_json(settings: Mapping[str, Any]) -> Network:
    """The network that `to_json` described."""
    values = dict(settings)
    kind = values.pop("kind", None)
    if kind not in _KINDS:
        raise unknown("network kind", kind, _KINDS, FileFormatError)
    try:
        return _KINDS[kind](**values)
    except (OptionError, TypeError) as error:
        raise FileFormatError(f"The description of a `{kind}` network is damaged: {error}.") from None
