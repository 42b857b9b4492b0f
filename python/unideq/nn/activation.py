"""Activation functions by their usual names, written in NumPy so that they trace like any user's function."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import unknown
from ..graph import apply

__all__ = ["ACTIVATIONS", "activation"]

ACTIVATIONS: dict[str, Callable[[Any], Any]] = {
    "identity": lambda x: x,
    "tanh": np.tanh,
    "sigmoid": lambda x: apply("sigmoid", x),
    "softplus": lambda x: apply("softplus", x),
    "relu": lambda x: np.maximum(x, 0.0),
    "leaky_relu": lambda x: np.where(x > 0, x, 0.01 * x),
    "elu": lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0.0))),
    "gelu": lambda x: 0.5 * x * (1.0 + np.tanh(np.sqrt(2.0 / np.pi) * (x + 0.044715 * x**3))),
    "swish": lambda x: x * apply("sigmoid", x),
    "rbf": lambda x: np.exp(-(x * x)),
    "sin": np.sin,
    "cos": np.cos,
    "exp": np.exp,
    "square": lambda x: x * x,
}
"""Name → function. `rbf` is exp(−x²); `gelu` is the tanh form; `swish` is x·sigmoid(x) (also called silu)."""


def activation(name: str) -> Callable[[Any], Any]:
    """The activation function of that name; an unknown name raises with the closest match."""
    if name not in ACTIVATIONS:
        raise unknown("activation", name, ACTIVATIONS)
    return ACTIVATIONS[name]
