"""The modified multilayer perceptron: every hidden layer mixes two embeddings of the input."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..checks import choice, flag, known_arguments, settle
from ..errors import OptionError
from ..graph import Expression
from ..stored import stored
from .activation import activation
from .dense import Factorisation, dense
from .initializer import INITIALIZERS, draw_weight
from .point_network import PointNetwork
from .settings import Scale, counts

__all__ = ["ModifiedMLP"]


@stored
@known_arguments
@dataclass(frozen=True, repr=False)
class ModifiedMLP(PointNetwork):
    """Multilayer perceptron whose hidden layers are gates between two embeddings of the input.

    U = φ(W_U x + b_U), V = φ(W_V x + b_V); H₁ = φ(W₁ x + b₁); Z_k = φ(W_k H_{k−1} + b_k),
    H_k = (1 − Z_k) ⊙ U + Z_k ⊙ V for k = 2 … L; y = W_{L+1} H_L + b_{L+1}.

    Parameters
    ----------
    inputs, outputs
        Number of input and output features.
    hidden
        Units of each of the L hidden layers, all alike, as U and V have as many.
    activation
        φ. Needs to be smooth where the network's derivatives are.
    output_activation, input_shift, input_scale, output_shift, output_scale, initializer, last_layer_scale, factorised
        As for `unideq.nn.MLP`; `glorot_normal` is the default here, as in the paper.
    gate_first
        Whether the first hidden layer is a gate too: H₁ = (1 − Z₁) ⊙ U + Z₁ ⊙ V with Z₁ = φ(W₁ x + b₁).
    encoder_bias
        Initializer of b_U and b_V, as of the matrix from one input. The default is zero, as in later codes of the
        authors; the paper's public code draws them: `glorot_normal`. With inputs around zero and an odd φ, embeddings
        without biases start as odd functions.

    Notes
    -----
    The paper says "50/3" for three hidden layers of 50 units: `hidden=(50, 50, 50)`. It counts as many weights as a
    plain network's of that depth and the encoders' U and V on top, so one of the L hidden matrices makes H₁ and L − 1
    make gates: "50/3" has two gated layers. The authors' public code has the same weights but gates all L layers, the
    first one straight from the input; so do later codes of theirs. That is `gate_first=True`.

    The gate is computed as U + Z ⊙ (V − U), which is the same with fewer products in every derivative.

    Examples
    --------
    >>> import unideq as ude
    >>> ude.nn.ModifiedMLP(2, 1, hidden=(50, 50, 50)).size - ude.nn.MLP(2, 1, hidden=(50, 50, 50)).size  # U and V
    300

    Raises
    ------
    OptionError
        If hidden layers differ in width, or there is none to gate; else as for `unideq.nn.MLP`.

    References
    ----------
    Wang, Teng and Perdikaris, "Understanding and mitigating gradient flow pathologies in physics-informed neural
    networks", SIAM J. Sci. Comput. 43(5), A3055 (2021), arXiv:2001.04536, section 2.6.
    """

    kind: ClassVar[str] = "ModifiedMLP"
    inputs: int
    outputs: int
    hidden: tuple[int, ...] = (50, 50, 50)
    activation: str = "tanh"
    output_activation: str = "identity"
    input_shift: Scale = 0.0
    input_scale: Scale = 1.0
    output_shift: Scale = 0.0
    output_scale: Scale = 1.0
    initializer: str = "glorot_normal"
    last_layer_scale: float = 1.0
    factorised: Factorisation = None
    gate_first: bool = False
    encoder_bias: str = "zeros"

    def __post_init__(self) -> None:
        super().__post_init__()
        settle(self, counts, "hidden")
        if len(set(self.hidden)) != 1:
            raise OptionError(
                f"`ModifiedMLP` needs hidden layers of one width, as its gates mix them with two embeddings of that "
                f"width; not {self.hidden}."
            )
        settle(self, flag, "gate_first")
        settle(self, choice, "encoder_bias", choices=INITIALIZERS)
        if len(self.hidden) < 2 and not self.gate_first:
            raise OptionError("`ModifiedMLP` needs two hidden layers, or `gate_first=True`, to have a gate.")

    def dense_layers(self) -> dict[str, tuple[int, int]]:
        width = self.hidden[0]
        encoders = {"encoder_u": (self.inputs, width), "encoder_v": (self.inputs, width)}
        widths = (self.inputs, *self.hidden, self.outputs)
        return encoders | {f"layer_{k}": (widths[k - 1], widths[k]) for k in range(1, len(widths))}

    def draw(self, generator: np.random.Generator) -> dict[str, np.ndarray]:
        drawn = super().draw(generator)
        for encoder in ("encoder_u", "encoder_v"):
            drawn[f"{encoder}.bias"] = draw_weight(self.encoder_bias, (self.hidden[0], 1), generator)[:, 0]
        return drawn

    def layers(self, weights: Mapping[str, Expression], x: Any) -> Any:
        curve = activation(self.activation)
        u, v = curve(dense(weights, "encoder_u", x)), curve(dense(weights, "encoder_v", x))
        difference = v - u
        value, last = x, len(self.hidden)
        for k in range(1, last + 1):
            value = curve(dense(weights, f"layer_{k}", value))
            if k > 1 or self.gate_first:
                value = u + value * difference
        return dense(weights, f"layer_{last + 1}", value)
