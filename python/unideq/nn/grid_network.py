"""What networks on grids share: channels, convolutions with a boundary rule, initial kernels, scalings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from ..checks import choice, settle, whole
from ..errors import OptionError
from ..graph import Expression, apply
from .activation import activation
from .initializer import draw_weight
from .network import Network
from .settings import Scale, settle_shared, shown

__all__ = ["BOUNDARIES", "GridNetwork"]

BOUNDARIES = ("periodic", "zero", "edge")


class GridNetwork(Network):
    """Base of networks that act on fields (…, channels, *space) by convolutions; each point sees its neighbours.

    A kind names its convolutions (`convolutions`) and says how they follow each other (`layers`).
    """

    acts_on: ClassVar[str] = "grid"
    kernel: int
    dimensions: int
    boundary: str | tuple[str, ...]
    activation: str
    output_activation: str
    input_shift: Scale
    input_scale: Scale
    output_shift: Scale
    output_scale: Scale
    initializer: str
    last_layer_scale: float

    def convolutions(self) -> dict[str, tuple[int, int]]:
        """Layer name → (channels in, channels out); the last layer last."""
        raise NotImplementedError

    def layers(self, weights: Mapping[str, Expression], x: Any) -> Any:
        """The network between the input's and the output's scaling; `self.convolve` applies a layer."""
        raise NotImplementedError

    def initial_scale(self, layer: str) -> float:
        """Factor on a layer's initial kernel."""
        return self.last_layer_scale if layer == list(self.convolutions())[-1] else 1.0

    # ---- what a model asks ------------------------------------------------------------------------------------

    def weight_shapes(self) -> dict[str, tuple[int, ...]]:
        shapes: dict[str, tuple[int, ...]] = {}
        for name, (n_in, n_out) in self.convolutions().items():
            shapes[f"{name}.weight"] = (n_out, n_in, *(self.kernel,) * self.dimensions)
            shapes[f"{name}.bias"] = (n_out,)
        return shapes

    def draw(self, generator: np.random.Generator) -> dict[str, np.ndarray]:
        drawn = {}
        for name, shape in self.weight_shapes().items():
            layer, _, part = name.rpartition(".")
            if part == "bias":
                drawn[name] = np.zeros(shape)
            else:
                drawn[name] = draw_weight(self.initializer, shape, generator, self.initial_scale(layer))
        return drawn

    def expand(self, weights: Mapping[str, Expression], x: Expression) -> Expression:
        value: Any = (x - self._by_channel(self.input_shift)) * (1.0 / self._by_channel(self.input_scale))
        value = activation(self.output_activation)(self.layers(weights, value))
        return value * self._by_channel(self.output_scale) + self._by_channel(self.output_shift)

    def __repr__(self) -> str:
        return shown(self)

    # ---- what kinds are built from ----------------------------------------------------------------------------

    def convolve(self, weights: Mapping[str, Expression], layer: str, x: Any) -> Any:
        """One layer: the convolution of x (…, channels, *space) with its kernel, plus its bias."""
        rules = (self.boundary,) * self.dimensions if isinstance(self.boundary, str) else self.boundary
        reach = self.kernel // 2
        middle: list[Any] = [...]
        for axis, rule in enumerate(rules, x.ndim - self.dimensions):
            n = x.shape[axis]
            ghosts = rule == "edge" and reach > 0
            if ghosts:  # the outermost values are repeated beyond both ends, and what those points see is cut off again
                x = apply("gather", x, indices=np.clip(np.arange(-reach, n + reach), 0, n - 1), axis=axis)
            middle.append(slice(reach, reach + n) if ghosts else slice(None))
        inner = tuple("zero" if rule == "edge" else rule for rule in rules)
        product = apply("convolution", x, weights[f"{layer}.weight"], boundary=inner)
        bias: Any = weights[f"{layer}.bias"]
        return product[tuple(middle)] + bias.reshape(-1, *(1,) * self.dimensions)

    def _by_channel(self, value: Scale) -> np.ndarray:
        array = np.asarray(value)
        return array.reshape(-1, *(1,) * self.dimensions) if array.ndim else array

    def __post_init__(self) -> None:
        settle_shared(self)
        settle(self, whole, "kernel", least=1)
        if self.kernel % 2 == 0:
            raise OptionError(f"`{self.kind}` needs an odd `kernel`, which has a middle, not {self.kernel}.")
        settle(self, whole, "dimensions", least=1, most=2)
        settle(self, _boundary, "boundary", dimensions=self.dimensions)


def _boundary(value: Any, name: str, of: str, *, dimensions: int) -> str | tuple[str, ...]:
    rules = tuple(value) if isinstance(value, (tuple, list)) else (value,) * dimensions
    for rule in rules:
        choice(rule, name, BOUNDARIES, of)
    if len(rules) != dimensions:
        raise OptionError(f"`{of}` with `dimensions={dimensions}` needs as many boundary rules, not {value!r}.")
    return rules[0] if len(set(rules)) == 1 else rules
