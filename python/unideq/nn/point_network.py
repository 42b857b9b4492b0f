"""What networks of dense layers share: scalings, initial weights, factorisation, JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..checks import settle
from ..graph import Expression
from .activation import activation
from .dense import Factorisation, dense_shapes, draw_dense, draw_scales, factorisation
from .network import Network
from .settings import Scale, settle_shared, shown

__all__ = ["PointNetwork"]


class PointNetwork(Network):
    """Base of networks of dense layers that act on each point's features by themselves.

    A kind names its dense layers (`dense_layers`) and says how they follow each other (`layers`).
    """

    activation: str
    output_activation: str
    input_shift: Scale
    input_scale: Scale
    output_shift: Scale
    output_scale: Scale
    initializer: str
    last_layer_scale: float
    factorised: Factorisation

    def dense_layers(self) -> dict[str, tuple[int, int]]:
        """Layer name → (features in, features out); the output layer last."""
        raise NotImplementedError

    def further_shapes(self) -> dict[str, tuple[int, ...]]:
        """Weights besides those of dense layers, name → shape; they start at zero."""
        return {}

    def layers(self, weights: Mapping[str, Expression], x: Any) -> Any:
        """The network between the input's scaling and the output's activation; `dense` applies a layer."""
        raise NotImplementedError

    # ---- what a model asks ------------------------------------------------------------------------------------

    def weight_shapes(self) -> dict[str, tuple[int, ...]]:
        shapes: dict[str, tuple[int, ...]] = {}
        for layer, (n_in, n_out) in self.dense_layers().items():
            shapes.update(dense_shapes(layer, n_in, n_out, bool(self.factorised)))
        return {**shapes, **self.further_shapes()}

    def draw(self, generator: np.random.Generator) -> dict[str, np.ndarray]:
        layers = self.dense_layers()
        drawn: dict[str, np.ndarray] = {}
        for layer, (n_in, n_out) in layers.items():
            scale = self.last_layer_scale if layer == list(layers)[-1] else 1.0
            drawn.update(draw_dense(layer, n_in, n_out, self.initializer, generator, scale))
        if isinstance(self.factorised, tuple):
            drawn = draw_scales(drawn, self.factorised, generator)
        return {**drawn, **{name: np.zeros(shape) for name, shape in self.further_shapes().items()}}

    def expand(self, weights: Mapping[str, Expression], x: Expression) -> Expression:
        value: Any = (x - np.asarray(self.input_shift)) * (1.0 / np.asarray(self.input_scale))
        value = activation(self.output_activation)(self.layers(weights, value))
        return value * np.asarray(self.output_scale) + np.asarray(self.output_shift)

    def __repr__(self) -> str:
        return shown(self)

    # ---- what kinds are built from ----------------------------------------------------------------------------

    def __post_init__(self) -> None:
        settle_shared(self)
        settle(self, factorisation, "factorised")
