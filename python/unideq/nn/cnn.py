"""The plain convolutional network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar

from ..checks import known_arguments, settle
from ..graph import Expression
from ..stored import stored
from .activation import activation
from .grid_network import GridNetwork
from .settings import Scale, counts

__all__ = ["CNN"]


@stored
@known_arguments
@dataclass(frozen=True, repr=False)
class CNN(GridNetwork):
    """Convolutional network on a uniform grid: φ(K ∗ x + b), layer after layer, with as many points as go in.

    Parameters
    ----------
    inputs, outputs
        Numbers of fields that go in and come out.
    channels
        Fields between the layers: two numbers make three convolutions; `()` makes one, a linear stencil.
    kernel
        Points that each convolution spans along each axis, an odd number. The network sees
        (layers · (kernel − 1) + 1) points.
    dimensions
        Axes of space: 1 or 2.
    boundary
        What lies outside of the grid: `periodic` (the other end), `zero`, or `edge` (the outermost value again). One
        for all axes, or one an axis.
    activation
        Of the inner layers, see `unideq.nn.ACTIVATIONS`.
    output_activation
        Of the last layer. Default `identity`.
    input_shift, input_scale
        Inputs are taken as (x − shift) / scale: one number, or one a field. Choose the size of the data.
    output_shift, output_scale
        Outputs are scale · y + shift.
    initializer
        See `unideq.nn.MLP`; fans count the kernel's points. Biases start at zero.
    last_layer_scale
        Factor on the last layer's initial weights; a small one starts the model near its known mechanism.

    Notes
    -----
    Called inside a model with `inputs` fields (or numbers, which count as constant fields) of shape `(*space)`, it
    returns one field for one output, else (outputs, *space). One array (inputs, *space) is taken as its fields.

    With `periodic` boundaries, shifting the inputs by a point shifts the outputs by a point: the network can't know
    where it is.

    Examples
    --------
    >>> import unideq as ude
    >>> network = ude.nn.CNN(1, 1, channels=(8, 8), kernel=5)
    >>> network.size  # 5·8 + 8, 8·5·8 + 8, 8·5 + 1
    417

    Raises
    ------
    OptionError
        If a name is unknown (with the closest match), the kernel is even, or a count or a scaling can't be used.
    """

    kind: ClassVar[str] = "CNN"
    inputs: int
    outputs: int
    channels: tuple[int, ...] = (16, 16)
    kernel: int = 5
    dimensions: int = 1
    boundary: str | tuple[str, ...] = "periodic"
    activation: str = "tanh"
    output_activation: str = "identity"
    input_shift: Scale = 0.0
    input_scale: Scale = 1.0
    output_shift: Scale = 0.0
    output_scale: Scale = 1.0
    initializer: str = "glorot_uniform"
    last_layer_scale: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        settle(self, counts, "channels")

    def convolutions(self) -> dict[str, tuple[int, int]]:
        widths = (self.inputs, *self.channels, self.outputs)
        return {f"layer_{k}": pair for k, pair in enumerate(pairwise(widths), 1)}

    def layers(self, weights: Mapping[str, Expression], x: Any) -> Any:
        *inner, last = self.convolutions()
        for name in inner:
            x = activation(self.activation)(self.convolve(weights, name, x))
        return self.convolve(weights, last, x)
