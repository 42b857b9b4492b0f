"""The residual convolutional network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from ..checks import known_arguments, settle, whole
from ..graph import Expression
from ..stored import stored
from .activation import activation
from .grid_network import GridNetwork
from .settings import Scale

__all__ = ["ResNet"]


@stored
@known_arguments
@dataclass(frozen=True, repr=False)
class ResNet(GridNetwork):
    """Residual network on a uniform grid: a lift to `channels` fields, blocks x ← φ(x + K₂ ∗ φ(K₁ ∗ x)), a projection.

    Parameters
    ----------
    inputs, outputs
        Numbers of fields that go in and come out.
    channels
        Fields within the network.
    blocks
        Residual blocks, of two convolutions each.
    kernel
        Points that each convolution spans along each axis, an odd number.
    dimensions
        Axes of space: 1 or 2.
    boundary
        What lies outside of the grid: `periodic`, `zero` or `edge`; one for all axes, or one an axis.
    activation
        φ, see `unideq.nn.ACTIVATIONS`; it also follows the lift.
    output_activation
        Of the projection. Default `identity`.
    input_shift, input_scale, output_shift, output_scale
        As for `unideq.nn.CNN`.
    initializer
        See `unideq.nn.MLP`; fans count the kernel's points. K₂ starts smaller by √blocks, so that a deep network's
        values start as large as a shallow one's.
    last_layer_scale
        Factor on the projection's initial weights; a small one starts the model near its known mechanism.

    Notes
    -----
    Called as `unideq.nn.CNN` is.

    Examples
    --------
    >>> import unideq as ude
    >>> ude.nn.ResNet(2, 1, channels=26, blocks=8).size
    33125

    Raises
    ------
    OptionError
        If a name is unknown (with the closest match), the kernel is even, or a count or a scaling can't be used.

    References
    ----------
    He, Zhang, Ren and Sun, "Deep Residual Learning for Image Recognition", CVPR 2016.
    """

    kind: ClassVar[str] = "ResNet"
    inputs: int
    outputs: int
    channels: int = 26
    blocks: int = 8
    kernel: int = 3
    dimensions: int = 1
    boundary: str | tuple[str, ...] = "periodic"
    activation: str = "leaky_relu"
    output_activation: str = "identity"
    input_shift: Scale = 0.0
    input_scale: Scale = 1.0
    output_shift: Scale = 0.0
    output_scale: Scale = 1.0
    initializer: str = "he_normal"
    last_layer_scale: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        settle(self, whole, "channels", "blocks", least=1)

    def convolutions(self) -> dict[str, tuple[int, int]]:
        wide = (self.channels, self.channels)
        inner = {f"block_{k}.{part}": wide for k in range(1, self.blocks + 1) for part in ("first", "second")}
        return {"lift": (self.inputs, self.channels), **inner, "projection": (self.channels, self.outputs)}

    def initial_scale(self, layer: str) -> float:
        return self.blocks**-0.5 if layer.endswith(".second") else super().initial_scale(layer)

    def layers(self, weights: Mapping[str, Expression], x: Any) -> Any:
        curve = activation(self.activation)
        x = curve(self.convolve(weights, "lift", x))
        for k in range(1, self.blocks + 1):
            change = curve(self.convolve(weights, f"block_{k}.first", x))
            x = curve(x + self.convolve(weights, f"block_{k}.second", change))
        return self.convolve(weights, "projection", x)
