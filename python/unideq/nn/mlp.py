"""The multilayer perceptron."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar

from ..checks import known_arguments, settle
from ..graph import Expression
from ..stored import stored
from .activation import activation
from .dense import Factorisation, dense
from .point_network import PointNetwork
from .settings import Scale, counts

__all__ = ["MLP"]


@stored
@known_arguments
@dataclass(frozen=True, repr=False)
class MLP(PointNetwork):
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
    factorised
        Random weight factorisation, W = diag(exp s) · V: (mean, deviation) of the normal distribution that s is drawn
        from; True is (1.0, 0.1). The initial function is that of the plain weights of the same seed. Default None:
        plain weights.

    Notes
    -----
    Called inside a model with `inputs` arguments it acts point-wise: the arguments broadcast to a common shape S, and
    the result has shape (outputs, *S), or S for one output. Called with one array whose last axis has length `inputs`
    (> 1) it acts on that axis, and the result's last axis has length `outputs`, also where that is 1.

    Examples
    --------
    >>> import unideq as ude
    >>> ude.nn.MLP(2, 1, hidden=(8, 8), activation="tanh").size
    105

    Raises
    ------
    OptionError
        If a name is unknown (with the closest match) or a width or a scaling can't be used.

    References
    ----------
    Wang, Wang, Seidman and Perdikaris, "Random weight factorization improves the training of continuous neural
    representations" (2022), arXiv:2210.01274.
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
    factorised: Factorisation = None

    def __post_init__(self) -> None:
        super().__post_init__()
        settle(self, counts, "hidden")

    @property
    def widths(self) -> tuple[int, ...]:
        """Units from the input to the output layer."""
        return (self.inputs, *self.hidden, self.outputs)

    def dense_layers(self) -> dict[str, tuple[int, int]]:
        return {f"layer_{k}": pair for k, pair in enumerate(pairwise(self.widths), 1)}

    def layers(self, weights: Mapping[str, Expression], x: Any) -> Any:
        for k in range(1, len(self.hidden) + 1):
            x = activation(self.activation)(dense(weights, f"layer_{k}", x))
        return dense(weights, f"layer_{len(self.hidden) + 1}", x)
