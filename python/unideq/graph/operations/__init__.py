"""The primitives, one family a module; importing this package fills `unideq.graph.operation.OPERATIONS`."""

from . import (
    control,
    convolution,
    elementwise,
    fourier,
    interpolation,
    linear,
    network,
    reduction,
    selection,
    stencil,
    structure,
)

__all__ = [
    "control",
    "convolution",
    "elementwise",
    "fourier",
    "interpolation",
    "linear",
    "network",
    "reduction",
    "selection",
    "stencil",
    "structure",
]
