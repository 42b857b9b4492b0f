"""The multilayer perceptron."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Any, ClassVar

import numpy as np

from ..graph import Expression, apply
from .activation import activation
from .initializer import draw_weight
from .network import Network, register_network
from .settings import Scale, check_names, factor, scaling, whole_number

__all__ = ["MLP"]


@register_network
@dataclass(frozen=True, repr=False)
class MLP(Network):
    """Multilayer perceptron: x ↦ shift_out + scale_out · W_L φ(… φ(W₁ (x − shift_in) / scale_in + b₁) …) + b_L.

    Parameters
    ----------
    inputs, outputs
        Number of input and output features.
    hidden
        Units of each hidden layer; `()` makes a linear map.
    activation
        Of the hidden layers: `tanh`, `sigmoid`, `softplus`, `relu`, `leaky_relu`, `elu`, `gelu`, `swish`, `rbf`
        (exp(−x²)), `sin`, `cos`, `exp`, `square` or `identity`.
    output_activation
        Of the last layer, e.g. `softplus` for positive outputs. Default `identity`.
    input_shift, input_scale
        Inputs are taken as (x − shift) / scale: one number, or one a feature. Choose the size of the data.
    output_shift, output_scale
        Outputs are scale · y + shift.
    initializer
        `glorot_uniform` (default), `glorot_normal`, `he_uniform`, `he_normal`, `lecun_uniform`, `lecun_normal`,
        `orthogonal` or `zeros`. Biases start at zero.
    last_layer_scale
        Factor on the last layer's initial weights; a small one starts the model near its known mechanism.

    Notes
    -----
    Called inside a model with `inputs` arguments it acts point-wise: the arguments broadcast to a common shape S, and
    the result has shape (outputs, *S), or S for one output. Called with one array whose last axis has length `inputs`
    (> 1) it acts on that axis.

    Examples
    --------
    >>> import unideq as ude
    >>> ude.nn.MLP(2, 1, hidden=(8, 8), activation="tanh").size
    105

    Raises
    ------
    OptionError
        If a name is unknown (with the closest match) or a width or a scaling can't be used.
    """

    kind: ClassVar[str] = "MLP"
    inputs: int
    outputs: int
    hidden: tuple[int, ...] = (16, 16)
    activation: str = "tanh"
    output_activation: str = "identity"
    input_shift: Scale = 0.0
    input_scale: Scale = 1.0
    output_shift: Scale = 0.0
    output_scale: Scale = 1.0
    initializer: str = "glorot_uniform"
    last_layer_scale: float = 1.0

    def __post_init__(self) -> None:
        hidden = tuple(self.hidden) if isinstance(self.hidden, (tuple, list, np.ndarray)) else (self.hidden,)
        settings: dict[str, Any] = {
            "inputs": whole_number("MLP", "inputs", self.inputs),
            "outputs": whole_number("MLP", "outputs", self.outputs),
            "hidden": tuple(whole_number("MLP", "hidden", h) for h in hidden),
        }
        check_names(self)
        settings["last_layer_scale"] = factor("MLP", "last_layer_scale", self.last_layer_scale)
        for label, width in (("input", settings["inputs"]), ("output", settings["outputs"])):
            for name in (f"{label}_shift", f"{label}_scale"):
                settings[name] = scaling("MLP", name, getattr(self, name), width)
        for name, value in settings.items():
            object.__setattr__(self, name, value)

    def __repr__(self) -> str:
        parts = [str(self.inputs), str(self.outputs)]
        for f in fields(self):
            if f.default is not MISSING and getattr(self, f.name) != f.default:
                parts.append(f"{f.name}={getattr(self, f.name)!r}")
        return f"MLP({', '.join(parts)})"

    @property
    def widths(self) -> tuple[int, ...]:
        """Units from the input to the output layer."""
        return (self.inputs, *self.hidden, self.outputs)

    def weight_shapes(self) -> dict[str, tuple[int, ...]]:
        shapes: dict[str, tuple[int, ...]] = {}
        for k, (n_in, n_out) in enumerate(zip(self.widths, self.widths[1:], strict=False), 1):
            shapes[f"layer_{k}.weight"] = (n_out, n_in)
            shapes[f"layer_{k}.bias"] = (n_out,)
        return shapes

    def draw(self, generator: np.random.Generator) -> dict[str, np.ndarray]:
        last = len(self.widths) - 1
        drawn = {}
        for name, shape in self.weight_shapes().items():
            if len(shape) == 2:
                scale = self.last_layer_scale if name == f"layer_{last}.weight" else 1.0
                drawn[name] = draw_weight(self.initializer, (shape[0], shape[1]), generator, scale)
            else:
                drawn[name] = np.zeros(shape)
        return drawn

    def expand(self, weights: Mapping[str, Expression], x: Expression) -> Expression:
        value: Any = (x - np.asarray(self.input_shift)) * (1.0 / np.asarray(self.input_scale))
        last = len(self.widths) - 1
        for k in range(1, last + 1):
            weight, bias = weights[f"layer_{k}.weight"], weights[f"layer_{k}.bias"]
            product = weight @ value if value.ndim == 1 else apply("matmul", value, weight.T)
            value = activation(self.output_activation if k == last else self.activation)(product + bias)
        return value * np.asarray(self.output_scale) + np.asarray(self.output_shift)

    def to_json(self) -> dict[str, Any]:
        return {"kind": self.kind, **{k: list(v) if isinstance(v, tuple) else v for k, v in self.__dict__.items()}}
